"""How a written line is set: how large its marks are, where its middle is, and how far it leans."""

from __future__ import annotations

import cv2
import numpy as np

from trainer.hand import DIGIT, MIDDLE, Image

_SLANTS = np.linspace(-0.45, 0.9, 19)
_SAMPLE = 1_500
_INK = 100  # grey level above which a pixel counts as written on
_SIZES = (0.5, 2.0)  # how much smaller and larger than `DIGIT` a line's marks may be found to be


def size_and_middle(canvas: Image) -> tuple[float, float]:
    """The height at which half of the ink is in lower marks, in pixels, and the row of its centre of mass."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((canvas > _INK).astype(np.uint8), connectivity=8)
    heights, areas = np.asarray(stats)[1:, cv2.CC_STAT_HEIGHT], np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    if not len(heights):
        return float(DIGIT), MIDDLE
    order = np.argsort(heights, kind="stable")
    mass = np.cumsum(areas[order])
    size = float(heights[order[int(np.searchsorted(mass, mass[-1] / 2))]])
    rows = canvas.sum(1, dtype=np.float64)
    return float(np.clip(size, _SIZES[0] * DIGIT, _SIZES[1] * DIGIT)), float(rows @ np.arange(len(rows)) / rows.sum())


def upright(canvas: Image) -> float:
    """The shear, in columns a row, that makes a line's strokes upright: the one whose column sums are the most uneven."""
    y, x = np.nonzero(canvas > _INK)
    if not len(x):
        return 0.0
    step = len(x) // _SAMPLE + 1
    x, down = x[::step], y[::step] - MIDDLE
    best, most = 0.0, -1.0
    for slant in _SLANTS.tolist():
        columns = np.floor(x + slant * down + 0.5).astype(np.int64)  # halves all go one way
        score = float(np.square(np.bincount(columns - columns.min())).sum()) * (1 - 0.15 * abs(slant))
        if score > most:
            best, most = slant, score
    return best
