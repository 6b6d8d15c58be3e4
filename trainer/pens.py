"""Draws digits and scribbles: skeletons of strokes with random control points, inked by a round pen under varying pressure."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import to_canvas
from trainer.strokes import ASPECT, IN_NUMBERS, STYLES

Stroke = NDArray[np.float64]
"""Points `[k, 2]` as (x, y) in a unit square, y downwards."""

_HEIGHT = 60  # pixels at which digits are drawn before they are brought to the canvas


def digit_strokes(
    digit: int, rng: np.random.Generator, wobble: float = 0.03, style: int | None = None, *, in_number: bool = False
) -> list[Stroke]:
    """One writing of `digit` in a random slant and width; `wobble` is the control points' deviation.

    `style`: which of `STYLES`, the plainest first; None: any, with `in_number` those that by themselves could be letters, too.
    """
    styles = STYLES[digit] + (IN_NUMBERS.get(digit, ()) if in_number else ())
    shape = styles[int(rng.integers(len(styles))) if style is None else style]
    squeeze = ASPECT.get(digit, 0.68) * rng.uniform(0.75, 1.3)
    if digit == 0 and style is None and rng.random() < 0.15:
        squeeze *= 1.8  # the flat zero
    slant = rng.normal(0.08, 0.14)
    return pose([jittered(np.array(points), wobble, rng) for points in shape], squeeze, slant, rng.normal(0.0, 0.06))


def moved(control: NDArray[np.float64], by: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """The control points `[k, 2]`, each moved by a deviation of `by`; corners stay corners."""
    found = control + rng.normal(0.0, by, control.shape)
    corner = np.flatnonzero((control[1:] == control[:-1]).all(1))
    found[corner + 1] = found[corner]
    return found


def jittered(control: NDArray[np.float64], wobble: float, rng: np.random.Generator) -> Stroke:
    """The stroke through `control` `[k, 2]`, each point moved by a deviation of `wobble`."""
    return smooth(moved(control, wobble, rng))


def pose(strokes: list[Stroke], squeeze: float, slant: float, angle: float) -> list[Stroke]:
    """The strokes made `squeeze` as wide, slanted (share of the height) and turned (radians) about the square's middle."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.array([[squeeze, -slant], [0.0, 1.0]])
    return [(stroke - 0.5) @ (turn @ lean).T + 0.5 for stroke in strokes]


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


def ink(
    strokes: list[Stroke], height: int, pen: float, margin: float = 2.0, pressure: NDArray[np.float64] | None = None
) -> NDArray[np.uint8]:
    """The strokes inked `height` pixels high, cut to their box and `margin`, bright on dark; `pen` is the line's width in pixels.

    `pressure`, two or more numbers about 1, widens and narrows the line along the way: they are spread over its points.
    """
    every = np.concatenate(strokes)
    low, high = every.min(0), every.max(0)
    size = max(high[1] - low[1], (high[0] - low[0]) / 1.5, 1e-6)
    scale = max(height - pen, 1.0) / size
    edge = margin + pen / 2
    width, tall = ((high - low) * scale + 2 * edge).astype(int) + 1
    over = 4 if height < 50 else 2 if height < 200 else 1  # supersampling: thin pens on small pictures keep their greys
    placed = [(stroke - low) * scale + edge for stroke in strokes]
    canvas = inked(placed, (width * over, tall * over), pen, over, pressure)
    return np.asarray(cv2.resize(canvas, (width, tall), interpolation=cv2.INTER_AREA), np.uint8)


def inked(
    strokes: list[Stroke], size: tuple[int, int], pen: float, over: int, pressure: NDArray[np.float64] | None
) -> NDArray[np.uint8]:
    """The strokes, in pixels, on a canvas of `size` (width, height) pixels that are `over` times smaller; else as `ink`."""
    canvas = np.zeros((size[1], size[0]), np.uint8)
    for stroke in strokes:
        line = np.round(stroke * over * 16).astype(np.int32)
        if pressure is None:
            cv2.polylines(canvas, [line.reshape(-1, 1, 2)], False, 255, max(1, round(pen * over)), cv2.LINE_AA, 4)
            continue
        along = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(pressure)), pressure)
        widths = np.maximum(1, np.round(pen * over * along)).astype(int)
        for at in range(0, len(line) - 1, 3):  # a few points at a time: one width a piece
            piece = line[at : at + 4].reshape(-1, 1, 2)
            cv2.polylines(canvas, [piece], False, 255, int(widths[at]), cv2.LINE_AA, 4)
    return canvas


def drawn(strokes: list[Stroke], rng: np.random.Generator, pens: tuple[float, float] = (3.0, 9.0)) -> NDArray[np.uint8]:
    """The strokes as uint8 `[28, 28]` in the artifact's input contract, by a pen of a random width, half of them pressed on."""
    pressure = rng.uniform(0.6, 1.35, int(rng.integers(3, 6))) if rng.random() < 0.5 else None
    return to_canvas(ink(strokes, _HEIGHT, rng.uniform(*pens), pressure=pressure))


def draw_digits(labels: NDArray[np.int64], seed: list[int], *, in_number: bool = False) -> NDArray[np.uint8]:
    """One 28×28 picture per label, in the artifact's input contract: uint8 `[N, 28, 28]`; `in_number` as in `digit_strokes`."""
    rng = np.random.default_rng(seed)
    return np.stack([drawn(digit_strokes(int(d), rng, in_number=in_number), rng) for d in labels])
