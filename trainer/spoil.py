"""What spoils a line of writing: other pens, low resolution, noise, remnants of rulings and of the paper's pattern."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Random = np.random.Generator
_OVER = 3  # how much larger a line is where its strokes are inked anew


def spoilt(picture: Image, rng: Random) -> Image:
    """Other pens, dirt, another contrast, and of what may leave little to read one thing at most, mostly none."""
    out: NDArray[Any] = _pen(picture.astype(np.float32), rng)
    if rng.random() < 0.05:
        out = _cut(out, rng)
    if rng.random() < 0.06:
        out = _worn(out, rng)
    kind = rng.random()
    if rng.random() < 0.08:
        out = _streaks(out, rng)
    if kind < 0.04:
        out = _pattern(out, rng)
    elif kind < 0.12:
        out = _rulings(out, rng)
    elif kind < 0.25:
        small = rng.uniform(0.4, 0.9)
        way = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
        shape = (max(8, round(out.shape[1] * small)), round(out.shape[0] * small))
        out = cv2.resize(cv2.resize(out, shape, interpolation=cv2.INTER_AREA), picture.shape[::-1], interpolation=way)
    elif kind < 0.33:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.0))
    elif kind < 0.4:
        out = out + rng.normal(0, rng.uniform(3, 22), out.shape)
    elif kind < 0.43:
        for _ in range(int(rng.integers(1, 4))):
            size = int(rng.integers(2, 6))
            y, x = int(rng.integers(0, out.shape[0] - size)), int(rng.integers(0, max(1, out.shape[1] - size)))
            out[y : y + size, x : x + size] = 255.0 * (rng.random() < 0.4)
    if rng.random() < 0.3:
        out = _specks(out, rng)
    if rng.random() < 0.3:
        out = 255 * np.clip(out / 255 * rng.uniform(0.6, 1.6), 0, 1) ** np.exp(rng.uniform(-0.7, 0.7))
    if rng.random() < 0.08:
        out = np.where(out > rng.uniform(60, 160), 255.0, 0.0)
    return np.asarray(np.clip(np.rint(out), 0, 255), np.uint8)


def _pen(out: Floats, rng: Random) -> Floats:
    """A third of the lines by a thin pen, sharp or soft, some by a sharper, a thicker or a thinner one."""
    kind = rng.random()
    if kind < 0.35:
        thin = reinked(out, rng.uniform(1.1, 3.2))
        return cv2.GaussianBlur(thin, (0, 0), rng.uniform(0.4, 0.8)).astype(np.float32) if kind < 0.18 else thin
    if kind < 0.55:
        strong = _strong(out)
        low = rng.uniform(0.1, 0.4) * strong
        high = max(low + 50, strong * rng.uniform(0.75, 1.0))
        return np.asarray(np.clip((out - low) * (255 / (high - low)), 0, 255), np.float32)
    if kind < 0.75:
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        thicker = kind < 0.67
        share = rng.uniform(0, 0.8 if thicker else 0.4)
        other = cv2.dilate(out, cross) if thicker else cv2.erode(out, cross)
        return np.asarray((1 - share) * out + share * other, np.float32)
    return out


def reinked(out: Floats, pen: float) -> Floats:
    """The same strokes `pen` pixels wide, where they are wider: what is far enough from their edges, and their middles."""
    big = cv2.resize(out, None, fx=_OVER, fy=_OVER, interpolation=cv2.INTER_LINEAR)
    inked = np.pad((big > 0.5 * _strong(out)).astype(np.uint8), 1)  # what is beyond the picture is bare
    within = cv2.distanceTransform(inked, cv2.DIST_L2, 3)[1:-1, 1:-1]
    middle = (within > 0) & (within >= cv2.dilate(within, np.ones((3, 3), np.uint8)))
    if not middle.any():
        return out
    off = float(np.median(within[middle])) - pen * _OVER / 2
    if off <= 0.5:
        return out
    thin = (cv2.dilate(middle.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) | (within > off)
    size = (out.shape[1], out.shape[0])
    return np.asarray(cv2.resize(thin * np.float32(255), size, interpolation=cv2.INTER_AREA), np.float32)


def _strong(out: Floats) -> float:
    """The grey level of strokes."""
    inked = out[out > 60]
    return float(np.percentile(inked, 80)) if len(inked) else 255.0


def _cut(out: Floats, rng: Random) -> Floats:
    """A level band in which strokes are missing here and there, as where a ruling was taken away."""
    y, thick = int(rng.integers(2, out.shape[0] - 4)), int(rng.integers(1, 3))
    for _ in range(int(rng.integers(1, 2 + out.shape[1] // 40))):
        x = int(rng.integers(0, out.shape[1]))
        out[y : y + thick, x : x + int(rng.integers(3, 12))] = 0
    return out


def _worn(out: Floats, rng: Random) -> Floats:
    """Strokes that fade here and there, and in places to nothing, as ink does that is hardly darker than its ground."""
    grain = rng.uniform(2.5, 8)
    noise = rng.normal(0, 1, (round(out.shape[0] / grain) + 2, round(out.shape[1] / grain) + 2)).astype(np.float32)
    field = cv2.resize(noise, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_CUBIC)
    left = 1 - np.clip((field - rng.uniform(0.9, 1.7)) * rng.uniform(0.5, 3), 0, 1)
    return np.asarray(out * left, np.float32)


def _specks(out: Floats, rng: Random) -> Floats:
    """Faint dirt."""
    count = int(rng.uniform(0.001, 0.012) * out.size) + 1
    y, x = rng.integers(out.shape[0], size=count), rng.integers(out.shape[1], size=count)
    out[y, x] = np.maximum(out[y, x], rng.uniform(20, 130, count))
    return out


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


def _streaks(out: Floats, rng: Random) -> Floats:
    """What is left of a printed pattern of many fine lines, level or nearly: pieces of them, mostly faint."""
    height, width = out.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    lean, apart, wave = rng.normal(0, 0.06), rng.uniform(2, 5), rng.uniform(0, 1.5)
    lines = np.sin((y + lean * x + wave * np.sin(x * 2 * np.pi / rng.uniform(15, 60))) * 2 * np.pi / apart)
    coarse = rng.normal(0, 1, (round(height / rng.uniform(2, 6)) + 2, round(width / rng.uniform(6, 25)) + 2))
    where = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    level = np.clip(where - rng.uniform(-0.3, 1.2), 0, 1) * np.clip(lines - rng.uniform(0, 0.6), 0, 1)
    return np.asarray(np.maximum(out, level * rng.uniform(60, 255)), np.float32)


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
