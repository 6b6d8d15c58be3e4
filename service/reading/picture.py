"""A decoded picture at the resolution that it is searched at, or a part of it, and where that is in the picture itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Box, Grey

Matrix = NDArray[np.float64]
T = TypeVar("T", np.uint8, np.uint16, np.float32)


@dataclass(frozen=True, slots=True)
class Page:
    """A decoded picture, upright: `grey` at working resolution, `width` and `height` of the picture itself.

    `place` float64 `[3, 3]`, where `grey` shows a part of the picture, perhaps turned and as seen from above: maps `(x, y, 1)`, x
    and y from 0 to 1 across and down that, to pixels of the picture and what these are to be divided by. None: `grey` shows all.
    """

    grey: Grey
    width: int
    height: int
    place: Matrix | None = None

    def reduced(self, working_size: int) -> Page:
        """The same at no more than `working_size` pixels on the longer side of `grey`."""
        grey = reduced(self.grey, working_size)
        return self if grey is self.grey else replace(self, grey=grey)

    def part(self, grey: Grey, to_page: Matrix) -> Page:
        """A part of the page, which `grey` shows in whatever way; `to_page` float64 `[3, 3]` maps its pixels to this page's."""
        return replace(self, grey=grey, place=self._to_whole @ to_page @ np.diag((grey.shape[1], grey.shape[0], 1.0)))

    def turned(self, quarters: int) -> Page:
        """The page turned to the left by so many quarters of a whole turn, 1 to 3."""
        rows, columns = self.grey.shape
        to_page = {
            1: [[0, -1, columns], [1, 0, 0], [0, 0, 1]],
            2: [[-1, 0, columns], [0, -1, rows], [0, 0, 1]],
            3: [[0, 1, 0], [-1, 0, rows], [0, 0, 1]],
        }[quarters]
        return self.part(np.ascontiguousarray(np.rot90(self.grey, quarters)), np.array(to_page, np.float64))

    def full_size_box(self, box: Box) -> Box:
        """`box` in pixels of the picture where it is given in pixels of `grey`; where that is turned, the box around it."""
        if self.place is None:
            rows, columns = self.grey.shape
            left, right = (round(x * self.width / columns) for x in (box.x, box.x + box.width))
            top, bottom = (round(y * self.height / rows) for y in (box.y, box.y + box.height))
            return Box(left, top, max(1, right - left), max(1, bottom - top))
        x, y = (np.array(ends, np.float64) for ends in ((box.x, box.x + box.width), (box.y, box.y + box.height)))
        corners = np.stack([np.tile(x, 2), np.repeat(y, 2), np.ones(4)])
        places = self._to_whole @ corners
        places = np.round(places[:2] / places[2])
        size = np.array([self.width, self.height])
        left, top = np.clip(places.min(axis=1), 0, size - 1).astype(int).tolist()
        right, bottom = np.clip(places.max(axis=1), 1, size).astype(int).tolist()
        return Box(left, top, max(1, right - left), max(1, bottom - top))

    def on_whole(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A mask of `grey` as one of the whole picture, at about the same resolution: nothing is around a part."""
        if self.place is None:
            return mask
        rows, columns = mask.shape
        shown = self.full_size_box(Box(0, 0, self.grey.shape[1], self.grey.shape[0]))
        scale = float(np.sqrt(mask.size / (shown.width * shown.height)))
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        forward = between_middles(np.diag((scale, scale, 1.0)) @ self.place @ np.diag((1 / columns, 1 / rows, 1.0)))
        return np.asarray(cv2.warpPerspective(mask, forward, size, flags=cv2.INTER_NEAREST), np.uint8)

    @property
    def _to_whole(self) -> Matrix:
        """From pixels of `grey` to those of the picture."""
        rows, columns = self.grey.shape
        if self.place is None:
            return np.diag((self.width / columns, self.height / rows, 1.0))
        return self.place @ np.diag((1 / columns, 1 / rows, 1.0))


def between_middles(mapping: Matrix) -> Matrix:
    """A map of places, float64 `[3, 3]`, as OpenCV takes it, which counts from the middles of pixels and not from their edges."""
    middles = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(middles) @ mapping @ middles, np.float64)


def reduced(values: NDArray[T], working_size: int) -> NDArray[T]:
    """At most `working_size` pixels on the longer side, and never less than one on the shorter."""
    height, width = values.shape
    longer = max(height, width)
    if longer <= working_size:
        return values
    size = (max(1, round(width * working_size / longer)), max(1, round(height * working_size / longer)))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), values.dtype)
