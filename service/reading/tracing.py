"""A line from the left edge to the right: where it goes, and which pixels are its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = np.arange(-2, 3)  # rows that a line rises or falls within a column of the thumb
_STEEP = 0.12  # what a row climbed costs a path


def best_path(worth: NDArray[np.float64]) -> NDArray[np.intp]:
    """The row in each column of the path from left to right that is worth most (dynamic programming)."""
    rows, columns = worth.shape
    best = worth[:, 0]
    came = np.zeros((columns, rows), np.intp)
    here = np.arange(rows)
    padded = np.full(rows + 4, -np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
    price = _STEEP * np.abs(_STEPS)
    for column in range(1, columns):
        padded[2:-2] = best
        options = windows - price
        step = options.argmax(axis=1)
        came[column] = here + step - 2
        best = options[here, step] + worth[:, column]
    path = np.empty(columns, np.intp)
    path[-1] = best.argmax()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came[column, path[column]]
    return path


def runs_along(mask: NDArray[np.uint8], centre: NDArray[np.intp], thick: int, slack: int) -> NDArray[np.uint8]:
    """The upright runs of ink that a line along `centre` goes through, uint8 like `mask`, except where a stroke crosses it."""
    height, width = mask.shape
    half = thick + slack
    offsets = np.arange(-half, half + 1)[:, None]
    rows = centre[None, :] + offsets
    inside = (rows >= 0) & (rows < height)
    window = (mask[np.clip(rows, 0, height - 1), np.arange(width)] > 0) & inside
    away = np.where(window, np.abs(offsets), 2 * half + 1)
    start = away.argmin(axis=0)
    there = away.min(axis=0) <= slack
    order = np.arange(2 * half + 1)[:, None]
    above = np.where(~window & (order < start), order, -1).max(axis=0)
    below = np.where(~window & (order > start), order, 2 * half + 1).min(axis=0)
    length = below - above - 1
    ends = np.abs(np.arange(width) - (width - 1) / 2) >= 0.35 * width  # where the line is likely to be alone
    usual = length[there & ends & (length <= thick)]
    pixels = np.zeros_like(mask)
    if len(usual):  # where a stroke crosses, the run is longer than the line is thick
        there &= length <= 1.25 * float(np.median(usual)) + 1
        chosen = window & there & (order > above) & (order < below)
        at = np.nonzero(chosen)
        pixels[rows[at], at[1]] = 1
    return pixels
