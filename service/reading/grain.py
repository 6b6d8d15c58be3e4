"""What spoils single pixels: salt and pepper on the paper, pits in the strokes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Grey

_AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
BESIDE = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.uint8)
_SPECK = 40  # grey levels that a speck stands out from all eight pixels around it
_SPECKS = 0.012  # of the picture: with more specks they are noise, and no dots
PITTED = 0.004  # of the ink: what is missing in the pits of smooth strokes stays below this
_PITS, _DEEP_PITS, _DEEP = (
    6,
    3,
    20,
)  # how many make strokes grainy (an 8 has two, its counters); grey levels of a deep one
_LARGE = 16  # pixels that ink must reach
_SMOOTH = 0.9  # pixels: standard deviation of the blur that fills pits


def without_specks(grey: Grey) -> Grey:
    """`grey` without salt and pepper: what is unlike all but two of its neighbours becomes their median; `grey` itself if clean.

    Source: the rank-ordered difference of R. Garnett et al., "A universal noise removal algorithm with an impulse detector",
    IEEE Transactions on Image Processing 14 (2005); with three neighbours, for strokes are thin.
    """
    above = cv2.subtract(grey, cv2.dilate(grey, _AROUND))
    below = cv2.subtract(cv2.erode(grey, _AROUND), grey)
    if np.count_nonzero(cv2.max(above, below) > _SPECK) < _SPECKS * grey.size:
        return grey
    for _ in range(2):
        grey = _median_of_outliers(grey)
    return grey


def _median_of_outliers(grey: Grey) -> Grey:
    height, width = grey.shape
    framed = cv2.copyMakeBorder(grey, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    least = np.full((3, height, width), 255, np.uint8)  # the smallest differences so far, rising
    for row in range(3):
        for column in range(3):
            if (row, column) != (1, 1):
                more = cv2.absdiff(framed[row : row + height, column : column + width], grey)
                for rank in range(3):
                    least[rank], more = cv2.min(least[rank], more), cv2.max(least[rank], more)
    unlike = least.sum(axis=0, dtype=np.uint16) > 250
    return np.where(unlike, cv2.medianBlur(grey, 3), grey).astype(np.uint8)


def is_pitted(ink: NDArray[np.uint8]) -> bool:
    """Whether strokes are riddled with pixels darker than all four beside them; lines, even thin ones, have none."""
    pits = cv2.subtract(cv2.erode(ink, BESIDE), ink)
    if cv2.sumElems(pits)[0] <= PITTED * cv2.sumElems(ink)[0]:
        return False
    inked = (ink > _DEEP).astype(np.uint8)
    if max(cv2.boundingRect(inked)[2:]) < _LARGE:  # the counter of a small digit is a single pixel
        return False
    return cv2.countNonZero(pits) >= _PITS or int(np.count_nonzero(pits > _DEEP)) >= _DEEP_PITS


def smoothed(relief: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pits filled, float32 `[height, width]`."""
    return np.asarray(cv2.GaussianBlur(relief, (0, 0), _SMOOTH), np.float32)
