"""Whether ink is lighter or darker than its paper, where the light on the paper is not even."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Grey

_NARROW = 0.2  # of the shorter side
_STRONGEST = 0.005  # of the picture: a thin digit covers more of it
_STRONG, _LEAST = 0.5, 4  # of the strongest, and grey levels: what makes a mark
_FURTHER = 1.5  # times as far: what reaches no further may be either


def ink_is_light(thumb: Grey) -> bool | None:
    """Whether a small picture's ink is lighter than its paper; None where this does not tell.

    Of what is narrow, light or dark, the ink reaches further than the gaps between its strokes and keeps away from the frame;
    the edge of a shadow is neither narrow, nor does it end within the picture.
    """
    side = 2 * (round(_NARROW * min(thumb.shape)) // 2) + 1
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    ways = cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT
    light, dark = (np.asarray(cv2.morphologyEx(thumb, way, window), np.uint8) for way in ways)
    least = max(_STRONG * max(_strength(light), _strength(dark)), _LEAST)
    (light_reach, light_bound), (dark_reach, dark_bound) = _largest(light >= least), _largest(dark >= least)
    if light_reach > _FURTHER * dark_reach:
        return None if light_bound else True
    if dark_reach > _FURTHER * light_reach:
        return None if dark_bound else False
    return None


def _strength(heights: NDArray[np.uint8]) -> int:
    """The grey level that the strongest pixels reach."""
    least = round((1 - _STRONGEST) * (heights.size - 1))
    return int(np.partition(heights, least, axis=None)[least])


def _largest(mask: NDArray[np.bool_]) -> tuple[int, bool]:
    """Half of the way around the largest mark's box, in pixels, and whether it touches the frame."""
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    boxes = np.asarray(stats)[1:, :4].tolist()
    return max(
        ((w + h, x == 0 or y == 0 or x + w == width or y + h == height) for x, y, w, h in boxes), default=(0, False)
    )
