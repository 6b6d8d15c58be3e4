"""How wide strokes are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_BROADEST = 0.22  # of the longer side: from no stroke's middle is it further to its edge; a shadow is broader


def stroke_widths(mask: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How wide strokes are at each pixel of their middles, in pixels, and which pixels these are, bool `[height, width]`.

    `mask` uint8 of 0 and 1; beyond the picture there are none.
    """
    within = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
    middle = (within > 0) & (within >= cv2.dilate(within, np.ones((3, 3), np.uint8)))
    return np.asarray(2 * within[middle] - 1, np.float32), middle[1:-1, 1:-1]


def is_too_broad(ink: NDArray[np.uint8]) -> bool:
    """Whether what is taken for ink, 1 in a mask, is somewhere broader than any stroke: a shadow, or the paper."""
    return bool(cv2.distanceTransform(ink, cv2.DIST_L2, 3).max() > _BROADEST * max(ink.shape))
