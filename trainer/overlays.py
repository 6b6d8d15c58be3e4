"""What MNIST-C lays over a digit: fog, spatter, a dotted line, a zigzag. `trainer.corruptions` names the source of the figures.

All take and give float32 `[N, 28, 28]`, black 0, white 1, and may leave that range.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]

_SIDE = 28
_FOG, _FOG_DECAY, _FOG_DOUBLINGS = 3.0, 1.4, 8
_MUD = 63 / 255
_LINE = 2.3  # how fast a line fades away from its middle, in pixels
_HALF_TOOTH = 2.0  # of the zigzag: half its length and its height, in pixels


def fog(grey: Floats, random: np.random.Generator) -> Floats:
    """A corner of a 256×256 plasma, added threefold; then everything is scaled down to the range there was."""
    white = grey.max(axis=(1, 2), initial=0)[:, None, None]
    spoilt = np.empty_like(grey)
    for start in range(0, len(grey), 50):  # so that the maps stay within the processor's cache
        part = slice(start, start + 50)
        spoilt[part] = grey[part] + np.float32(_FOG) * _plasma(len(grey[part]), random)[:, :_SIDE, :_SIDE]
    return np.asarray(spoilt * white / (white + np.float32(_FOG)), np.float32)


def _plasma(count: int, random: np.random.Generator) -> Floats:
    """float32 `[count, 256, 256]` from 0 to 1, by the diamond-square algorithm on a torus.

    Source: A. Fournier, D. Fussell, L. Carpenter, "Computer rendering of stochastic models", CACM 25 (1982). Each doubling
    fills in the middles of the squares, then the middles of their sides: the mean of four neighbours, and noise.
    """
    heights = np.zeros((count, 1, 1), np.float32)
    for doubling in range(_FOG_DOUBLINGS):
        side = heights.shape[1]
        spread = np.float32((100 / _FOG_DECAY**doubling) ** 2)
        noise = [spread * (2 * random.random(heights.shape, np.float32) - 1) for _ in range(3)]
        below, beside = np.roll(heights, -1, axis=1), np.roll(heights, -1, axis=2)
        middle = (heights + below + beside + np.roll(below, -1, axis=2)) / 4 + noise[0]
        finer = np.empty((count, 2 * side, 2 * side), np.float32)
        finer[:, ::2, ::2] = heights
        finer[:, 1::2, 1::2] = middle
        finer[:, ::2, 1::2] = (heights + beside + middle + np.roll(middle, 1, axis=1)) / 4 + noise[1]
        finer[:, 1::2, ::2] = (heights + below + middle + np.roll(middle, 1, axis=2)) / 4 + noise[2]
        heights = finer
    heights -= heights.min(axis=(1, 2), keepdims=True)
    heights /= heights.max(axis=(1, 2), keepdims=True)
    return heights


def spatter(grey: Floats, random: np.random.Generator) -> Floats:
    """Blots of dark grey mud that hide what is below them."""
    spoilt = np.empty_like(grey)
    drops = random.normal(0.65, 0.3, grey.shape).astype(np.float32)
    for image, drop, target in zip(grey, drops, spoilt, strict=True):
        wet = (_blur(drop, 1.0) > 0.65).astype(np.float32)
        mud = _blur(wet, 1.5)
        mud[mud < 0.8] = 0
        target[:] = image * (1 - mud) + _MUD * mud
    return spoilt


def dotted_line(grey: Floats, random: np.random.Generator) -> Floats:
    """A line from edge to edge at any height and slope, two pixels of it drawn and two left out."""
    start, end = random.integers(0, 27, (2, len(grey)))
    line = _segment(0.0, start, 27.0, end)
    line[:, :, np.arange(_SIDE) % 4 < 2] = 0
    return grey + line


def zigzag(grey: Floats, random: np.random.Generator) -> Floats:
    """A nearly level zigzag from the second column to the third last."""
    left, right, step = 2.0, 25.0, _HALF_TOOTH
    start = random.integers(0, 27, len(grey))
    rise = random.integers(-5, 5, len(grey)) / (right - left)
    angle = np.arctan(rise)
    length = (right - left) / np.cos(angle)
    teeth = int((right - left - step) // (2 * step)) + 1  # no slope here is steep enough for one more
    along = [np.zeros_like(length), *(np.full_like(length, (2 * i + 1) * step) for i in range(teeth)), length]
    last = (-1) ** (teeth - 1) * step / (2 * (length - 2 * step * (length // (2 * step))))
    across = [np.zeros_like(length), *(np.full_like(length, (-1) ** i * step) for i in range(teeth)), last]
    columns = [left + np.cos(angle) * a - np.sin(angle) * b for a, b in zip(along, across, strict=True)]
    rows = [start + np.sin(angle) * a + np.cos(angle) * b for a, b in zip(along, across, strict=True)]
    spoilt = grey
    for i in range(1, len(columns)):
        spoilt = np.minimum(spoilt + _segment(columns[i - 1], rows[i - 1], columns[i], rows[i]), 1)
    return spoilt


def _segment(x0: ArrayLike, y0: ArrayLike, x1: ArrayLike, y1: ArrayLike) -> Floats:
    """float32 `[N, 28, 28]`: lines from column `x0`, row `y0`, to `x1`, `y1`, `x0` < `x1`, fading up and down from them."""
    left, top, right, bottom = (
        a[:, None, None].astype(np.float32) for a in np.broadcast_arrays(*map(np.atleast_1d, (x0, y0, x1, y1)))
    )
    rows, columns = np.arange(_SIDE, dtype=np.float32)[:, None], np.arange(_SIDE, dtype=np.float32)
    distance = np.abs(rows - top - (bottom - top) / (right - left) * (columns - left))
    line = np.log(np.maximum(1 - distance / np.float32(_LINE), np.float32(1e-6))) + 1
    drawn = (columns >= np.floor(left)) & (columns < np.ceil(right))
    return np.where(drawn, np.clip(line, 0, 1), 0).astype(np.float32)


def _blur(picture: Floats, sigma: float) -> Floats:
    side = 2 * int(4 * sigma + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(picture, (side, side), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
