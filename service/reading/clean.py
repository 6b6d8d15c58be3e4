"""Clean small drawings, such as MNIST's: a crowd of them at once, in a fraction of the time that each takes by itself.

A picture is clean where paper of exactly one level goes all around it, less than half of it is anything else, and that is one mark
with room beside it, so that there is nothing to be told from the digit. What is found is what `find_digit` and `normalise` find,
pixel for pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.grain import BESIDE, PITTED
from service.reading.ink import EDGE, FAINTEST, ROOMY, soft_edge
from service.reading.marks import BODY
from service.reading.normalise import CANVAS, KEPT, corner, normalise
from service.reading.rules import SPAN
from service.reading.types import Box, Grey

_SMALLEST = 8  # pixels of the shorter side
_SPECKS = 3  # pixels that may be stronger than all ink, in a small picture

Pictures = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.intp]
Clean = tuple[NDArray[np.uint8], Box]
"""The digit of a clean picture, uint8 `[28, 28]`, as the model is shown it, and where its ink is."""


def find_clean(greys: Sequence[Grey]) -> list[Clean | None]:
    """The digit of each picture that is clean and has less than `ROOMY` pixels a side; None for any other."""
    found: list[Clean | None] = [None] * len(greys)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for at, grey in enumerate(greys):
        if max(grey.shape) < ROOMY and min(grey.shape) >= _SMALLEST:
            by_shape.setdefault(grey.shape, []).append(at)
    for places in by_shape.values():
        for at, clean in _of_one_shape(np.stack([greys[at] for at in places])):
            found[places[at]] = clean
    return found


def _of_one_shape(greys: Pictures) -> list[tuple[int, Clean]]:
    """Of the pictures, uint8 `[N, height, width]`, those that are clean, each with its place."""
    relief, clean = _relief(greys)
    inks = _ink(relief, clean)
    begin, end = _extents(inks, (1, BODY, EDGE))
    soft = soft_edge((end[1] - begin[1]).max(axis=0))  # how far ink may reach beyond the mark that it belongs to
    first, last = np.maximum(begin[1] - soft, 1), end[1] + soft
    for way, size in enumerate(greys.shape[1:]):
        clean &= begin[0, way] >= first[way]
        clean &= end[0, way] <= np.minimum(last[way], size - 1)
        clean &= end[0, way] - begin[0, way] < SPAN * size
    if not clean.all():
        inks[~clean] = 0  # so that no frame has ink
    clean &= _has_one_mark(inks)
    clean &= ~_may_be_pitted(inks)
    places = clean.nonzero()[0]
    if not len(places):
        return []
    if len(places) < len(inks):
        inks, begin, end = inks[places], begin[..., places], end[..., places]
    return list(zip(places.tolist(), _normalised(inks, begin[2], end[2]), strict=True))


def _relief(greys: Pictures) -> tuple[Pictures, Flags]:
    """How far each pixel is from the paper, if its level is the first one's, and which pictures have ink to one side only."""
    level = greys[:, :1, :1]
    dark = greys.max(axis=(1, 2), keepdims=True) == level
    relief = np.where(dark, level - greys, greys - level)
    return relief, (dark != (greys.min(axis=(1, 2), keepdims=True) == level))[:, 0, 0]


def _ink(relief: Pictures, clean: Flags) -> Pictures:
    """Relief scaled so that full ink is 255, uint8. Takes out of the `clean` what has none, or so much that it may be noise."""
    count, pixels = len(relief), relief[0].size
    levels = np.sort(relief.reshape(count, pixels), axis=1, kind="stable")
    strongest = levels[:, pixels - 1 - _SPECKS]
    strong = np.count_nonzero(levels > (strongest // 2)[:, None], axis=1)
    full = levels[np.arange(count), pixels - 1 - strong // 2]
    clean &= (strongest >= FAINTEST) & (levels[:, pixels // 2] == 0)
    alpha = (255.0 / np.maximum(full, 1)).astype(np.float32)
    return np.asarray(np.minimum(np.rint(relief * alpha[:, None, None]), 255), np.uint8)


def _extents(inks: Pictures, levels: tuple[int, ...]) -> tuple[Numbers, Numbers]:
    """Where ink of each of the levels begins in each picture, and where it has ended: `[level, 2, N]`, the row and the column."""
    count, height, width = inks.shape
    most = np.zeros((2, count, max(height, width)), np.uint8)
    most[0, :, :height] = inks.max(axis=2)
    most[1, :, :width] = inks.max(axis=1)
    inked = most >= np.array(levels, np.uint8)[:, None, None, None]
    return inked.argmax(axis=3), most.shape[2] - inked[..., ::-1].argmax(axis=3)


def _has_one_mark(inks: Pictures) -> Flags:
    """Which of the pictures have one mark only. Their frames are bare, so that they may be looked at as one tall picture."""
    count, height, width = inks.shape
    body = (inks >= BODY).view(np.uint8).reshape(count * height, width)
    _, labels = cv2.connectedComponents(body, connectivity=8)  # numbered from the top, and 0 is paper
    last = np.maximum.accumulate(np.asarray(labels).reshape(count, -1).max(axis=1))
    last[1:] -= last[:-1].copy()
    return np.asarray(last == 1)


def _may_be_pitted(inks: Pictures) -> Flags:
    """Which of them have so much missing in pits that they are to be looked at closely."""
    count, height, width = inks.shape
    tall = inks.reshape(count * height, width)
    pits = np.asarray(cv2.subtract(cv2.erode(tall, BESIDE), tall)).reshape(count, -1)
    return np.asarray(pits.sum(axis=1) > PITTED * inks.reshape(count, -1).sum(axis=1))


def _normalised(inks: Pictures, begin: Numbers, end: Numbers) -> list[Clean]:
    """What each picture has between `begin` and `end`, `[2, N]`, the row and the column."""
    count, height, width = inks.shape
    rows, columns = (
        (np.arange(size) >= first[:, None]) & (np.arange(size) < last[:, None])
        for size, first, last in zip((height, width), begin, end, strict=True)
    )
    inks = inks * (rows[:, :, None] & columns[:, None, :])
    sums = inks.sum(axis=2, dtype=np.intp), inks.sum(axis=1, dtype=np.intp)
    mass = sums[0].sum(axis=1)
    centres = [(part @ np.arange(part.shape[1]) - first * mass) / mass for part, first in zip(sums, begin, strict=True)]
    canvases = np.zeros((count, CANVAS, CANVAS), np.uint8)
    results: list[Clean] = []
    for ink, canvas, top, left, bottom, right, y, x in zip(
        inks, canvases, *begin.tolist(), *end.tolist(), *map(np.ndarray.tolist, centres), strict=True
    ):
        h, w = bottom - top, right - left
        cut = ink[top:bottom, left:right]
        if max(h, w) in KEPT:
            row, column = corner(y, h), corner(x, w)
            canvas[row : row + h, column : column + w] = cut
        else:
            canvas = normalise(cut)
        results.append((canvas, Box(left, top, w, h)))
    return results
