"""Strokes added to MNIST's own digits, as other countries write them: the bar of the 7, the upstroke and the foot of the 1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import to_canvas

_INK = 96  # what counts as ink when places are looked for
_ROOM = 8  # pixels around the digit for what is added


def restyle(
    images: NDArray[np.uint8], labels: NDArray[np.int64], count: int, seed: list[int]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` of the 1s and 7s in `images` with a stroke more, and their labels; none where there is no 1 and no 7."""
    rng = np.random.default_rng(seed)
    fit = np.flatnonzero((labels == 1) | (labels == 7))
    if not len(fit) or not count:
        return images[:0], labels[:0]
    chosen = rng.choice(fit, count)
    add = {1: _one, 7: _seven}
    return np.stack([to_canvas(add[int(labels[i])](np.pad(images[i], _ROOM), rng)) for i in chosen]), labels[chosen]


def _seven(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    rows = np.flatnonzero((image > _INK).any(1))
    if len(rows) < 8:
        return image
    row = int(rows[0] + len(rows) * rng.uniform(0.42, 0.62))
    inked = np.flatnonzero(image[row] > _INK)
    if not len(inked):
        return image
    middle = inked[-1] - rng.uniform(0, 1.5)
    left, right, rise = rng.uniform(3, 5.5), rng.uniform(2.5, 5), rng.normal(0.05, 0.12)
    return _line(image, (middle - left, row + left * rise), (middle + right, row - right * rise), rng)


def _one(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    rows = np.flatnonzero((image > _INK).any(1))
    if len(rows) < 8:
        return image
    top, bottom = int(rows[0]), int(rows[-1])
    kind = rng.random()
    if kind < 0.75:
        x = float(np.flatnonzero(image[top + 1] > _INK).mean()) if (image[top + 1] > _INK).any() else 22.0
        length, angle = rng.uniform(5, 13), np.deg2rad(rng.uniform(28, 62))  # down from the level, towards the left
        end = (x - length * np.cos(angle), top + 1 + length * np.sin(angle))
        image = _line(image, (x, top + 1), end, rng)
    if kind > 0.45:
        x = float(np.flatnonzero(image[bottom - 1] > _INK).mean()) if (image[bottom - 1] > _INK).any() else 22.0
        left, right, rise = rng.uniform(3, 6), rng.uniform(3, 6), rng.normal(0, 0.06)
        image = _line(image, (x - left, bottom - 0.5 + left * rise), (x + right, bottom - 0.5 - right * rise), rng)
    return image


def _line(
    image: NDArray[np.uint8], start: tuple[float, float], end: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.uint8]:
    layer = np.zeros_like(image)
    points = [(round(x * 16), round(y * 16)) for x, y in (start, end)]
    cv2.line(layer, points[0], points[1], int(rng.uniform(200, 256)), int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    return np.maximum(image, layer)
