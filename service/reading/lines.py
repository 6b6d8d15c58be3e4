"""A page's ink → its lines of writing, each upright: skew and slant taken out, rules and dirt left out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.dividers import dividers
from service.reading.page import PageInk
from service.reading.paper import shrunk
from service.reading.rows import Marks, in_lines, marks_of, typical_height
from service.reading.ruling import without_rules

_SPECK = 0.2  # of the digits' height: what is smaller in both directions is dirt or a point
_BODY = 0.4  # of the digits' height: what is at least this tall may be a digit and makes a line
_SCRAP = 0.5  # of the digits' height: a lower mark at the edge is none
_MOST_MARKS, _MOST_SPECKS = 3_000, 60_000  # a page with more that could be digits, or more of any kind, is a texture
_LARGEST = 96  # pixels that a digit's height needs at most
_COVERED = 64  # of 255: a pixel of the smaller mask is ink where so much of it is
_EDGE = 0.05  # of a digit's height: so far beyond the stroke its ink fades; what is further away is the paper's
_SLANTS = np.linspace(-0.45, 0.9, 28)  # tangents of the angle that writing leans to the right
_SAMPLE = 6_000


@dataclass(frozen=True, slots=True)
class Strip:
    """One line, upright. `height`: of its digits; `to_page` maps `(x, y, 1)` of the strip to the page, float64 `[2, 3]`."""

    ink: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    height: float
    to_page: NDArray[np.float64]


def find_lines(page: PageInk, marks: Marks) -> list[Strip]:
    """The page's lines from top to bottom; `marks`: of its mask.

    Large writing is made smaller: what follows costs no more for it, and needs no more.
    """
    if not 2 <= len(marks.x) <= _MOST_SPECKS:
        return []
    size = typical_height(marks, np.arange(1, len(marks.x)))
    shrink = min(1.0, _LARGEST / size)
    if shrink < 1:
        page, size = _smaller(page, shrink), size * shrink
    mask = without_rules(page.mask, page.ink, size)
    if shrink < 1 or mask is not page.mask:
        marks = marks_of(mask)
        if len(marks.x) < 2:
            return []
        size = typical_height(marks, np.arange(1, len(marks.x)))
    kept = np.flatnonzero(np.maximum(marks.w, marks.h) >= _SPECK * size)
    kept = kept[kept > 0]
    bodies = kept[marks.h[kept] >= _BODY * size]
    if len(bodies) > _MOST_MARKS:
        return []
    printed = dividers(marks, bodies)
    if len(printed):
        kept, bodies = np.setdiff1d(kept, printed), np.setdiff1d(bodies, printed)
        if not len(bodies):
            return []
    lines, slope = in_lines(marks, bodies, np.setdiff1d(kept, bodies), size)
    whole = [line for line in lines if not _is_scrap(marks, line, size)]
    return [_strip(page, marks, np.asarray(line), slope, shrink) for line in whole]


def _is_scrap(marks: Marks, line: list[int], size: float) -> bool:
    """Whether a line is no more than one low mark at the edge of the page: the corner of a shadow, or a bit of what was cut off."""
    if len(line) > 1:
        return False
    height, width = marks.labels.shape
    x, y, w, h = (float(side[line[0]]) for side in (marks.x, marks.y, marks.w, marks.h))
    return h < _SCRAP * size and (x == 0 or y == 0 or x + w == width or y + h == height)


def _smaller(page: PageInk, shrink: float) -> PageInk:
    cover = shrunk(page.mask * np.uint8(255), shrink)
    return PageInk(shrunk(page.ink, shrink), (cover > _COVERED).astype(np.uint8))


def _strip(page: PageInk, marks: Marks, line: NDArray[np.intp], slope: float, shrink: float) -> Strip:
    left, top = int(marks.x[line].min()), int(marks.y[line].min())
    right, bottom = int((marks.x + marks.w)[line].max()), int((marks.y + marks.h)[line].max())
    chosen = np.zeros(len(marks.x), np.uint8)
    chosen[line] = 1
    mask = chosen[marks.labels[top:bottom, left:right]]
    others = (page.mask[top:bottom, left:right] > 0) & (mask == 0)
    height = typical_height(marks, line)
    edge = 2 * max(1, round(_EDGE * height)) + 1
    near = cv2.dilate(mask, np.ones((edge, edge), np.uint8)) > 0
    ink = np.where(near & ~others, page.ink[top:bottom, left:right], 0).astype(np.uint8)
    tall = bottom - top
    ys, xs = np.nonzero(mask)
    slant = _slant(xs, ys - slope * xs)
    # x' = x + slant · (y − slope·x − middle), y' = y − slope·x: first the skew, then the slant is taken out.
    turn = np.array([[1 - slant * slope, slant], [-slope, 1.0]])
    corners = turn @ np.array([[0, right - left, 0, right - left], [0, 0, tall, tall]], np.float64)
    shift = 1 - np.floor(corners.min(1))
    size = np.ceil(corners.max(1) + shift).astype(int) + 2
    forward = np.concatenate([turn, shift[:, None]], 1)
    back = np.linalg.inv(turn)
    to_page = np.concatenate([back, (np.array([left, top]) - back @ shift)[:, None]], 1)
    if abs(slope) > 1e-3 or abs(slant) > 1e-3:
        flat = (int(size[0]), int(size[1]))
        ink = np.asarray(cv2.warpAffine(ink, forward, flat, flags=cv2.INTER_LINEAR), np.uint8)
        mask = (cv2.warpAffine(mask * 255, forward, flat, flags=cv2.INTER_LINEAR) > 127).astype(np.uint8)
    else:
        ink, mask = np.pad(ink, ((1, 2), (1, 2))), np.pad(mask, ((1, 2), (1, 2)))
    to_page = to_page / shrink
    to_page[:, 2] += 0.5 / shrink - 0.5  # pixels are counted from their middles
    return Strip(ink, mask, height, to_page)


def _slant(x: NDArray[np.intp], y: NDArray[np.float64]) -> float:
    """The shear that makes strokes upright: the one whose column sums are the most uneven."""
    step = len(x) // _SAMPLE + 1
    x, y = x[::step], y[::step]
    best, most = 0.0, -1.0
    for slant in _SLANTS:
        # Halves go up: rounded to even they would make the columns of any writing uneven at a slant of a half.
        columns = np.floor(x + slant * y + 0.5).astype(np.int64)
        score = float(np.square(np.bincount(columns - columns.min())).sum()) * (1 - 0.15 * abs(float(slant)))
        if score > most:
            best, most = float(slant), score
    return best
