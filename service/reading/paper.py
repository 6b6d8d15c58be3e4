"""What the picture would be without ink: the paper's level, its light, and how noisy it is."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Grey

_THUMB = 64  # the light is estimated on a picture this large
_FLAT = (
    (6, 0.9),
    (1, 0.55),
)  # a flat picture: within so many grey levels of its frame's median lies such a share of the frame
_SAMPLE = 4_096
_MAD_TO_SIGMA = 1.4826


def relief(grey: Grey) -> NDArray[np.float32]:
    """How far each pixel is from the paper towards ink, in grey levels (negative: away from it), float32 `[height, width]`.

    The paper, flat or unevenly lit, is taken away, and dark and light ink come out alike.
    """
    frame = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).astype(np.int16)
    level = int(np.sort(frame)[len(frame) // 2])
    away = np.abs(frame - level)
    flat = any(np.count_nonzero(away <= levels) >= share * len(frame) for levels, share in _FLAT)
    paper = None if flat else _light(grey)
    difference = grey.astype(np.float32) - (np.float32(level) if paper is None else paper)
    sample = _sample(difference)
    beyond = sample[np.abs(sample) > 3 * noise(difference) + 4]
    if float(beyond.sum()) >= 0:
        return difference
    if paper is not None:  # ink takes away a share of the light that falls on it: shadows hold weaker ink
        bright = float(paper.max())
        difference = difference * (bright / np.maximum(paper, bright / 8))
    return -difference


def noise(relief: NDArray[np.float32]) -> float:
    """The paper's standard deviation, in the unit of `relief`, by the median absolute deviation.

    Of all pixels, or of those below the paper alone, whichever is less: ink rises to one side only, however much there is.
    """
    sample = np.sort(_sample(relief))  # partitioning is slower where most values are equal
    middle = len(sample) // 2
    overall = np.sort(np.abs(sample - sample[middle]))[middle]
    below = int(np.searchsorted(sample, 0.0))
    return _MAD_TO_SIGMA * float(min(overall, -sample[below // 2] if below else 0.0))


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.ravel()[:: values.size // _SAMPLE | 1]  # an odd step does not fall into a picture's even columns


def _light(grey: Grey) -> NDArray[np.float32]:
    """The light as a quadratic surface, float32 `[height, width]`, fitted so that ink counts as little as can be.

    Iteratively reweighted least squares: least absolute deviations first, then Tukey's biweight (A. E. Beaton, J. W. Tukey,
    "The fitting of power series", Technometrics 16, 1974).
    """
    height, width = grey.shape
    shrink = min(1.0, _THUMB / max(height, width))
    rows, columns = max(1, round(height * shrink)), max(1, round(width * shrink))
    thumb = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA) if shrink < 1 else grey
    design = _quadratic(rows, columns)
    values = thumb.astype(np.float64).ravel()
    weights = np.ones_like(values)
    for step in range(12):
        weighted = design * weights[:, None]
        fit = np.linalg.lstsq(weighted.T @ design, weighted.T @ values, rcond=None)[0]
        residual = np.abs(values - design @ fit)
        if step < 7:
            weights = 1 / np.maximum(residual, 1.0)
        else:
            scale = 4.685 * max(_MAD_TO_SIGMA * float(np.median(residual)), 2.0)
            weights = np.square(np.maximum(0.0, 1 - np.square(residual / scale)))
    surface = (design @ fit).reshape(rows, columns).astype(np.float32)
    full = cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR) if shrink < 1 else surface
    return np.asarray(np.clip(full, 0, 255), np.float32)


@lru_cache(maxsize=64)
def _quadratic(rows: int, columns: int) -> NDArray[np.float64]:
    y, x = (g.ravel() for g in np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
