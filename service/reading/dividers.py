"""What is printed between the digits of a form's field: boxes, combs, and strokes that are the sides or teeth of such.

They look like ones, and hide how large the digits are.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.components import components
from service.reading.rows import Marks

_NARROW, _FULL = 0.2, 0.6  # of its height: a bar is no wider; of its box: it fills so much
_THINNEST = 4.0  # pixels: a bar that is no wider may lean a little
_LOWEST = 6.0  # pixels: of a lower one nothing can be said
_ALIKE = 0.08  # of the digits' height: so near to each other bars begin and end, that are of one field
_BEYOND, _FAR_BEYOND = (
    0.1,
    0.2,
)  # of the digits' height: so far above and below them sides of boxes reach, and two alone
_BELOW = 0.15  # of the digits' height: so far below their upper ends those of teeth are
_ABOVE = 0.4  # of the digits' height: so far above the teeth they may stand
_BOXES, _TEETH = 2, 3  # so many must be alike
_MOST = 200  # bars: with more it is a texture
_EVEN = 0.15  # of their distance: so evenly teeth stand
_LEAST, _FEW = 24, 64  # pixels: what is not so wide is no row of boxes; so many marks are looked at, the widest
_WIDE, _HELD = 1.3, 0.3  # times as wide as high: boxes are, unless they hold something, of so much of their height
_FINE, _FINE_FULL = 14, 9  # times as wide as its lines are thick: a digit is not, nor one that holds something
_UPRIGHT = 0.5  # of its height: so long its lines are straight, to the pixel
_LINES = 0.85  # of its area is in such
_THIN = 0.12  # of its height: what is left of a line that is not quite level or upright is no broader
_ALONG, _END = 0.9, 0.04  # of its width: so much of it its foot or head reaches; so near to its ends are uprights


def without_boxes(mask: NDArray[np.uint8], marks: Marks) -> NDArray[np.uint8]:
    """The mask, uint8 of 0 and 1, without those of its `marks` that are boxes or combs."""
    widest = np.argsort(-marks.w[1:], kind="stable")[:_FEW] + 1
    found = [label for label in widest.tolist() if marks.w[label] >= _LEAST and _is_box_or_comb(marks, label)]
    return np.where(np.isin(marks.labels, found), 0, mask).astype(np.uint8) if found else mask


def dividers(marks: Marks, bodies: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of the marks that are such strokes; `bodies`: the marks that may be digits."""
    x, top, bottom = marks.x + marks.w / 2, marks.y, marks.y + marks.h
    straight = (marks.area >= _FULL * marks.w * marks.h) | (marks.w <= _THINNEST)
    bars_only = (marks.w <= _NARROW * marks.h) & straight & (marks.h >= _LOWEST)
    bars_only[0] = False
    bars = np.flatnonzero(bars_only)
    digits = bodies[~bars_only[bodies]]
    if not _BOXES <= len(bars) <= _MOST or not len(digits):  # where there is nothing else they are ones
        return bars[:0]
    size = float(np.median(marks.h[digits]))
    found: list[int] = []
    for chain in _alike(bars[np.argsort(x[bars])], top, bottom, _ALIKE * size + 1):
        first, last = top[chain].max(), bottom[chain].min()
        beside = digits[(bottom[digits] > first - _ABOVE * size) & (top[digits] < last)]
        if not len(beside):
            continue
        highest, lowest = np.median(top[beside]), np.median(bottom[beside])
        beyond = (_BEYOND if len(chain) > _BOXES else _FAR_BEYOND) * size
        boxes = len(chain) >= _BOXES and first < highest - beyond and last > lowest + beyond
        gaps = np.diff(x[chain])
        even = len(chain) >= _TEETH and np.ptp(gaps / gaps.min() - np.round(gaps / gaps.min())) <= 2 * _EVEN
        teeth = even and first > highest + _BELOW * size and last > lowest - _BEYOND * size
        if boxes or teeth:
            found += chain
    return np.array(found, np.intp)


def _alike(
    bars: NDArray[np.intp], top: NDArray[np.float64], bottom: NDArray[np.float64], near: float
) -> list[list[int]]:
    """The bars, from left to right, in chains of those that begin and end at about the height of the one before."""
    chains: list[list[int]] = []
    for bar in bars.tolist():
        for chain in chains:
            if abs(top[bar] - top[chain[-1]]) <= near and abs(bottom[bar] - bottom[chain[-1]]) <= near:
                chain.append(bar)
                break
        else:
            chains.append([bar])
    return chains


def _is_box_or_comb(marks: Marks, label: int) -> bool:
    """Whether a mark is made of level and upright lines, with a level one all along its foot or head, and uprights at both ends."""
    x, y, w, h, area = (int(side[label]) for side in (marks.x, marks.y, marks.w, marks.h, marks.area))
    full = _holds(marks, label)
    if w < _WIDE * h and not full:
        return False
    part = (marks.labels[y : y + h, x : x + w] == label).astype(np.uint8)
    run = max(3, round(_UPRIGHT * h))
    level = cv2.morphologyEx(part, cv2.MORPH_OPEN, np.ones((1, run), np.uint8), borderType=cv2.BORDER_CONSTANT)
    upright = cv2.morphologyEx(part, cv2.MORPH_OPEN, np.ones((run, 1), np.uint8), borderType=cv2.BORDER_CONSTANT)
    lines = np.maximum(level, upright)
    thick = 2 * float(cv2.distanceTransform(np.pad(part, 1), cv2.DIST_L2, 3).max()) - 1
    if w < (_FINE_FULL if full else _FINE) * thick:
        return False
    if np.count_nonzero(lines) < _LINES * area:
        return False
    _, rest = components(part & (1 - lines))
    broad, tall = rest[1:, cv2.CC_STAT_WIDTH], rest[1:, cv2.CC_STAT_HEIGHT]
    if ((tall > _HELD * h) & (broad > _THIN * h)).any():  # a digit that touches the lines
        return False
    ends = max(2, round(_END * w))
    columns = np.any(upright, axis=0)
    along = max(np.count_nonzero(half.any(axis=0)) for half in (level[: h // 2], level[h // 2 :]))
    return bool(along >= _ALONG * w and columns[:ends].any() and columns[-ends:].any())


def _holds(marks: Marks, label: int) -> bool:
    """Whether there is another mark of some size within a mark's box."""
    x, y, right, bottom = marks.x, marks.y, marks.x + marks.w, marks.y + marks.h
    within = (x > x[label]) & (y > y[label]) & (right < right[label]) & (bottom < bottom[label])
    return bool(np.any(within & (marks.h >= _HELD * marks.h[label])))
