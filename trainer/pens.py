"""Draws digits and scribbles: skeletons of strokes with random control points, inked by a round pen.

The styles are the world's, not only those of MNIST's American writers: the 1 with an upstroke and with a foot, the barred 7,
the open and the crossed 4, the looped 2, the 5 with its bar apart, the 9 with a straight or a curled tail.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import to_canvas

Stroke = NDArray[np.float64]
"""Points `[k, 2]` as (x, y) in a unit square, y downwards."""

Points = tuple[tuple[float, float], ...]

# Control points of the strokes of each style. A point given twice is a corner; between others the pen runs smoothly.
_STYLES: dict[int, tuple[tuple[Points, ...], ...]] = {
    0: (
        (((0.55, 0.0), (0.15, 0.15), (0.0, 0.5), (0.15, 0.88), (0.5, 1.0), (0.85, 0.85), (1.0, 0.5), (0.85, 0.12), (0.5, 0.0)),),
        (((0.7, 0.05), (0.25, 0.08), (0.0, 0.5), (0.2, 0.9), (0.55, 1.0), (0.95, 0.7), (0.9, 0.25), (0.6, 0.02), (0.35, 0.12)),),
    ),
    1: (
        (((0.5, 0.0), (0.5, 0.5), (0.5, 1.0)),),
        (((0.2, 0.28), (0.38, 0.16), (0.56, 0.0), (0.56, 0.0), (0.56, 0.5), (0.56, 1.0)),),
        (((0.02, 0.5), (0.3, 0.27), (0.6, 0.0), (0.6, 0.0), (0.57, 0.5), (0.55, 1.0)),),
        (((0.2, 0.25), (0.5, 0.0), (0.5, 0.0), (0.5, 0.5), (0.5, 1.0)), ((0.15, 1.0), (0.5, 1.0), (0.85, 1.0))),
    ),
    2: (
        (((0.05, 0.25), (0.3, 0.0), (0.75, 0.05), (0.85, 0.35), (0.5, 0.7), (0.0, 1.0), (0.0, 1.0), (0.5, 1.0), (1.0, 0.98)),),
        (((0.05, 0.22), (0.4, 0.0), (0.85, 0.2), (0.65, 0.6), (0.25, 0.95), (0.02, 0.9), (0.15, 0.75), (0.5, 0.93), (1.0, 0.95)),),
    ),
    3: (
        (((0.05, 0.12), (0.5, 0.0), (0.85, 0.2), (0.65, 0.44), (0.35, 0.47), (0.35, 0.47), (0.8, 0.55), (0.9, 0.8), (0.5, 1.0), (0.0, 0.88)),),
        (((0.05, 0.0), (0.45, 0.0), (0.9, 0.0), (0.9, 0.0), (0.4, 0.4), (0.4, 0.4), (0.85, 0.5), (0.85, 0.85), (0.45, 1.0), (0.0, 0.9)),),
    ),
    4: (
        (((0.3, 0.0), (0.15, 0.3), (0.0, 0.6), (0.0, 0.6), (0.5, 0.6), (1.0, 0.58)), ((0.75, 0.15), (0.72, 0.6), (0.7, 1.0))),
        (((0.7, 0.0), (0.35, 0.33), (0.0, 0.68), (0.0, 0.68), (0.5, 0.68), (1.0, 0.66)), ((0.7, 0.0), (0.7, 0.5), (0.7, 1.0))),
    ),
    5: (
        (((0.9, 0.0), (0.5, 0.0), (0.15, 0.02), (0.15, 0.02), (0.1, 0.42), (0.1, 0.42), (0.5, 0.35), (0.9, 0.6), (0.65, 0.95), (0.0, 0.95)),),
        (((0.15, 0.05), (0.12, 0.25), (0.1, 0.45), (0.1, 0.45), (0.55, 0.4), (0.85, 0.65), (0.6, 0.97), (0.0, 0.92)), ((0.2, 0.02), (0.6, 0.02), (1.0, 0.0))),
    ),
    6: (
        (((0.75, 0.0), (0.3, 0.25), (0.05, 0.65), (0.25, 0.97), (0.7, 0.95), (0.9, 0.7), (0.6, 0.5), (0.25, 0.6), (0.1, 0.75)),),
        (((0.5, 0.0), (0.15, 0.4), (0.05, 0.8), (0.45, 1.0), (0.85, 0.8), (0.6, 0.55), (0.2, 0.65)),),
    ),
    7: (
        (((0.0, 0.03), (0.5, 0.0), (0.95, 0.0), (0.95, 0.0), (0.65, 0.5), (0.4, 1.0)),),
        (((0.0, 0.03), (0.5, 0.0), (0.95, 0.0), (0.95, 0.0), (0.6, 0.5), (0.4, 1.0)), ((0.3, 0.53), (0.6, 0.5), (0.9, 0.48))),
        (((0.05, 0.22), (0.08, 0.02), (0.08, 0.02), (0.5, 0.02), (0.9, 0.0), (0.9, 0.0), (0.75, 0.5), (0.65, 1.0)),),
    ),
    8: (
        (((0.8, 0.12), (0.45, 0.0), (0.15, 0.2), (0.5, 0.48), (0.88, 0.75), (0.5, 1.0), (0.12, 0.78), (0.5, 0.48), (0.85, 0.2), (0.7, 0.05)),),
        (((0.5, 0.47), (0.15, 0.25), (0.5, 0.0), (0.85, 0.25), (0.5, 0.47), (0.1, 0.72), (0.5, 1.0), (0.9, 0.75), (0.5, 0.47)),),
    ),
    9: (
        (((0.85, 0.2), (0.45, 0.0), (0.1, 0.25), (0.35, 0.5), (0.75, 0.4), (0.85, 0.15), (0.85, 0.15), (0.82, 0.6), (0.78, 1.0)),),
        (((0.85, 0.2), (0.5, 0.0), (0.1, 0.2), (0.3, 0.5), (0.8, 0.35), (0.85, 0.2), (0.88, 0.65), (0.6, 0.98), (0.1, 0.92)),),
    ),
}  # fmt: skip
_ASPECT = {1: 0.45, 0: 0.75, 4: 0.8}


def digit_strokes(digit: int, rng: np.random.Generator, wobble: float = 0.025) -> list[Stroke]:
    """One writing of `digit` in a random style, slant and width; `wobble` is the control points' deviation."""
    style = _STYLES[digit][int(rng.integers(len(_STYLES[digit])))]
    squeeze = _ASPECT.get(digit, 0.68) * rng.uniform(0.8, 1.25)
    slant = rng.normal(0.08, 0.12)
    angle = rng.normal(0.0, 0.06)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.array([[squeeze, -slant], [0.0, 1.0]])
    strokes = []
    for points in style:
        control = np.array(points)
        moved = control + rng.normal(0.0, wobble, control.shape)
        moved[1:][(control[1:] == control[:-1]).all(1)] = moved[:-1][(control[1:] == control[:-1]).all(1)]
        strokes.append((smooth(moved) - 0.5) @ (turn @ lean).T + 0.5)
    return strokes


def scribble_strokes(rng: np.random.Generator) -> list[Stroke]:
    """What a hand leaves that is no sign: loops, zigzags, hatching, tangles."""
    kind = int(rng.integers(4))
    if kind == 0:  # a tangle
        return [smooth(rng.uniform(0, 1, (int(rng.integers(7, 14)), 2))) for _ in range(int(rng.integers(1, 3)))]
    if kind == 1:  # a zigzag, back and forth
        teeth = int(rng.integers(5, 11))
        x = np.linspace(0, 1, teeth) + rng.normal(0, 0.03, teeth)
        y = np.where(np.arange(teeth) % 2, 0.9, 0.1) + rng.normal(0, 0.06, teeth)
        points = np.stack([x, y], 1)
        return [points if rng.random() < 0.5 else smooth(points)]
    if kind == 2:  # hatching
        lines = int(rng.integers(4, 8))
        start, lean = np.linspace(0.05, 0.95, lines), rng.uniform(-0.4, 0.4)
        strokes = [np.array([[s - lean / 2, 0.05], [s + lean / 2, 0.95]]) + rng.normal(0, 0.02, (2, 2)) for s in start]
        return strokes + ([s[:, ::-1] for s in strokes] if rng.random() < 0.5 else [])
    turns = rng.uniform(2.5, 5)  # a coil
    t = np.linspace(0, 2 * np.pi * turns, int(turns * 14))
    radius = rng.uniform(0.15, 0.3)
    drift = np.linspace(radius, 1 - radius, len(t)) if rng.random() < 0.6 else np.full(len(t), 0.5)
    grow = np.ones(len(t)) if drift[0] != 0.5 else np.linspace(0.2, 1.6, len(t))
    return [np.stack([drift + radius * grow * np.cos(t), 0.5 + 1.5 * radius * grow * np.sin(t)], 1)]


def smooth(points: NDArray[np.float64], steps: int = 12) -> Stroke:
    """A Catmull-Rom spline through `points`; a point given twice stays a corner."""
    pieces = []
    last = len(points) - 1
    t = np.linspace(0, 1, steps)[:, None]
    for i in range(last):
        a, b = points[i], points[i + 1]
        if (a == b).all():
            continue
        before = a if i == 0 or (points[i - 1] == a).all() else points[i - 1]
        after = b if i + 1 == last or (points[i + 2] == b).all() else points[i + 2]
        go, come = (b - before) / 2, (after - a) / 2
        pieces.append(
            (2 * t**3 - 3 * t**2 + 1) * a
            + (t**3 - 2 * t**2 + t) * go
            + (3 * t**2 - 2 * t**3) * b
            + (t**3 - t**2) * come
        )
    return np.concatenate(pieces)


def ink(strokes: list[Stroke], height: int, pen: float, margin: float = 2.0) -> NDArray[np.uint8]:
    """The strokes inked `height` pixels high, cut to their box and `margin`; `pen` is the line's width in pixels. Bright on dark."""
    every = np.concatenate(strokes)
    low, high = every.min(0), every.max(0)
    size = max(high[1] - low[1], (high[0] - low[0]) / 1.5, 1e-6)
    scale = max(height - pen, 1.0) / size
    edge = margin + pen / 2
    width, tall = ((high - low) * scale + 2 * edge).astype(int) + 1
    over = 4 if height < 200 else 1  # supersampling: thin pens on small pictures keep their greys
    canvas = np.zeros((tall * over, width * over), np.uint8)
    for stroke in strokes:
        at = ((stroke - low) * scale + edge) * over
        line = np.round(at * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(canvas, [line], False, 255, max(1, round(pen * over)), cv2.LINE_AA, 4)
    return np.asarray(cv2.resize(canvas, (width, tall), interpolation=cv2.INTER_AREA), np.uint8)


def draw_digits(labels: NDArray[np.int64], seed: list[int]) -> NDArray[np.uint8]:
    """One 28×28 picture per label, in the artifact's input contract: uint8 `[N, 28, 28]`."""
    rng = np.random.default_rng(seed)
    return np.stack([to_canvas(ink(digit_strokes(int(d), rng), 60, rng.uniform(3.0, 9.0))) for d in labels])
