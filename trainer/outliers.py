"""What is not one whole digit: scribbles, signs, pieces of digits, two digits touching, textures.

Every kind ends as a normalised 28×28 picture, since that is what the model is shown of them. Pieces that a person would still
read as a digit (the upper half of an 8 is a 0, the right half of a 4 a 1) are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import CANVAS, to_canvas
from trainer.pens import Points, ink, scribble_strokes, smooth

_CUTS = {0: "lrtb", 2: "lrb", 3: "lrtb", 5: "lrtb", 6: "l", 8: "lr", 9: "l", 4: "l"}
_SIGNS: tuple[tuple[Points, ...], ...] = (
    (((0.0, 0.5), (1.0, 0.5)),),  # dash
    (((0.0, 0.35), (1.0, 0.35)), ((0.0, 0.65), (1.0, 0.65))),  # equals
    (((0.0, 0.5), (1.0, 0.5)), ((0.5, 0.0), (0.5, 1.0))),  # plus
    (((0.0, 0.0), (1.0, 1.0)), ((1.0, 0.0), (0.0, 1.0))),  # cross
    (((0.5, 0.0), (1.0, 1.0), (1.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.5, 0.0)),),  # triangle
    (((0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 0.0)),),  # square
    (((0.0, 0.6), (0.35, 1.0), (0.35, 1.0), (1.0, 0.0)),),  # tick
    (((0.0, 0.5), (1.0, 0.5)), ((0.65, 0.2), (1.0, 0.5), (1.0, 0.5), (0.65, 0.8))),  # arrow
    (((0.0, 1.0), (0.5, 0.0), (0.5, 0.0), (1.0, 1.0)), ((0.2, 0.65), (0.8, 0.65))),  # A
    (((1.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (1.0, 1.0)), ((0.0, 0.5), (0.8, 0.5))),  # E
    (((0.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (1.0, 1.0)), ((0.0, 0.5), (1.0, 0.5))),  # H
    (((0.0, 0.0), (0.0, 1.0)), ((0.9, 0.0), (0.0, 0.55), (0.0, 0.55), (1.0, 1.0))),  # K
    (((0.0, 1.0), (0.0, 0.0), (0.0, 0.0), (0.5, 0.6), (0.5, 0.6), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0)),),  # M
    (((0.0, 1.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (1.0, 1.0), (1.0, 0.0)),),  # N
    (((0.0, 0.0), (1.0, 0.0)), ((0.5, 0.0), (0.5, 1.0))),  # T
    (((0.0, 0.0), (0.0, 0.7), (0.5, 1.0), (1.0, 0.7), (1.0, 0.0)),),  # U
    (((0.0, 0.0), (0.5, 1.0), (0.5, 1.0), (1.0, 0.0)),),  # V
    (((0.5, 0.1), (0.2, 0.0), (0.05, 0.3), (0.5, 1.0), (0.5, 1.0), (0.95, 0.3), (0.8, 0.0), (0.5, 0.1)),),  # heart
    (((0.0, 0.3), (0.15, 0.1), (0.3, 0.3), (0.3, 0.9), (0.3, 0.4), (0.6, 0.1), (0.7, 0.4), (0.7, 0.9)),),  # n, m
    (((0.0, 0.0), (0.0, 1.0)), ((0.0, 0.0), (0.8, 0.05), (0.8, 0.5), (0.0, 0.5)), ((0.2, 0.5), (1.0, 1.0))),  # R
)


def draw_outliers(
    count: int, digits: NDArray[np.uint8], labels: NDArray[np.int64], seed: list[int]
) -> NDArray[np.uint8]:
    """`count` pictures that hold no single digit, uint8 `[count, 28, 28]`, some made from pieces of `digits`."""
    if not count:
        return digits[:0]
    rng = np.random.default_rng(seed)
    kinds: list[tuple[float, Callable[[], NDArray[np.uint8]]]] = [
        (0.22, lambda: _pen(scribble_strokes(rng), rng)),
        (0.22, lambda: _sign(rng)),
        (0.22, lambda: _cut(digits, labels, rng)),
        (0.17, lambda: _pair(digits, rng)),
        (0.17, lambda: _texture(rng)),
    ]
    choice = rng.choice(len(kinds), count, p=[share for share, _ in kinds])
    return np.stack([kinds[k][1]() for k in choice])


def _pen(strokes: list[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.uint8]:
    return to_canvas(ink(strokes, 60, rng.uniform(2.5, 8.0)))


def _sign(rng: np.random.Generator) -> NDArray[np.uint8]:
    stretch = rng.uniform(0.6, 1.2)
    angle = rng.normal(0, 0.12)
    turn = np.array([[np.cos(angle) * stretch, -np.sin(angle)], [np.sin(angle) * stretch, np.cos(angle)]])
    strokes = []
    for points in _SIGNS[int(rng.integers(len(_SIGNS)))]:
        control = np.array(points)
        moved = control + rng.normal(0, 0.035, control.shape)
        same = np.flatnonzero((control[1:] == control[:-1]).all(1))
        moved[same + 1] = moved[same]
        strokes.append(smooth(moved) @ turn.T)
    return _pen(strokes, rng)


def _cut(digits: NDArray[np.uint8], labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    for _ in range(1000):
        at = int(rng.integers(len(digits)))
        sides = _CUTS.get(int(labels[at]))
        if sides is None:
            continue
        keep = int(CANVAS * rng.uniform(0.38, 0.5))
        side = sides[int(rng.integers(len(sides)))]
        part = {"l": np.s_[:, :keep], "r": np.s_[:, -keep:], "t": np.s_[:keep], "b": np.s_[-keep:]}[side]
        piece = digits[at][part]
        if (piece > 127).sum() >= 12:
            return to_canvas(piece)
    return _sign(rng)  # among these digits there is nothing to cut


def _pair(digits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    first, second = digits[rng.integers(len(digits), size=2)]
    gap = int(rng.integers(-2, 4))
    left, right = _columns(first), _columns(second)
    wide = np.zeros((CANVAS, left.shape[1] + right.shape[1] + max(gap, 0)), np.uint8)
    wide[:, : left.shape[1]] = left
    start = max(0, left.shape[1] + gap)
    view = wide[:, start : start + right.shape[1]]
    np.maximum(view, right[:, : view.shape[1]], out=view)
    return to_canvas(wide)


def _columns(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    inked = np.flatnonzero(digit.max(0))
    return digit[:, inked[0] : inked[-1] + 1]


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    kind = int(rng.integers(4))
    if kind == 0:  # paper grain and stains: noise at some scale, cut at some level
        grain = int(rng.integers(4, 29))
        noise = cv2.resize(rng.normal(0, 1, (grain, grain)), (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        level = np.quantile(noise, rng.uniform(0.3, 0.9))
        return to_canvas(np.clip((noise - level) * rng.uniform(60, 400), 0, 255).astype(np.uint8))
    if kind == 1:  # a grating
        y, x = np.mgrid[:CANVAS, :CANVAS]
        angle, period = rng.uniform(0, np.pi), rng.uniform(3, 10)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period + rng.uniform(0, 7))
        return to_canvas(np.clip(wave * 255, 0, 255).astype(np.uint8))
    if kind == 2:  # dirt: a few dots
        dots = np.zeros((60, 60), np.uint8)
        for _ in range(int(rng.integers(1, 9))):
            x, y = (int(v) for v in rng.integers(5, 55, 2))
            cv2.circle(dots, (x, y), int(rng.integers(1, 7)), 255, -1, cv2.LINE_AA)
        return to_canvas(dots)
    frame = np.zeros((60, 60), np.uint8)  # rulings and the corner of a form's cell
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(2, 58))
        ends = ((0, at), (59, at + int(rng.integers(-3, 4)))) if rng.random() < 0.7 else ((at, 0), (at, 59))
        cv2.line(frame, *ends, 255, int(rng.integers(1, 5)), cv2.LINE_AA)
    frame[int(rng.integers(2, 58))] = 255
    return to_canvas(frame)
