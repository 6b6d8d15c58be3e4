"""A line → what the model is shown of it: its height as the manifest's contract says, its length in overlapping tiles."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.lines import Strip

HEIGHT, DIGIT = 32, 20
"""Of a line's picture, and of the digits on it, in pixels."""
STEP = 2
"""Pixels of the picture that a column of the model's answer stands for."""
CLASSES = 11
"""The ten digits, and none."""
_CORE, _AROUND = 120, 24
TILE = _CORE + 2 * _AROUND
"""Width of a tile: what it is asked for, and on either side as much more as bears on the answer."""
LINE_MARGIN = 12
"""Pixels of nothing at the ends of a line."""
_LEAST_LEVEL = 32  # ink fainter than this, at its darkest, is not made brighter still


@dataclass(frozen=True, slots=True)
class LinePicture:
    """`picture` uint8 `[32, W]`, ink bright on dark; `scale`: its pixels for one of the strip's. The strip begins at `left`."""

    picture: NDArray[np.uint8]
    scale: float
    left: int

    @property
    def columns(self) -> int:
        """Of the model's answer."""
        return -(-int(self.picture.shape[1]) // STEP)

    @property
    def tiles(self) -> int:
        """How many the line is shown in."""
        return -(-int(self.picture.shape[1]) // _CORE)

    def to_strip(self, column: float) -> float:
        """Where the middle of a column of the answer is in the strip, in pixels from its left."""
        return (STEP * (column + 0.5) - self.left) / self.scale


def tiles_of(strip: Strip) -> int:
    """In how many tiles the strip would be shown, told without making its picture, which may be large."""
    return -(-(max(1, round(int(strip.ink.shape[1]) * DIGIT / strip.height)) + 2 * LINE_MARGIN) // _CORE)


def line_picture(strip: Strip) -> LinePicture:
    """The strip with digits 20 pixels high, its ink's centre of mass in the middle of 32 rows."""
    rows, columns = strip.ink.shape
    scale = DIGIT / strip.height
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(strip.ink, size, interpolation=way), np.uint8)
    small = np.asarray(cv2.convertScaleAbs(small, alpha=255.0 / max(_LEAST_LEVEL, int(small.max(initial=0)))), np.uint8)
    weight = small.sum(1, dtype=np.float64)
    middle = float(weight @ np.arange(len(weight))) / max(float(weight.sum()), 1.0)
    top = round(HEIGHT / 2 - middle)
    picture = np.zeros((HEIGHT, small.shape[1] + 2 * LINE_MARGIN), np.uint8)
    first, last = max(0, top), min(HEIGHT, top + small.shape[0])
    picture[first:last, LINE_MARGIN:-LINE_MARGIN] = small[first - top : last - top]
    return LinePicture(picture, small.shape[1] / columns, LINE_MARGIN)


def tiles(line: LinePicture) -> NDArray[np.uint8]:
    """The line in tiles: uint8 `[line.tiles, 32, TILE]`."""
    starts = [_start(k) for k in range(line.tiles)]
    room = np.zeros((HEIGHT, starts[-1] + TILE), np.uint8)
    room[:, : line.picture.shape[1]] = line.picture
    return np.stack([room[:, start : start + TILE] for start in starts])


def joined(line: LinePicture, answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The answers to a line's tiles, float32 `[line.tiles, TILE / 2, 11]`, as one of the whole line, `[line.columns, 11]`."""
    firsts = [(k * _CORE - _start(k)) // STEP for k in range(line.tiles)]
    inner = [answer[first : first + _CORE // STEP] for answer, first in zip(answers, firsts, strict=True)]
    return np.concatenate(inner)[: line.columns]


def core(answer: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inner part of the answer to one tile, float32 `[TILE / 2, 11]`: what the tile is asked for, without its surroundings."""
    return answer[_AROUND // STEP : (_AROUND + _CORE) // STEP]


def _start(tile: int) -> int:
    """Where a tile begins in the line's picture, in pixels: the first with it, as lines begin where they are learned."""
    return max(0, tile * _CORE - _AROUND)
