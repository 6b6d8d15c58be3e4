"""Marks: connected components of the ink, and which of them are the picture's one digit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.components import components

_SMALLEST = 24  # pixels: in a smaller picture a digit leaves no room for a frame
_RIM = 0.25  # of the picture: so near to its edges are a frame's remnants
_GOOD_PART = 0.2  # of the mass
BODY, _SEED = 69, 128  # of 255: what belongs to a mark, and what makes it one


@dataclass(frozen=True, slots=True)
class Marks:
    """`labels` int32 `[height, width]`, `stats` as OpenCV gives them, `mass` per component; the first is the paper."""

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]
    mass: NDArray[np.float64]


def marks_of(ink: NDArray[np.uint8]) -> Marks:
    """The components of `ink`, uint8, full ink 255."""
    body = (ink >= BODY).view(np.uint8)
    labels, stats = components(body)
    count = len(stats)
    if count <= 2:
        return Marks(labels, stats, np.array((0.0, cv2.sumElems(ink)[0])[:count]))
    inked = body > 0
    mass = np.bincount(labels[inked], ink[inked], count).astype(np.float64)
    sure = np.bincount(labels[ink >= _SEED], minlength=count)
    mass[sure == 0] = 0
    mass[0] = 0
    return Marks(labels, stats, mass)


def remnants(marks: Marks) -> list[int]:
    """Marks that the cut left of a frame or a neighbour: they keep to the picture's edges and shun its middle."""
    height, width = marks.labels.shape
    return [
        i
        for i, (x, y, w, h, _) in enumerate(marks.stats.tolist())
        if i and (x == 0 or y == 0 or x + w == width or y + h == height) and _is_remnant(marks, i)
    ]


def _is_remnant(marks: Marks, i: int) -> bool:
    """Whether a mark that touches an edge is small and beside it, or large and made of a frame's lines."""
    height, width = marks.labels.shape
    x, y, w, h, _ = marks.stats[i].tolist()
    longer = max(w / width, h / height)
    if longer < 0.3:
        beside = y + h <= height // 4 or y >= height - height // 4 or x + w <= width // 4 or x >= width - width // 4
        return beside or _shuns_middle(marks, i)
    return (
        longer > 0.5
        and min(height, width) >= _SMALLEST
        and _shuns_middle(marks, i)
        and _straight(marks, i)
        and (_frames(marks, i) or _beside_another(marks, i))
    )


def _shuns_middle(marks: Marks, i: int) -> bool:
    height, width = marks.labels.shape
    x, y, w, h, area = (int(v) for v in marks.stats[i])
    rows = slice(max(y, height // 4), min(y + h, height - height // 4))
    columns = slice(max(x, width // 4), min(x + w, width - width // 4))
    return bool(np.count_nonzero(marks.labels[rows, columns] == i) <= 0.12 * area)


def _straight(marks: Marks, i: int) -> bool:
    """Whether a mark is made of upright and level lines: most of it lies in rows or columns that it fills for a stretch."""
    height, width = marks.labels.shape
    x, y, w, h, area = (int(v) for v in marks.stats[i])
    part = marks.labels[y : y + h, x : x + w] == i
    rows = np.count_nonzero(part, axis=1) > 0.3 * width
    columns = np.count_nonzero(part, axis=0) > 0.3 * height
    return bool(np.count_nonzero(part & (rows[:, None] | columns[None, :])) > 0.7 * area)


def _frames(marks: Marks, i: int) -> bool:
    """Whether a mark goes around a corner of the picture, or does not reach all edges, unlike a 0 that fills the picture."""
    labels = marks.labels
    height, width = labels.shape
    w, h = int(marks.stats[i, 2]), int(marks.stats[i, 3])
    corners = labels[[0, 0, -1, -1], [0, -1, 0, -1]]
    return bool((corners == i).any() or w < 0.9 * width or h < 0.9 * height)


def _beside_another(marks: Marks, i: int) -> bool:
    """Whether a mark with a good part of its mass stands in the middle and touches no edge: then that one is the digit."""
    height, width = marks.labels.shape
    x, y, w, h = marks.stats[:, :4].T.astype(np.float64)
    within = (x > 0) & (y > 0) & (x + w < width) & (y + h < height)
    middle = np.maximum(np.abs((x + w / 2) / width - 0.5), np.abs((y + h / 2) / height - 0.5)) < _RIM
    return bool((within & middle & (marks.mass > _GOOD_PART * marks.mass[i])).any())


def choose(marks: Marks, framed: bool) -> list[int]:
    """The main mark, by its mass and its place, and those that belong to it.

    A stroke of its own does, within reach of the main mark; so does anything comparable wherever it is, since then there is
    more than one digit and the model must see that. A dot or a stray bit does not, unless it is a broken stroke's end. Where the
    picture is `framed`, by borders that were found, what lies beside an edge is left of them.
    """
    height, width = marks.labels.shape
    if len(marks.stats) == 2 and not framed:
        return [1] if marks.mass[1] > 0 else []
    x, y, w, h = marks.stats[:, :4].T.astype(np.float64)
    mass = marks.mass
    if framed:
        rim = (x + w < _RIM * width) | (x > (1 - _RIM) * width) | (y + h < _RIM * height) | (y > (1 - _RIM) * height)
        mass = np.where(rim, 0, mass)
    off = np.maximum(np.abs((x + w / 2) / width - 0.5), np.abs((y + h / 2) / height - 0.5))
    main = int((mass * (1 - 0.8 * off)).argmax())
    if mass[main] == 0:
        return []
    gap = np.maximum.reduce([x - (x + w)[main], x[main] - (x + w), y - (y + h)[main], y[main] - (y + h)])
    size = max(w[main], h[main])
    share = mass / mass[main]
    bit = np.maximum(w, h) < 0.22 * size
    stroke = ~bit & (gap <= 0.3 * size) & (share > 0.04)
    end = bit & (gap <= 0.06 * size) & (share > 0.01)
    return [int(i) for i in np.flatnonzero((share > 0.4) | stroke | end)]
