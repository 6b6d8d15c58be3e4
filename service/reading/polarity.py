"""Whether ink is lighter or darker than its paper, where the paper is not flat."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.components import components
from service.reading.types import Grey

_NARROW = 0.2  # of the shorter side
_STRONGEST = 0.005  # of the picture: a thin digit covers more of it
_STRONG, _LEAST = 0.5, 4  # of the strongest, and grey levels: what makes a mark
_ROW = 2.5  # times as long as wide: of a digit only a 1 is
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
    boxes = components(mask.view(np.uint8))[1][1:, :4].tolist()
    return max(
        ((w + h, x == 0 or y == 0 or x + w == width or y + h == height) for x, y, w, h in boxes), default=(0, False)
    )


def likeness_to_paper(mask: NDArray[np.bool_]) -> float:
    """From 0, ink, to 1, paper, for one of the two parts of a picture: paper is more, at the edges and corners too, and wider."""
    height, width = mask.shape
    if bordered(mask):
        return _ring(mask, min(height, width) // 5)
    frame = _ring(mask, 0)
    if max(height, width) > _ROW * min(height, width):
        return frame  # a 1 may leave hardly any paper
    k = max(1, min(height, width) // 8)
    corners = np.mean([mask[:k, :k].mean(), mask[:k, -k:].mean(), mask[-k:, :k].mean(), mask[-k:, -k:].mean()])
    part = mask.astype(np.uint8)
    widths = [float(cv2.distanceTransform(p, cv2.DIST_L2, 3).max()) for p in (part, 1 - part)]
    return float(mask.mean() + frame + corners + widths[0] / sum(widths)) / 4


def bordered(mask: NDArray[np.bool_]) -> bool:
    """Whether a border goes all around the picture, so that the paper is within."""
    frame, inner = _ring(mask, 0), _ring(mask, min(mask.shape) // 5)
    return min(frame, 1 - frame) < 0.1 and abs(frame - inner) > 0.75


def _ring(mask: NDArray[np.bool_], depth: int) -> float:
    """The share of `mask` along the picture's frame, or a smaller one `depth` pixels within it."""
    part = mask[depth : mask.shape[0] - depth, depth : mask.shape[1] - depth]
    return float(np.concatenate([part[0], part[-1], part[1:-1, 0], part[1:-1, -1]]).mean())
