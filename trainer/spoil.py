"""What spoils a line of writing: other pens, low resolution, noise, remnants of rulings and of the paper's pattern."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Random = np.random.Generator


def spoilt(picture: Image, rng: Random) -> Image:
    """Other pens, low resolution, noise, remnants of rulings and of the paper's pattern."""
    out: NDArray[Any] = picture.astype(np.float32)
    if rng.random() < 0.45:
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        thicker = rng.random() < 0.5
        share = rng.uniform(0, 0.8 if thicker else 0.45)
        other = cv2.dilate(out, cross) if thicker else cv2.erode(out, cross)
        out = (1 - share) * out + share * other
    if rng.random() < 0.06:
        out = _pattern(out, rng)
    if rng.random() < 0.08:
        out = _rulings(out, rng)
    if rng.random() < 0.2:
        small = rng.uniform(0.4, 0.9)
        kind = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
        shape = (max(8, round(out.shape[1] * small)), round(out.shape[0] * small))
        out = cv2.resize(cv2.resize(out, shape, interpolation=cv2.INTER_AREA), picture.shape[::-1], interpolation=kind)
    elif rng.random() < 0.15:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.1))
    if rng.random() < 0.3:
        out = 255 * np.clip(out / 255 * rng.uniform(0.6, 1.6), 0, 1) ** np.exp(rng.uniform(-0.7, 0.7))
    if rng.random() < 0.1:
        out = np.where(out > rng.uniform(60, 180), 255.0, 0.0)
    elif rng.random() < 0.12:
        out = out + rng.normal(0, rng.uniform(3, 30), out.shape)
    if rng.random() < 0.05:
        for _ in range(int(rng.integers(1, 4))):
            size = int(rng.integers(2, 6))
            y, x = int(rng.integers(0, out.shape[0] - size)), int(rng.integers(0, max(1, out.shape[1] - size)))
            out[y : y + size, x : x + size] = 255.0 * (rng.random() < 0.4)
    return np.asarray(np.clip(np.rint(out), 0, 255), np.uint8)


def _pattern(out: Floats, rng: Random) -> Floats:
    width = out.shape[1]
    if rng.random() < 0.5:
        y, x = np.mgrid[: out.shape[0], :width].astype(np.float32)
        angle, period = rng.uniform(0, np.pi), rng.uniform(3, 9)
        layer = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period + rng.uniform(0, 7))
    else:
        grain = rng.uniform(1.5, 5)
        noise = rng.normal(0, 1, (round(out.shape[0] / grain) + 2, round(width / grain) + 2)).astype(np.float32)
        layer = cv2.resize(noise, (width, out.shape[0]), interpolation=cv2.INTER_CUBIC)
    layer = np.clip((layer - rng.uniform(-0.2, 1.0)) * rng.uniform(20, 110), 0, 160)
    return np.asarray(np.maximum(out, layer), np.float32)


def _rulings(out: Floats, rng: Random) -> Floats:
    layer = np.zeros(out.shape, np.uint8)
    width = out.shape[1]
    level = int(rng.uniform(80, 256))
    if rng.random() < 0.85:
        y = rng.uniform(out.shape[0] / 2 + 6, out.shape[0]) if rng.random() < 0.8 else rng.uniform(0, out.shape[0])
        left, right = sorted(rng.uniform(0, width, 2)) if rng.random() < 0.4 else (0.0, float(width))
        line = np.array([[left, y], [right, y + rng.normal(0, 1)]])
        cv2.polylines(
            layer,
            [np.round(line * 16).astype(np.int32).reshape(-1, 1, 2)],
            False,
            level,
            int(rng.integers(1, 3)),
            cv2.LINE_AA,
            4,
        )
    else:
        for x in np.arange(rng.uniform(0, 20), width, rng.uniform(20, 36)):
            cv2.line(layer, (round(float(x)), 0), (round(float(x)), out.shape[0]), level, 1, cv2.LINE_AA)
    return np.asarray(np.maximum(out, layer), np.float32)
