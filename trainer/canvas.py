"""The artifact's input contract, as the trainer applies it to what it draws: box 20 of 28, centred by mass, bright on dark."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CANVAS = 28
BOX = 20


def to_canvas(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bright ink on black of any size as uint8 `[28, 28]`: its longer side 20 pixels, its centre of mass in the middle.

    Nothing but black gives a black canvas. Source: the description of MNIST by Y. LeCun, C. Cortes and C. J. C. Burges.
    """
    rows, columns = np.flatnonzero(ink.max(1) > 0), np.flatnonzero(ink.max(0) > 0)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    if not len(rows):
        return canvas
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    small = small.astype(np.float64) * (255.0 / max(1, int(small.max())))
    mass = small.sum()
    top = _place((small.sum(1) * np.arange(height)).sum() / mass, height)
    left = _place((small.sum(0) * np.arange(width)).sum() / mass, width)
    canvas[top : top + height, left : left + width] = np.round(small)
    return canvas


def _place(centre: float, size: int) -> int:
    return int(np.clip(round(CANVAS / 2 - centre), 0, CANVAS - size))
