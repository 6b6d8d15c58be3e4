"""The ink of a page: what is darker, or lighter, than the paper around it, whatever the light and the pattern printed on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading import paper
from service.reading.strokes import stroke_widths
from service.reading.types import Grey

_THUMB = 192  # pixels of the longer side at which the paper is estimated at first
_FAINTEST = 10.0  # grey levels: ink weaker than this is paper
_ABOVE_NOISE = 3.0  # standard deviations of the paper's noise or pattern
_BODY, _SEED = 0.38, 0.6  # shares of full ink: what belongs to a stroke, and what makes it one
_DARKEST = 32.0  # grey levels: paper darker than this is not made brighter still
_BLACK = 16.0  # grey levels: what a camera sees of a board without light; of a board near it, a shadow cannot be told
_WIDEST = 75  # percentile of the strokes' widths along their length: few are wider, but for the edges of shadows

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PageInk:
    """`ink` uint8 `[height, width]`, bright on dark; `mask` uint8 of 0 and 1: what is stroke."""

    ink: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def page_ink(grey: Grey) -> PageInk | None:
    """The ink of a page, uint8 `[height, width]`; None where there is none."""
    height, width = grey.shape
    shrink = min(1.0, _THUMB / max(height, width))
    side = max(max(height, width) / 10, min(height, width) / 3)
    thumb = paper.shrunk(grey, shrink)
    light = _ink_is_light(thumb, side * shrink)
    found = _ink(_relief(grey, shrink, side, light))
    if found is None:
        return None
    # Now that the strokes' width is known, the paper is what is left when strokes so wide are wiped out: it follows a shadow's
    # edge much closer than the first guess.
    stroke = _usual_stroke(found.mask)
    closer = 4 * stroke + 2
    return _ink(_relief(grey, min(1.0, 3 / stroke), closer, light)) if closer < side else found


def _usual_stroke(mask: NDArray[np.uint8]) -> float:
    """How wide strokes are, in pixels, by their length: a shadow taken for ink has much area and is short, rules are no wider."""
    return max(1.0, float(np.percentile(stroke_widths(mask)[0], _WIDEST)))


def _ink(relief: Floats) -> PageInk | None:
    smooth = np.asarray(cv2.GaussianBlur(relief, (0, 0), 0.8), np.float32)
    full = paper.full_ink(smooth, max(relief.size // 2_000, 3), _FAINTEST)
    if full is None:
        return None
    body = max(_BODY * full, min(_ABOVE_NOISE * paper.noise(smooth), 0.6 * full))
    seed = max(_SEED * full, min(1.6 * body, 0.9 * full))
    count, labels = cv2.connectedComponents((smooth >= body).astype(np.uint8), connectivity=8)
    sure = np.zeros(count, np.uint8)
    sure[labels[smooth >= seed]] = 1
    sure[0] = 0
    mask = sure[labels]
    if not mask.any():
        return None
    floor = 0.5 * body
    ink = cv2.convertScaleAbs(np.maximum(relief - floor, 0), alpha=255.0 / (full - floor))
    return PageInk(np.asarray(ink, np.uint8), mask)


def _relief(grey: Grey, shrink: float, side: float, ink_is_light: bool) -> Floats:
    """How far each pixel is from the paper towards ink in strokes below `side` pixels, as if all of the page were equally lit.

    In grey levels: of white paper for dark ink, of the page's own for light ink. The paper is estimated at `shrink` of the size.
    """
    height, width = grey.shape
    thumb = paper.shrunk(grey, shrink)
    odd = 2 * round(side * shrink / 2) + 1
    way = cv2.MORPH_OPEN if ink_is_light else cv2.MORPH_CLOSE
    ground = cv2.morphologyEx(thumb, way, np.ones((odd, odd), np.uint8), borderType=cv2.BORDER_REPLICATE)
    ground = cv2.medianBlur(
        ground, odd
    )  # a mean would wash out the edge of a shadow, and what is left there would be ink
    ground = cv2.GaussianBlur(ground, (0, 0), 0.8)
    found = cv2.resize(ground, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    if ink_is_light:
        usual = float(np.median(ground)) + _BLACK
        relief = (grey - found) * (usual / (found + _BLACK))
    else:
        relief = (found - grey) * (255.0 / np.maximum(found, _DARKEST))
    # The ground takes the paper's grains on one side: half of the paper must lie below it.
    return np.asarray(relief - np.median(relief[:: 1 + height // 200, :: 1 + width // 200]), np.float32)


def _ink_is_light(thumb: Grey, side: float) -> bool:
    """Whether what stands out of its surroundings, `side` pixels about, is lighter than they are."""
    odd = min(max(2 * round(side / 2) + 1, 3), 255)
    away = thumb.astype(np.float32) - cv2.medianBlur(thumb, odd)
    return paper.lean(away, paper.noise(away)) > 0
