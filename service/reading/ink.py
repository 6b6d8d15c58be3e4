"""Which of the picture's marks are the digit: ink above the paper, without the frame's remnants, stray strokes and dirt."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading import paper
from service.reading.types import Box, Grey

_FAINTEST = 10.0  # grey levels: a mark weaker than this is paper
_ABOVE_NOISE = 5.0  # standard deviations of the paper's noise that a mark must rise above it
_BODY, _SEED = 0.3, 0.5  # shares of full ink: what belongs to a mark, and what makes it one
_EDGE = 0.08  # share of full ink at which the ink's box ends


@dataclass(frozen=True, slots=True)
class Found:
    """`ink` uint8, bright on dark, cut to `box` (in pixels of the picture that was searched)."""

    ink: NDArray[np.uint8]
    box: Box


@dataclass(frozen=True, slots=True)
class _Marks:
    """Connected components: `labels` int32 `[height, width]`, `stats` as OpenCV gives them, `mass` per component."""

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]
    mass: NDArray[np.float64]


def find_digit(grey: Grey) -> Found | None:
    """The marks that make up the picture's one digit, or None where there is no ink."""
    relief = paper.relief(grey)
    ink = _ink(relief, 0.0)
    if ink is None:
        return None
    marks = _marks(ink)
    remnants = _remnants(marks)
    rest = relief
    if remnants:
        wide = 3 + 2 * (max(grey.shape) // 100)
        gone = cv2.dilate(np.isin(marks.labels, remnants).astype(np.uint8), np.ones((wide, wide), np.uint8)) > 0
        rest = relief[~gone]
        relief = np.where(gone, np.float32(0), relief)
    if not rest.size:
        return None
    noise = paper.noise(rest)
    if remnants or noise:  # without the remnants the rest may be ink of its own strength, or nothing but paper
        ink = _ink(relief, noise)
        if ink is None:
            return None
        marks = _marks(ink)
    chosen = _choose(marks)
    return _cut(ink, marks, chosen) if chosen else None


def _ink(relief: NDArray[np.float32], noise: float) -> NDArray[np.uint8] | None:
    """Relief scaled so that full ink is 255, uint8; None where nothing stands out of paper with that `noise`."""
    levels = cv2.calcHist([cv2.convertScaleAbs(np.maximum(relief, 0))], [0], None, [256], [0, 256]).ravel()
    at_least = np.cumsum(levels[::-1])[::-1]  # how many pixels rise to each level or above it
    strongest = int(np.flatnonzero(at_least > min(max(relief.size // 20_000, 3), 40, relief.size - 1))[-1])
    if strongest < max(_FAINTEST, _ABOVE_NOISE * noise):
        return None
    strong = at_least[strongest // 2 + 1]  # full ink: the median of what rises above half of that
    full = float(np.flatnonzero(at_least > strong / 2)[-1])
    floor = min(2.0 * noise, 0.25 * full)
    return np.asarray(cv2.convertScaleAbs(np.maximum(relief - floor, 0), alpha=255.0 / (full - floor)), np.uint8)


def _marks(ink: NDArray[np.uint8]) -> _Marks:
    body = (ink >= 255 * _BODY).astype(np.uint8)
    count, components, boxes, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    labels, stats = np.asarray(components, np.int32), np.asarray(boxes, np.int32)
    mass = np.full(count, float(ink.sum()))
    if count > 2:
        inked = body > 0
        mass = np.bincount(labels[inked], ink[inked], count).astype(np.float64)
        sure = np.bincount(labels[ink >= 255 * _SEED], minlength=count)
        mass[sure == 0] = 0
    mass[0] = 0
    return _Marks(labels, stats, mass)


def _remnants(marks: _Marks) -> list[int]:
    """Marks that the cut left of a frame, a ruled line or a neighbour: they keep to the picture's edges and shun its middle."""
    height, width = marks.labels.shape
    x, y, w, h, _ = marks.stats.T
    longer = np.maximum(w / width, h / height)
    touching = (x == 0) | (y == 0) | (x + w == width) | (y + h == height)
    large, small = longer > 0.5, touching & (longer < 0.3)
    large[0] = small[0] = False
    beside = (y + h <= height // 4) | (y >= height - height // 4) | (x + w <= width // 4) | (x >= width - width // 4)
    return [
        *np.flatnonzero(small & beside).tolist(),
        *(i for i in np.flatnonzero(small & ~beside).tolist() if _shuns_middle(marks, i)),
        *(i for i in np.flatnonzero(large).tolist() if _shuns_middle(marks, i) and _straight(marks, i)),
    ]


def _shuns_middle(marks: _Marks, i: int) -> bool:
    height, width = marks.labels.shape
    x, y, w, h, area = (int(v) for v in marks.stats[i])
    rows = slice(max(y, height // 4), min(y + h, height - height // 4))
    columns = slice(max(x, width // 4), min(x + w, width - width // 4))
    return bool(np.count_nonzero(marks.labels[rows, columns] == i) <= 0.12 * area)


def _straight(marks: _Marks, i: int) -> bool:
    """Whether a mark is made of upright and level lines: most of it lies in rows or columns that it fills for a stretch."""
    height, width = marks.labels.shape
    x, y, w, h, area = (int(v) for v in marks.stats[i])
    part = marks.labels[y : y + h, x : x + w] == i
    rows = np.count_nonzero(part, axis=1) > 0.25 * width
    columns = np.count_nonzero(part, axis=0) > 0.25 * height
    return bool(np.count_nonzero(part & (rows[:, None] | columns[None, :])) > 0.7 * area)


def _choose(marks: _Marks) -> list[int]:
    """The main mark, by its mass and its place, and those that belong to it.

    A stroke of its own does, within reach of the main mark; so does anything comparable wherever it is, since then there is
    more than one digit and the model must see that. A dot or a stray bit does not, unless it is a broken stroke's end.
    """
    height, width = marks.labels.shape
    if len(marks.stats) == 2:
        return [1] if marks.mass[1] > 0 else []
    x, y, w, h = marks.stats[:, :4].T.astype(np.float64)
    off = np.maximum(np.abs((x + w / 2) / width - 0.5), np.abs((y + h / 2) / height - 0.5))
    main = int((marks.mass * (1 - 0.8 * off)).argmax())
    if marks.mass[main] == 0:
        return []
    gap = np.maximum.reduce([x - (x + w)[main], x[main] - (x + w), y - (y + h)[main], y[main] - (y + h)])
    size = max(w[main], h[main])
    share = marks.mass / marks.mass[main]
    bit = np.maximum(w, h) < 0.22 * size
    stroke = ~bit & (gap <= 0.3 * size) & (share > 0.04)
    end = bit & (gap <= 0.06 * size) & (share > 0.01)
    return [int(i) for i in np.flatnonzero((share > 0.4) | stroke | end)]


def _cut(ink: NDArray[np.uint8], marks: _Marks, chosen: list[int]) -> Found:
    height, width = ink.shape
    boxes = marks.stats[chosen]
    left, top = int(boxes[:, 0].min()), int(boxes[:, 1].min())
    right, bottom = int((boxes[:, 0] + boxes[:, 2]).max()), int((boxes[:, 1] + boxes[:, 3]).max())
    soft = 1 + max(right - left, bottom - top) // 24  # strokes fade over their edge
    left, top, right, bottom = (
        max(0, left - soft),
        max(0, top - soft),
        min(width, right + soft),
        min(height, bottom + soft),
    )
    cut = ink[top:bottom, left:right].copy()
    if len(marks.stats) > 2 or np.count_nonzero(cut) != np.count_nonzero(ink):
        labels = marks.labels[top:bottom, left:right]
        lut = np.zeros(len(marks.stats), np.uint8)
        lut[chosen] = 1
        near = cv2.dilate(lut[labels], np.ones((2 * soft + 1, 2 * soft + 1), np.uint8))
        cut[near == 0] = 0
    x, y, w, h = cv2.boundingRect((cut >= 255 * _EDGE).astype(np.uint8))
    return Found(cut[y : y + h, x : x + w], Box(left + x, top + y, w, h))
