"""A page of digits on its way to the model: decode → ink → lines → tiles. `texts.py` goes on from there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.decode import decode
from service.reading.dividers import without_boxes
from service.reading.frame import without_frame
from service.reading.lines import Strip, find_lines
from service.reading.page import page_ink
from service.reading.picture import Page
from service.reading.rows import Marks, marks_of
from service.reading.sheet import Sheet, find_sheet
from service.reading.tiles import HEIGHT, TILE, LinePicture, line_picture, tiles, tiles_of
from service.reading.types import Grey

# The longer side, in pixels, at which lines are looked for: at first coarsely, and again where the writing is too small for that.
COARSE_SIZE, WORKING_SIZE = 640, 2000
_LEGIBLE = 22  # pixels: digits at least so high lose nothing by being seen coarsely
_LOWEST = 4  # pixels: in fewer no digit can be told from another; enlarged they would be work without end
_OUTLINE = 1 / 3  # of the longer side: a mark that spans more is no digit, unless digits fill the picture
_INSIDE = 0.5  # of a mark: what is less so is a bit of the sheet's outline
_STRAIGHT = 3.0  # times as long as wide
_MOST_TILES = 1_000  # a page with more is a texture: one full of digits that are just legible has fewer


@dataclass(frozen=True, slots=True)
class PreparedNumber:
    """A page on its way to the model. `questions` uint8 `[N, 32, TILE]`: the tiles of all `lines`, one after the other.

    `mask` uint8 of 0 and 1: the ink at working resolution; None: there is none. `decoded`: the page at the resolution that it was
    decoded to. `outlined`: some ink may be the outline of a sheet. `sheet`: this is no more than that.
    `quarters` of a whole turn: so far it has been turned to the left.
    """

    page: Page
    mask: NDArray[np.uint8] | None
    lines: tuple[tuple[Strip, LinePicture], ...]
    questions: NDArray[np.uint8]
    decode_seconds: float
    ink_seconds: float
    decoded: Page
    outlined: bool
    sheet: Sheet | None = None
    quarters: int = 0


def prepare_number(picture: bytes | Grey, max_pixels: int) -> PreparedNumber:
    """Everything before the model. Raises `PictureError`."""
    started = time.perf_counter()
    page = decode(picture, max_pixels, WORKING_SIZE)
    return _prepared(page, time.perf_counter() - started)


def prepare_sheet(picture: bytes | Grey, whole: PreparedNumber, max_pixels: int) -> PreparedNumber | None:
    """The same of the sheet alone that is a part of the picture; `whole`: all of it. None where no sheet is seen."""
    started = time.perf_counter()
    sheet = find_sheet(picture, whole.decoded, max_pixels)
    if sheet is None:
        return None
    found = time.perf_counter() - started
    prepared = _prepared(sheet.page, whole.decode_seconds, sheet.inner)
    seconds = whole.ink_seconds + found + prepared.ink_seconds
    return replace(prepared, ink_seconds=seconds, sheet=sheet)


def prepare_turned(whole: PreparedNumber, quarters: int) -> PreparedNumber:
    """The same of a page that has been prepared, turned to the left by so many quarters of a whole turn."""
    sheet = whole.sheet
    page = whole.decoded.turned(quarters)
    if sheet is not None:
        sheet = replace(sheet, page=page, inner=np.ascontiguousarray(np.rot90(sheet.inner, quarters)))
    prepared = _prepared(page, whole.decode_seconds, None if sheet is None else sheet.inner)
    return replace(prepared, ink_seconds=whole.ink_seconds + prepared.ink_seconds, sheet=sheet, quarters=quarters)


def _prepared(decoded: Page, decode_seconds: float, inner: NDArray[np.uint8] | None = None) -> PreparedNumber:
    started = time.perf_counter()
    page = decoded
    coarse = page.reduced(COARSE_SIZE)
    found = _look(coarse.grey, inner)
    if coarse is not page and min((strip.height for strip in found.strips), default=0) < _LEGIBLE:
        found = _look(page.grey, inner)
    else:
        page = coarse
    strips = [strip for strip in found.strips if strip.height >= _LOWEST]
    if sum(tiles_of(strip) for strip in strips) > _MOST_TILES:
        strips = []
    lines = tuple((strip, line_picture(strip)) for strip in strips)
    asked = [np.zeros((0, HEIGHT, TILE), np.uint8), *(tiles(picture) for _, picture in lines)]
    return PreparedNumber(
        page,
        found.mask,
        lines,
        np.concatenate(asked),
        decode_seconds,
        time.perf_counter() - started,
        decoded,
        found.outlined,
    )


@dataclass(frozen=True, slots=True)
class _Look:
    mask: NDArray[np.uint8] | None = None
    strips: Sequence[Strip] = ()
    outlined: bool = False


def _look(grey: Grey, inner: NDArray[np.uint8] | None) -> _Look:
    """`inner`: where it is no outline, of any size; what is mostly elsewhere is a bit of one."""
    ink = page_ink(grey)
    if ink is None:
        return _Look()
    marks = marks_of(ink.mask)
    spans = np.maximum(marks.w[1:], marks.h[1:])
    outlined = bool(spans.max(initial=0) > _OUTLINE * max(grey.shape))
    removals = without_boxes, without_frame if inner is None else partial(_without_outline, inner=inner)
    for without in removals:
        mask = without(ink.mask, marks)
        if mask is not ink.mask:
            ink, marks = replace(ink, mask=mask), marks_of(mask)
    return _Look(ink.mask, find_lines(ink, marks), outlined) if ink.mask.any() else _Look(outlined=outlined)


def _without_outline(mask: NDArray[np.uint8], marks: Marks, inner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask without bits of a sheet's outline: straight ones, mostly where `inner`, of any size, is 0."""
    away = cv2.resize(inner, mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    inside = np.bincount(marks.labels[away], minlength=len(marks.x))
    # What is not even that long across cannot be straight: a texture has very many such specks.
    some = (inside < _INSIDE * marks.area) & (np.hypot(marks.w, marks.h) >= _STRAIGHT)
    bits = [label for label in np.flatnonzero(some).tolist() if label and _straight(marks, label)]
    return np.where(np.isin(marks.labels, bits), 0, mask).astype(np.uint8) if bits else mask


def _straight(marks: Marks, label: int) -> bool:
    x, y, w, h = (int(side[label]) for side in (marks.x, marks.y, marks.w, marks.h))
    points = cv2.findNonZero((marks.labels[y : y + h, x : x + w] == label).view(np.uint8))
    shorter, longer = sorted(cv2.minAreaRect(points)[1])
    return bool(longer + 1 >= _STRAIGHT * (shorter + 1))
