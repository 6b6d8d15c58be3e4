"""A page of digits on its way to the model: decode → ink → lines → tiles. `texts.py` goes on from there."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.reading.decode import Page, decode
from service.reading.lines import Strip, find_lines
from service.reading.page import PageInk, page_ink
from service.reading.tiles import HEIGHT, TILE, LinePicture, line_picture, tiles, tiles_of
from service.reading.types import Grey

# The longer side, in pixels, at which lines are looked for: at first coarsely, and again where the writing is too small for that.
COARSE_SIZE, WORKING_SIZE = 640, 2000
_LEGIBLE = 22  # pixels: digits at least so high lose nothing by being seen coarsely
_LOWEST = 4  # pixels: in fewer no digit can be told from another; enlarged they would be work without end
_MOST_TILES = 1_000  # a page with more is a texture: one full of digits that are just legible has fewer


@dataclass(frozen=True, slots=True)
class PreparedNumber:
    """A page on its way to the model. `questions` uint8 `[N, 32, TILE]`: the tiles of all `lines`, one after the other.

    `mask` uint8 of 0 and 1: the ink at working resolution; None: there is none.
    """

    page: Page
    mask: NDArray[np.uint8] | None
    lines: tuple[tuple[Strip, LinePicture], ...]
    questions: NDArray[np.uint8]
    decode_seconds: float
    ink_seconds: float


def prepare_number(picture: bytes | Grey, max_pixels: int) -> PreparedNumber:
    """Everything before the model. Raises `PictureError`."""
    started = time.perf_counter()
    page = decode(picture, max_pixels, WORKING_SIZE)
    decoded = time.perf_counter()
    coarse = page.reduced(COARSE_SIZE)
    found, strips = _look(coarse.grey)
    if coarse is not page and min((strip.height for strip in strips), default=0) < _LEGIBLE:
        found, strips = _look(page.grey)
    else:
        page = coarse
    strips = [strip for strip in strips if strip.height >= _LOWEST]
    if sum(tiles_of(strip) for strip in strips) > _MOST_TILES:
        strips = []
    lines = tuple((strip, line_picture(strip)) for strip in strips)
    asked = [np.zeros((0, HEIGHT, TILE), np.uint8), *(tiles(picture) for _, picture in lines)]
    return PreparedNumber(
        page,
        found.mask if found else None,
        lines,
        np.concatenate(asked),
        decoded - started,
        time.perf_counter() - decoded,
    )


def _look(grey: Grey) -> tuple[PageInk | None, list[Strip]]:
    found = page_ink(grey)
    return found, find_lines(found) if found else []
