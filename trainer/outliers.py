"""What is not one whole digit: letters and signs, real and invented, scribbles, doodles, pieces of digits, textures, empty paper.

Every kind ends as a normalised 28×28 picture, since that is what the model is shown of them. Pieces that a person would still
read as a digit (the upper half of an 8 is a 0, the right half of a 4 a 1) are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import CANVAS, to_canvas
from trainer.cuts import miscut, touching
from trainer.glyphs import drawn_glyph, invented_glyph, printed_glyph
from trainer.pens import Stroke, drawn, pose, scribble_strokes, smooth

_HALVES = {0: "lrtb", 2: "lrb", 3: "lrtb", 5: "lrtb", 6: "l", 8: "lr", 9: "l", 4: "l"}
_QUARTERS = (0, 2, 3, 5, 8)
_LEAST_INK = 12  # bright pixels that a piece must have

Kind = Callable[[], NDArray[np.uint8]]


def draw_outliers(
    count: int, digits: NDArray[np.uint8], labels: NDArray[np.int64], seed: list[int]
) -> NDArray[np.uint8]:
    """`count` pictures that hold no single digit, uint8 `[count, 28, 28]`, some made from pieces of `digits`."""
    if not count:
        return digits[:0]
    rng = np.random.default_rng(seed)
    kinds: list[tuple[float, Kind]] = [
        (0.07, lambda: drawn(scribble_strokes(rng), rng, (2.5, 8.0))),
        (0.18, lambda: drawn_glyph(rng)),
        (0.26, lambda: invented_glyph(rng)),
        (0.06, lambda: printed_glyph(rng)),
        (0.08, lambda: drawn(doodle_strokes(rng), rng, (2.5, 8.0))),
        (0.06, lambda: _piece(digits, labels, rng)),
        (0.08, lambda: touching(digits, rng)),
        (0.10, lambda: miscut(digits, rng)),
        (0.11, lambda: _texture(rng)),
    ]
    choice = rng.choice(len(kinds), count, p=[share for share, _ in kinds])
    return np.stack([kinds[k][1]() for k in choice])


def doodle_strokes(rng: np.random.Generator) -> list[Stroke]:
    """A little drawing: some closed and open shapes of several sizes, or one curve drawn again and again beside itself."""
    if rng.random() < 0.3:
        curve = smooth(rng.uniform(0, 1, (int(rng.integers(3, 5)), 2)))
        middle, shift = rng.uniform(-0.2, 1.2, 2), rng.normal(0, 0.2, 2)
        times = int(rng.integers(3, 6))
        return [(curve - middle) * (1 - 0.6 * k / times) + middle + shift * k / times for k in range(times)]
    strokes = []
    for _ in range(int(rng.integers(2, 7))):
        corners = int(rng.integers(3, 6))
        turn = rng.uniform(0, 6.3) + np.linspace(0, 2 * np.pi, corners + 1)
        polygon = np.stack([np.cos(turn), np.sin(turn)], 1) * rng.uniform(0.5, 1.0, (corners + 1, 1))
        polygon[-1] = polygon[0]
        kind = rng.random()
        shape = smooth(polygon) if kind < 0.45 else polygon if kind < 0.7 else polygon[: corners // 2 + 1]
        strokes.append(shape * rng.uniform(0.1, 0.5) + rng.uniform(0.1, 0.9, 2))
    return pose(strokes, rng.uniform(0.7, 1.4), 0.0, 0.0)


def _piece(digits: NDArray[np.uint8], labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A half or a quarter of a digit."""
    for _ in range(1000):
        at = int(rng.integers(len(digits)))
        digit, keep = int(labels[at]), int(CANVAS * rng.uniform(0.38, 0.5))
        part: tuple[slice, ...]
        if rng.random() < 0.3 and digit in _QUARTERS:
            ends = (slice(None, keep), slice(-keep, None))
            part = (ends[int(rng.integers(2))], ends[int(rng.integers(2))])
        elif sides := _HALVES.get(digit):
            side = sides[int(rng.integers(len(sides)))]
            part = {"l": np.s_[:, :keep], "r": np.s_[:, -keep:], "t": np.s_[:keep, :], "b": np.s_[-keep:, :]}[side]
        else:
            continue
        if (digits[at][part] > 127).sum() >= _LEAST_INK:
            return to_canvas(digits[at][part])
    return drawn_glyph(rng)  # among these digits there is nothing to cut


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    kind = int(rng.integers(8))
    if kind <= 1:  # paper grain, stains and shadows: noise at some scale, cut at some level or left soft
        grain = int(rng.integers(3, 29))
        noise = cv2.resize(rng.normal(0, 1, (grain, grain)), (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        level = np.quantile(noise, rng.uniform(0.1, 0.9))
        return to_canvas(np.clip((noise - level) * rng.uniform(40, 400), 0, 255).astype(np.uint8))
    if kind == 2:  # a grating
        y, x = np.mgrid[:CANVAS, :CANVAS]
        angle, period = rng.uniform(0, np.pi), rng.uniform(3, 10)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period + rng.uniform(0, 7))
        return to_canvas(np.clip(wave * 255, 0, 255).astype(np.uint8))
    if kind == 3:  # dirt: a few dots
        dots = np.zeros((60, 60), np.uint8)
        for _ in range(int(rng.integers(1, 9))):
            x, y = (int(v) for v in rng.integers(5, 55, 2))
            cv2.circle(dots, (x, y), int(rng.integers(1, 7)), 255, -1, cv2.LINE_AA)
        return to_canvas(dots)
    if kind == 4:  # nothing, or hardly anything
        return np.clip(rng.normal(0, rng.uniform(0, 25), (CANVAS, CANVAS)), 0, 255).astype(np.uint8)
    if kind <= 6:  # specks: single pixels here and there, all over or where a digit would be
        specks = np.zeros((CANVAS, CANVAS), np.uint8)
        edge = int(rng.integers(0, 9))
        inner = specks[edge : CANVAS - edge, edge : CANVAS - edge]
        inner[:] = rng.integers(60, 256, inner.shape) * (rng.random(inner.shape) < rng.uniform(0.03, 0.7))
        return np.asarray(
            cv2.GaussianBlur(specks, (3, 3), rng.uniform(0.3, 0.8)) if rng.random() < 0.4 else specks, np.uint8
        )
    frame = np.zeros((60, 60), np.uint8)  # rulings and the corner of a form's cell
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(2, 58))
        ends = ((0, at), (59, at + int(rng.integers(-3, 4)))) if rng.random() < 0.7 else ((at, 0), (at, 59))
        cv2.line(frame, *ends, 255, int(rng.integers(1, 5)), cv2.LINE_AA)
    frame[int(rng.integers(2, 58))] = 255
    return to_canvas(frame)
