"""The ink of a page: what is darker, or lighter, than the paper around it, whatever the light and the pattern printed on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading import paper
from service.reading.normalise import stroke_width
from service.reading.types import Grey

_THUMB = 192  # pixels of the longer side at which the paper is estimated at first
_FAINTEST = 10.0  # grey levels: ink weaker than this is paper
_ABOVE_NOISE = 3.0  # standard deviations of the paper's noise or pattern
_BODY, _SEED = 0.38, 0.6  # shares of full ink: what belongs to a stroke, and what makes it one
_DARKEST = 32.0  # grey levels: paper darker than this is not made brighter still

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
    values = 255 - grey if _ink_is_light(thumb, side * shrink) else grey
    found = _ink(_relief(values, shrink, side))
    if found is None:
        return None
    # Now that the strokes' width is known, the paper is what is left when strokes so wide are wiped out: it follows a shadow's
    # edge much closer than the first guess.
    stroke = stroke_width(found.mask * np.uint8(255))
    closer = 4 * stroke + 2
    return _ink(_relief(values, min(1.0, 3 / stroke), closer)) if closer < side else found


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


def _relief(values: Grey, shrink: float, side: float) -> Floats:
    """How much of the paper's light each pixel lacks, in grey levels of white paper, for dark ink in strokes below `side` pixels.

    The paper is estimated at `shrink` of the size.
    """
    height, width = values.shape
    thumb = paper.shrunk(values, shrink)
    odd = 2 * round(side * shrink / 2) + 1
    ground = cv2.morphologyEx(thumb, cv2.MORPH_CLOSE, np.ones((odd, odd), np.uint8), borderType=cv2.BORDER_REPLICATE)
    ground = cv2.GaussianBlur(ground, (0, 0), max(odd / 4, 0.5))
    light = cv2.resize(ground, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    relief = (light - values) * (255.0 / np.maximum(light, _DARKEST))
    # The closing takes the paper's brightest grains: half of the paper must lie below the ground.
    return np.asarray(relief - np.median(relief[:: 1 + height // 200, :: 1 + width // 200]), np.float32)


def _ink_is_light(thumb: Grey, side: float) -> bool:
    """Whether what stands out of its surroundings, `side` pixels about, is lighter than they are."""
    odd = min(max(2 * round(side / 2) + 1, 3), 255)
    away = thumb.astype(np.float32) - cv2.medianBlur(thumb, odd)
    return paper.lean(away, paper.noise(away)) > 0
