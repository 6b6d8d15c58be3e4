"""What happens to a digit on its way to the model beside being bent: blur, low resolution, noise, stains, rulings, neighbours.

Each takes and gives uint8 `[28, 28]`, ink bright on dark, and leaves a person able to read what was there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import CANVAS

Image = NDArray[np.uint8]
Random = np.random.Generator
Accident = Callable[[Image, Random], Image]


def blur(image: Image, rng: Random) -> Image:
    """Out of focus, or moved while the shutter was open."""
    if rng.random() < 0.6:
        return _uint8(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)))
    length, angle = rng.uniform(1.0, 3.0), rng.uniform(0, np.pi)
    kernel = np.zeros((7, 7), np.float32)
    ends = [
        tuple(round((3 + side * length * float(v)) * 16) for v in (np.cos(angle), np.sin(angle))) for side in (-1, 1)
    ]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return _uint8(cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-6)))


def low_resolution(image: Image, rng: Random) -> Image:
    """Seen at 9 to 20 pixels and enlarged again."""
    side = int(rng.integers(9, 21))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    kind = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return _uint8(cv2.resize(small, (CANVAS, CANVAS), interpolation=kind))


def contrast(image: Image, rng: Random) -> Image:
    """Faint or glaring ink, on a ground that is not quite black."""
    values = (image / 255.0) ** np.exp(rng.uniform(-0.8, 0.8))
    ground = rng.uniform(0, 0.4) if rng.random() < 0.5 else 0.0
    return _uint8(255 * (ground + (rng.uniform(0.4, 1.0) - ground) * values))


def noise(image: Image, rng: Random) -> Image:
    """A sensor's noise, or single pixels that are wrong."""
    if rng.random() < 0.6:
        return _uint8(image + rng.normal(0, rng.uniform(5, 45), image.shape))
    wrong = rng.random(image.shape) < rng.uniform(0.01, 0.08)
    return _uint8(np.where(wrong, rng.choice([0, 255], image.shape), image))


def occlusion(image: Image, rng: Random) -> Image:
    """A small part is covered."""
    high, wide = rng.integers(3, 8, 2)
    y, x = int(rng.integers(4, 24 - high)), int(rng.integers(4, 24 - wide))
    covered = image.copy()
    covered[y : y + high, x : x + wide] = 0
    return covered


def ruling(image: Image, rng: Random) -> Image:
    """A ruled line, whole or dotted, straight or bent, mostly at an edge, seldom across."""
    at = rng.uniform(0, 5) if rng.random() < 0.7 else rng.uniform(5, CANVAS - 5)
    along = np.arange(-1.0, CANVAS + 2, 2.0 if rng.random() < 0.75 else 4.0)
    across = at + rng.normal(0, 0.06) * along
    if rng.random() < 0.3:
        across += rng.normal(0, 1.5) * np.sin(along * rng.uniform(0.1, 0.9))
    points = np.round(np.stack([along, across], 1) * 16).astype(np.int32)
    layer = np.zeros_like(image)
    level = int(rng.uniform(70, 256))
    if rng.random() < 0.7:
        cv2.polylines(layer, [points.reshape(-1, 1, 2)], False, level, int(rng.integers(1, 3)), cv2.LINE_AA, 4)
    else:
        for x, y in points:
            cv2.circle(layer, (int(x), int(y)), 8, level, -1, cv2.LINE_AA, 4)
    return _uint8(np.maximum(image, np.rot90(layer, int(rng.integers(4)))))


def neighbour(image: Image, rng: Random) -> Image:
    """What a cut between two digits left of the one beside: the end of a stroke at an edge, or a slice that touches the digit."""
    if rng.random() < 0.5:
        return _slice_beside(image, rng)
    start, way = rng.uniform(2, 26), rng.normal(0, 4, 2)
    points = np.array([[-2, start], [rng.uniform(0, 2), start + way[0]], [rng.uniform(-1, 4), start + way[0] + way[1]]])
    layer = np.zeros_like(image)
    line = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(layer, [line], False, int(rng.uniform(120, 256)), int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    return _uint8(np.maximum(image, np.rot90(layer, 2 * int(rng.integers(2)))))


def _slice_beside(image: Image, rng: Random) -> Image:
    """The outermost columns of a digit, here of the picture's own, where those of another would stand."""
    inked = np.flatnonzero(image.max(0) > 90)
    if not len(inked) or inked[-1] - inked[0] < 8:  # a slice of a 1 is another 1
        return image
    left, right, width = int(inked[0]), int(inked[-1]) + 1, int(rng.integers(1, 3))
    gap = int(rng.integers(-1, 2))
    source, at = (right - width, left - gap - width) if rng.random() < 0.5 else (left, right + gap)
    at = min(max(at, 0), CANVAS - width)
    beside = image.copy()
    np.maximum(image[:, at : at + width], image[:, source : source + width], out=beside[:, at : at + width])
    return beside


def cloud(image: Image, rng: Random) -> Image:
    """Stains, shadow or fog: a smooth field laid over the picture."""
    grain = int(rng.integers(2, 8))
    field = cv2.resize(rng.random((grain, grain)), (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    return _uint8(image + (255.0 - image) * np.clip(field, 0, 1) * rng.uniform(0.1, 0.6))


def binary(image: Image, rng: Random) -> Image:
    """Pure black and white, or only the strokes' outlines left of a badly scanned one."""
    if rng.random() < 0.75:
        return _uint8(np.where(image > rng.uniform(60, 180), 255, 0))
    return _uint8(cv2.morphologyEx(_uint8(np.where(image > 90, 255, 0)), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)))


ACCIDENTS: tuple[Accident, ...] = (
    blur, blur, low_resolution, low_resolution, contrast, noise, occlusion, ruling, ruling, neighbour, cloud, binary,
)  # fmt: skip
"""All of them, the more usual ones twice."""


def _uint8(values: Any) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
