"""Printed ruling: thin parallel lines of one slope across the whole picture, as on ruled and squared paper."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading import paper

_STRIPS = 16  # across the lines' way: a line is in most of them, a digit in few
_AGREE = 4  # strips that may lack it, by a stroke, a highlight, a line of the other way
_NEAR = 5  # strips: what a digit covers of a line is fewer than half of them
_SLOPE = 0.07  # of the way: the most that a line rises
_THICKEST = 0.04  # of the picture's other side
_ROWS = 128  # pixels at which the slope is looked for first
_ABOVE_NOISE, _FAINTEST = 6.0, 2.5  # standard deviations, grey levels
_LINES = 2  # parallel: a single one may be the bar of a 7
_MORE = 1.4  # times its own ink: with so much there is a stroke over the line

Floats = NDArray[np.float32]


def printed_lines(relief: Floats) -> NDArray[np.bool_] | None:
    """The pixels of the ruling that no stroke crosses, bool `[height, width]`; None where there is none.

    `relief` float32 `[height, width]`, in grey levels above the paper. Lines too faint to be told from the paper at any one place
    are found by their whole length.
    """
    noise = paper.noise(relief)
    level, upright = _level(relief, noise), _level(np.ascontiguousarray(relief.T), noise)
    if level is None or upright is None:
        return level if upright is None else upright.T
    return level | upright.T


def _level(relief: Floats, noise: float) -> NDArray[np.bool_] | None:
    """The same of nearly level lines."""
    height, width = relief.shape
    strips = cv2.resize(relief, (_STRIPS, height), interpolation=cv2.INTER_AREA)
    wide = 2 * round(_THICKEST * height / 2) + 1
    thin = np.asarray(cv2.morphologyEx(strips, cv2.MORPH_TOPHAT, np.ones((wide, 1), np.uint8)), np.float32)
    if np.count_nonzero(thin.max(axis=0) > _FAINTEST) < _STRIPS - _AGREE:
        return None
    rise = _rise(thin, width)
    along = _along(thin, np.array([rise]))[0]
    ends = np.minimum(along[:, :2].max(axis=1), along[:, -2:].max(axis=1))  # a line goes on to both edges
    strength = np.minimum(_agreed(along), ends)
    strong = strength > max(_ABOVE_NOISE * paper.MAD_TO_SIGMA * float(np.median(strength)), _FAINTEST)
    if np.count_nonzero(np.diff(strong.view(np.int8), prepend=0) == 1) < _LINES:
        return None
    padded = np.pad(along, ((0, 0), (_NEAR // 2, _NEAR // 2)), "edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, _NEAR, axis=1), axis=2)
    own = cv2.dilate(np.where(strong[:, None], usual, 0).astype(np.float32), np.ones((3, 1), np.uint8))
    own = cv2.resize(own, (width, height), interpolation=cv2.INTER_LINEAR)
    rows = np.arange(height)[:, None] - _shifts(np.array([rise]), width)[0]
    own = own[np.clip(rows, 0, height - 1), np.arange(width)]
    return np.asarray((own > 0) & (relief < _MORE * own + 2 * noise))


def _rise(thin: Floats, width: int) -> float:
    """How many pixels the strongest lines rise along their way of `width` pixels; `thin` `[height, strips]`."""
    height = len(thin)
    shrink = max(1.0, height / _ROWS)
    small = np.asarray(cv2.resize(thin, (_STRIPS, round(height / shrink)), interpolation=cv2.INTER_AREA), np.float32)
    most = _SLOPE * width / shrink
    coarse = _best(small, np.arange(-most, most + 1)) * shrink
    return _best(thin, np.arange(coarse - shrink, coarse + shrink + 0.5))


def _best(thin: Floats, rises: NDArray[np.float64]) -> float:
    return float(rises[np.square(_agreed(_along(thin, rises))).sum(axis=1).argmax()])


def _agreed(along: Floats) -> Floats:
    """What nearly all strips reach, `[…, height]`."""
    return np.asarray(np.partition(along, _AGREE, axis=-1)[..., _AGREE])


def _along(thin: Floats, rises: NDArray[np.float64]) -> Floats:
    """The strips moved up or down so that lines that rise so much are level: `[rises, height, strips]`."""
    rows = np.arange(len(thin))[:, None] + _shifts(rises, _STRIPS)[:, None, :]
    return np.asarray(thin[np.clip(rows, 0, len(thin) - 1), np.arange(_STRIPS)])


def _shifts(rises: NDArray[np.float64], places: int) -> NDArray[np.intp]:
    """How many rows lower a line is at each of so many places along its way than in its middle, `[rises, places]`."""
    return np.rint(rises[:, None] * ((np.arange(places) + 0.5) / places - 0.5)).astype(np.intp)
