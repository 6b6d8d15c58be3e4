"""What the picture would be without ink: the paper's level, its light, and how noisy it is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading import polarity
from service.reading.sloping import sloping
from service.reading.strokes import is_too_broad
from service.reading.types import Grey

_THUMB = 96  # pixels of the longer side at which the light is estimated
_FLAT = 6, 0.9  # a flat picture: within so many grey levels of its frame's median lies such a share of the frame
_CLEAN = 1, 0.55  # the same of a drawing, whatever touches its frame
_BAND_LEVELS, _BAND_AGREE, _BAND_PAPER = 0.1, 0.85, 0.65  # bands: share of the contrast, of the columns, of the picture
_SHADOW = 0.25  # of the light: a shadow leaves more than this
_EVEN = 0.12  # of the contrast: mean deviation of the paper's level where the light may be even
_CLEARLY = 0.05  # the same where nothing else fits better
_TINY = 20  # pixels: a picture that is no more holds a digit and nothing else
_WIDEST = 0.25  # of the shorter side: no stroke is wider
_MAJORITY = 0.6  # of the shorter side: a window of which most is paper
_GRAIN = 0.8  # pixels: standard deviation of the blur that evens the paper's grain
_SAMPLE = 4_096
MAD_TO_SIGMA = 1.4826


Way = Literal["clear", "sloping", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Relief:
    """How far each pixel is from the paper towards ink, in grey levels (negative: away from it), float32 `[height, width]`.

    The paper, flat or unevenly lit, is taken away, and dark and light ink come out alike. `way`: how the paper was found.
    """

    values: NDArray[np.float32]
    way: Way = "clear"


def reliefs(grey: Grey, way: Way | None = None) -> Iterator[Relief]:
    """One where the picture tells what is paper; else what may be, the likelier before the other.

    `way`: of these the one that was found so, or the first where there is no such.
    """
    clear = _clear(grey)
    if clear is not None:
        yield Relief(clear)
        return
    thumb = shrunk(grey, _THUMB / max(grey.shape))
    smooth = np.asarray(cv2.GaussianBlur(thumb, (0, 0), _GRAIN), np.uint8)
    told = None if max(grey.shape) <= _TINY else polarity.ink_is_light(smooth)
    even, clearly = _even(grey, thumb, told)
    if even is not None and clearly:
        yield Relief(even)
        return
    values, sure = sloping(grey, smooth, told) if max(grey.shape) > _TINY else (None, False)
    if even is not None and not sure:
        yield Relief(even)
        return
    if values is not None and (sure or way in (None, "sloping")):
        yield Relief(values, "sloping")
    if sure:
        return
    if way in ("light", "dark"):
        ways = [way == "light"]
    elif told is None:
        likelier = _is_rather_light(thumb)
        ways = [likelier, not likelier]
    else:
        ways = [told]
    for light in ways:
        yield Relief(_uneven(grey, thumb, smooth, light), "light" if light else "dark")


def _clear(grey: Grey) -> NDArray[np.float32] | None:
    """Of flat paper, or of paper in stripes."""
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    edges.sort()
    frame = edges.tobytes()
    level = frame[len(frame) // 2]
    if _count_within(frame, level, _FLAT[0]) >= _FLAT[1] * len(frame):
        return _flat(grey, level)
    banded = _banded(grey)
    if banded is not None:
        return banded
    return _flat(grey, level) if _count_within(frame, level, _CLEAN[0]) >= _CLEAN[1] * len(frame) else None


def _count_within(frame: bytes, level: int, distance: int) -> int:
    """How many of the sorted grey levels `frame` are no further from `level` than `distance`."""
    return bisect_right(frame, level + distance) - bisect_left(frame, level - distance)


def _flat(grey: Grey, level: int) -> NDArray[np.float32]:
    difference = grey.astype(np.float32) - np.float32(level)
    sample = _sample(difference)
    lowest, highest, _, _ = cv2.minMaxLoc(sample)
    if lowest < 0 < highest:
        rises = _rises(difference)
        if rises is None:  # so much ink that it counts as noise
            rises = bool(sample.sum() > 0)
    else:  # as on paper that is quite black or quite white
        rises = highest > 0
    return difference if rises else -difference


def noise(relief: NDArray[np.float32]) -> float:
    """The paper's standard deviation, in the unit of `relief`, by the median absolute deviation.

    Of all pixels, or of those below the paper alone, whichever is less: ink rises to one side only, however much there is.
    """
    sample = _sample(relief)
    if 2 * np.count_nonzero(sample) < len(sample):  # the median is 0, and so is that of the deviations from it
        return 0.0
    sample = np.sort(sample)  # partitioning is slower where most values are equal
    middle = len(sample) // 2
    overall = np.sort(np.abs(sample - sample[middle]))[middle]
    below = int(np.searchsorted(sample, 0.0))
    return MAD_TO_SIGMA * float(min(overall, -sample[below // 2] if below else 0.0))


def full_ink(relief: NDArray[np.float32], specks: int, weakest: float) -> float | None:
    """How far full ink is from the paper, in grey levels; None where nothing is as far as `weakest` but `specks` pixels.

    The median of what rises above half of the strongest; the few pixels that rise above all else are passed over.
    """
    levels = cv2.calcHist([cv2.convertScaleAbs(np.maximum(relief, 0))], [0], None, [256], [0, 256])
    at_least = levels[::-1].cumsum()  # how many pixels rise to 255, to 254 or above it, …
    strongest = 255 - int(at_least.searchsorted(min(specks, relief.size - 1), "right"))
    if strongest < weakest:
        return None
    strong = int(at_least[254 - strongest // 2])
    return 255.0 - int(at_least.searchsorted(strong / 2, "right"))


def lean(values: NDArray[np.float32], noise: float) -> float:
    """What stands out of paper with that `noise`, summed up: positive where it is lighter than the paper."""
    return float(values[np.abs(values) > 3 * noise + 4].sum())


def shrunk(values: Grey, shrink: float) -> Grey:
    """The picture at the share `shrink` of its size, by area; itself from 1 on."""
    if shrink >= 1:
        return values
    rows, columns = (max(1, round(side * shrink)) for side in values.shape)
    return np.asarray(cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.ravel()[:: values.size // _SAMPLE | 1]  # an odd step does not fall into a picture's even columns


def _rises(difference: NDArray[np.float32]) -> bool | None:
    """Whether what stands out of the paper is lighter than it; None where nothing does, or as much each way."""
    way = lean(_sample(difference), noise(difference))
    return way > 0 if way else None


def _banded(grey: Grey) -> NDArray[np.float32] | None:
    """Paper in stripes, such as half black and half white: both ends of a column (or row) agree, whatever its neighbours are."""
    contrast = float(np.ptp(grey))
    for turned in (False, True):
        view = grey.T if turned else grey
        rows, columns = view.shape
        if min(rows, columns) < 12 or max(rows, columns) > 2 * min(rows, columns):
            continue
        deep = max(1, rows // 14)
        top, bottom = view[:deep].mean(axis=0), view[-deep:].mean(axis=0)
        alike = np.flatnonzero(np.abs(top - bottom) <= _BAND_LEVELS * contrast)
        if len(alike) < _BAND_AGREE * columns or np.ptp(top[alike]) < 0.5 * contrast:
            continue
        if top[alike].min() > _SHADOW * top[alike].max():
            continue
        nearest = alike[np.abs(np.arange(columns)[:, None] - alike).argmin(axis=1)]
        paper = ((top + bottom)[nearest] / 2).astype(np.float32)
        difference = np.abs(view - paper)
        if np.count_nonzero(difference <= _BAND_LEVELS * contrast) >= _BAND_PAPER * difference.size:
            return np.ascontiguousarray(difference.T) if turned else difference
    return None


def _even(grey: Grey, thumb: Grey, told: bool | None) -> tuple[NDArray[np.float32] | None, bool]:
    """Paper of one level although the frame is not: a digit that fills the picture, or a cell with borders. None: it is uneven.

    `thumb` is the picture made small; `told`: whether ink is light, where that is known.
    """
    threshold = cv2.threshold(thumb, 0, 255, cv2.THRESH_OTSU)[0]
    light = thumb > threshold
    if light.all() or not light.any():
        return None, False
    if max(grey.shape) > _TINY:
        levels = float(np.median(thumb[~light])), float(np.median(thumb[light]))
    else:  # most of its pixels may be mixed of ink and paper
        levels = float(thumb.min()), float(thumb.max())
    ink_is_light = polarity.likeness_to_paper(light) < 0.5
    if told not in (None, ink_is_light):
        return None, False
    paper = levels[0] if ink_is_light else levels[1]
    ink = (light == ink_is_light).astype(np.uint8)
    if max(ink.shape) > _TINY and is_too_broad(ink):
        return None, False
    blank = cv2.dilate(ink, np.ones((3, 3), np.uint8)) == 0  # beside ink, pixels are mixed
    strays = np.abs(thumb[blank] - np.float32(paper)).mean() / (levels[1] - levels[0]) if blank.any() else 0.0
    if strays > _EVEN:
        return None, False
    difference = grey.astype(np.float32) - np.float32(paper)
    return difference if ink_is_light else -difference, strays <= _CLEARLY


def _is_rather_light(thumb: Grey) -> bool:
    """Whether ink is rather light than dark, in a picture that does not tell."""
    light = thumb > cv2.threshold(thumb, 0, 255, cv2.THRESH_OTSU)[0]
    window = 2 * (round(_MAJORITY * min(thumb.shape)) // 2) + 1
    rises = None if polarity.bordered(light) else _rises(thumb.astype(np.float32) - cv2.medianBlur(thumb, window))
    return polarity.likeness_to_paper(light) < 0.5 if rises is None else rises


def _uneven(grey: Grey, thumb: Grey, smooth: Grey, ink_is_light: bool) -> NDArray[np.float32]:
    """Paper whose light changes: what is left of the picture when everything narrower than a stroke may be is filled in.

    The edge of a shadow stays where it is then, as long as it is straight. `thumb` is the picture made small, `smooth` that without
    its grain.
    """
    seen = grey.astype(np.float32)
    shape = cv2.MORPH_ELLIPSE
    if thumb is not grey:  # at its full size, for in the small one the two sides of a shadow's edge are mixed
        smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), _GRAIN), np.uint8)
        seen, shape = smooth.astype(np.float32), cv2.MORPH_RECT  # as good for straight edges, and quick at any size
    side = 2 * (round(_WIDEST * min(grey.shape)) // 2) + 1
    way = cv2.MORPH_OPEN if ink_is_light else cv2.MORPH_CLOSE
    paper = cv2.morphologyEx(smooth, way, cv2.getStructuringElement(shape, (side, side))).astype(np.float32)
    difference = seen - paper if ink_is_light else paper - seen
    difference -= np.median(_sample(difference))  # grain is filled in as well
    if not ink_is_light:  # ink takes away a share of the light that falls on it: shadows hold weaker ink
        bright = float(paper.max())
        difference *= bright / np.maximum(paper, max(bright / 8, 1.0))
    return np.asarray(difference, np.float32)
