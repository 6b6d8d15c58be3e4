"""A decoded picture at the resolution that it is searched at, or a part of it, and where that is in the picture itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Box, Grey

T = TypeVar("T", np.uint8, np.uint16, np.float32)


@dataclass(frozen=True, slots=True)
class Page:
    """A decoded picture, upright: `grey` at working resolution, `width` and `height` of the picture itself.

    `area`: the part of the picture that `grey` shows; None: all of it.
    """

    grey: Grey
    width: int
    height: int
    area: Box | None = None

    def reduced(self, working_size: int) -> Page:
        """The same at no more than `working_size` pixels on the longer side of `grey`."""
        grey = reduced(self.grey, working_size)
        return self if grey is self.grey else replace(self, grey=grey)

    def part(self, grey: Grey, box: Box) -> Page:
        """The part of the picture in `box`, in pixels of this page's `grey`; the part's own `grey` is as large as that."""
        return replace(self, grey=grey, area=self.full_size_box(box))

    def full_size_box(self, box: Box) -> Box:
        """`box` in pixels of the picture where it is given in pixels of `grey`."""
        rows, columns = self.grey.shape
        area = self.area or Box(0, 0, self.width, self.height)
        left, right = (area.x + round(x * area.width / columns) for x in (box.x, box.x + box.width))
        top, bottom = (area.y + round(y * area.height / rows) for y in (box.y, box.y + box.height))
        return Box(left, top, max(1, right - left), max(1, bottom - top))

    def on_whole(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A mask of `grey` as one of the whole picture, at the same resolution: nothing is around a part."""
        if self.area is None:
            return mask
        across, down = mask.shape[1] / self.area.width, mask.shape[0] / self.area.height
        rows, columns = round(self.height * down), round(self.width * across)
        whole = np.zeros((max(rows, mask.shape[0]), max(columns, mask.shape[1])), np.uint8)
        top = min(round(self.area.y * down), whole.shape[0] - mask.shape[0])
        left = min(round(self.area.x * across), whole.shape[1] - mask.shape[1])
        whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        return whole


def reduced(values: NDArray[T], working_size: int) -> NDArray[T]:
    """At most `working_size` pixels on the longer side, and never less than one on the shorter."""
    height, width = values.shape
    longer = max(height, width)
    if longer <= working_size:
        return values
    size = (max(1, round(width * working_size / longer)), max(1, round(height * working_size / longer)))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), values.dtype)
