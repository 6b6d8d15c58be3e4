"""Where the digits of a line are: which of its ink belongs to which, once it is known in which column each stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.components import components
from service.reading.lines import Strip
from service.reading.picture import Page
from service.reading.types import Box

_SPECK = 0.3  # of a digit's height: what is lower is a part of a digit only where it is above or below the rest of it
_NEAR = 0.6  # of a digit's height: ink further from a digit's column than this is not its own
_SOFT = 2  # pixels around a digit's ink in which its edges fade
_FAINT = 21  # of 255: ink at which the box of a digit by itself ends


@dataclass(frozen=True, slots=True)
class Area:
    """The pixels of a digit's ink in its strip: columns `x` and rows `y`, at least one of each."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]


def areas(strip: Strip, columns: Sequence[float]) -> list[Area]:
    """The ink of each digit, whose middles are about the given `columns` of the strip, in pixels, in rising order.

    A connected mark with one of them in it is that digit's; where there are several it is divided between them, where it is
    thinnest; others go to the digit that they are beside.
    """
    if not columns:
        return []
    middles = np.asarray(columns, np.float64)
    labels, stats = components(strip.mask)
    owners = np.full(labels.shape, -1, np.int32)
    later = []
    for i, (x, y, w, h, _) in enumerate(stats.tolist()):
        if i == 0:
            continue
        own = np.flatnonzero((middles >= x - 1) & (middles <= x + w))
        view, mark = owners[y : y + h, x : x + w], labels[y : y + h, x : x + w] == i
        if h < _SPECK * strip.height or not len(own):
            later.append((view, mark, x, w, h))
        else:
            view[mark] = own[_shares(mark, middles[own] - x)][np.nonzero(mark)[1]]
    extents = _extents(owners, middles)
    for view, mark, x, w, h in later:
        inside = np.minimum(x + w, extents[:, 1]) - np.maximum(x, extents[:, 0])
        best = int(inside.argmax())
        beside = h >= _SPECK * strip.height and -inside[best] < _NEAR * strip.height / 2
        if inside[best] >= 0.5 * w or beside:
            view[mark] = best
    return [_area(owners, k, middle, strip) for k, middle in enumerate(middles)]


def cut(strip: Strip, area: Area) -> NDArray[np.uint8]:
    """A digit's ink by itself, uint8 `[h, w]`, bright on dark, cut to its box: with the soft edges of its strokes."""
    left, top = max(0, int(area.x.min()) - _SOFT), max(0, int(area.y.min()) - _SOFT)
    ink = strip.ink[top : int(area.y.max()) + 1 + _SOFT, left : int(area.x.max()) + 1 + _SOFT]
    mask = np.zeros(ink.shape, np.uint8)
    mask[area.y - top, area.x - left] = 1
    alone = np.where(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0, ink, 0).astype(np.uint8)
    x, y, w, h = cv2.boundingRect((alone >= _FAINT).view(np.uint8))
    return alone[y : y + h, x : x + w] if w else mask * np.uint8(255)


def box_of(page: Page, strip: Strip, area: Area | None = None) -> Box:
    """Where a part of a strip of the page is in the picture; None: all of it."""
    rows, columns = strip.mask.shape
    corners = np.array([[0, columns - 1, 0, columns - 1], [0, 0, rows - 1, rows - 1]])
    pixels = np.stack([area.x, area.y]) if area is not None else corners
    places = strip.to_page[:, :2] @ pixels + strip.to_page[:, 2:]
    rows, columns = page.grey.shape
    left, top = (int(v) for v in np.clip(np.floor(places.min(1)), 0, (columns - 1, rows - 1)))
    right, bottom = (int(v) for v in np.clip(np.ceil(places.max(1)) + 1, (left + 1, top + 1), (columns, rows)))
    return page.full_size_box(Box(left, top, right - left, bottom - top))


def _shares(mark: NDArray[np.bool_], middles: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of some digits each column of a mark is of."""
    share = np.zeros(mark.shape[1], np.intp)
    ink = mark.sum(0)
    for a, b in pairwise(middles.tolist()):
        first, last = int(np.clip(a, 0, len(ink) - 1)), int(np.clip(np.ceil(b), 1, len(ink)))
        quarter = (last - first) // 4
        between = np.arange(first + quarter, max(first + quarter + 1, last - quarter))
        away = np.abs(between - (a + b) / 2) / max(b - a, 1)
        share[int(between[(ink[between] * (1 + away)).argmin()]) :] += 1
    return share


def _extents(owners: NDArray[np.int32], middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first column of each digit's ink and the one after the last; its middle where there is none."""
    extents = np.stack([middles, middles], 1)
    for k in range(len(middles)):
        columns = np.flatnonzero((owners == k).any(0))
        if len(columns):
            extents[k] = columns[0], columns[-1] + 1
    return extents


def _area(owners: NDArray[np.int32], k: int, middle: float, strip: Strip) -> Area:
    y, x = np.nonzero(owners == k)
    if len(x):
        return Area(x, y)
    # None is left for it, as where two digits lie over one another: the column itself, as high as a digit.
    rows, columns = strip.mask.shape
    half = strip.height / 2
    top, bottom = max(0, round(rows / 2 - half)), min(rows - 1, round(rows / 2 + half))
    column = int(np.clip(middle, 0, columns - 1))
    return Area(np.array([column, column]), np.array([top, bottom]))
