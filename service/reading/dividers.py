"""Printed strokes between the digits of a form's field: the sides of its boxes, or the teeth of its comb, which look like ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.reading.rows import Marks

_NARROW, _FULL = 0.2, 0.6  # of its height: a bar is no wider; of its box: it fills so much
_THINNEST = 4.0  # pixels: a bar that is no wider may lean a little
_LOWEST = 6.0  # pixels: of a lower one nothing can be said
_ALIKE = 0.08  # of the digits' height: so near to each other bars begin and end, that are of one field
_BEYOND, _FAR_BEYOND = (
    0.1,
    0.2,
)  # of the digits' height: so far above and below them the sides of boxes reach, or of one alone
_BELOW = 0.15  # of the digits' height: so far below their upper ends those of teeth are
_ABOVE = 0.4  # of the digits' height: so far above the teeth they may stand
_BOXES, _TEETH = 2, 3  # so many must be alike
_EVEN = 0.15  # of their distance: so evenly teeth stand


def dividers(marks: Marks, bodies: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of the marks that are such strokes; `bodies`: the marks that may be digits."""
    x, top, bottom = marks.x + marks.w / 2, marks.y, marks.y + marks.h
    straight = (marks.area >= _FULL * marks.w * marks.h) | (marks.w <= _THINNEST)
    bars_only = (marks.w <= _NARROW * marks.h) & straight & (marks.h >= _LOWEST)
    bars_only[0] = False
    bars = np.flatnonzero(bars_only)
    digits = bodies[~bars_only[bodies]]
    if len(bars) < _BOXES or not len(digits):
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
