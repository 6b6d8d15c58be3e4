"""A line as it is being written, from the left, and the marks on it that are no digits: separators, signs, closing strokes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.glyphs import drawn_glyph, invented_glyph, printed_glyph
from trainer.pens import Stroke, pose, scribble_strokes, smooth
from trainer.pens import ink as inked

DIGIT = 20
"""Pixels that a digit is high, about."""
TALL = 64
MIDDLE = TALL / 2
MARGIN = 12

Image = NDArray[np.uint8]
Random = np.random.Generator


class Line:
    """What is written so far, from the left."""

    def __init__(self, rng: Random) -> None:
        self.canvas = np.zeros((TALL, 900), np.uint8)
        self.right = float(MARGIN)
        self.digits: list[int] = []
        self.middles: list[float] = []
        self.apart = True
        self.pen = rng.uniform(1.5, 4.0)
        self.drift = rng.normal(0, 0.012)

    def middle(self) -> float:
        """The row of the middle of what is written next: lines climb and fall a little."""
        return MIDDLE + self.drift * (self.right - 150)

    def put(self, picture: Image, gap: float, down: float) -> tuple[int, int]:
        """A picture, its columns cut to its ink, with its middle `down` pixels below the line's; where its columns are."""
        columns = np.flatnonzero(picture.max(0) > 30)
        if not len(columns):
            return round(self.right), round(self.right)
        picture = picture[:, columns[0] : columns[-1] + 1]
        left = max(MARGIN // 2, round(self.right + gap))
        top = round(self.middle() + down - picture.shape[0] / 2)
        first, last = max(0, top), min(TALL, top + picture.shape[0])
        end = min(left + picture.shape[1], self.canvas.shape[1])
        if last > first and end > left:
            view = self.canvas[first:last, left:end]
            np.maximum(view, picture[first - top : last - top, : end - left], out=view)
        self.right = float(end)
        return left, end

    def stroke(self, points: Stroke, pen: float | None = None, level: int = 255) -> None:
        """A stroke through points `[k, 2]`, (x, y) on the canvas."""
        line = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
        left = max(0, int(points[:, 0].min()) - 8)
        view = self.canvas[:, left : int(points[:, 0].max()) + 8]
        if not view.size:
            return
        layer = np.zeros_like(view)
        width = max(1, round(pen or self.pen))
        cv2.polylines(layer, [line - (left * 16, 0)], False, level, width, cv2.LINE_AA, 4)
        np.maximum(view, layer, out=view)
        self.right = max(self.right, float(points[:, 0].max()))


def join(line: Line, left: tuple[int, int], right: tuple[int, int], rng: Random, *, high: bool = False) -> None:
    """A stroke from one digit into the next, as a hand that does not lift its pen leaves; `high`: from top to top.

    `left` and `right`: the columns where each begins and ends.
    """
    ends = []
    for column, toward in ((left[1] - 1, -1), (right[0], 1)):
        rows = np.flatnonzero(line.canvas[:, column] > 90)
        if not len(rows):
            rows = np.flatnonzero(line.canvas[:, column + toward] > 90)
        if not len(rows):
            return
        row = 0 if high else int(rng.integers(len(rows)))
        ends.append((float(column - 0.5 * toward), float(rows[row])))
    (x0, y0), (x1, y1) = ends
    sag = rng.uniform(-3, 4)
    kept = line.right
    line.stroke(smooth(np.array([[x0, y0], [(x0 + x1) / 2, (y0 + y1) / 2 + sag], [x1, y1]])), rng.uniform(1.2, 2.8))
    line.right = kept


def straight(pen: float, rng: Random) -> Image:
    """A 1 that is one straight stroke, upright or leaning, uint8 `[28, 28]`."""
    picture, lean, half = np.zeros((28, 28), np.uint8), rng.normal(0.08, 0.15), rng.uniform(8.5, 10.5)
    ends = np.array([[13.5 + lean * half, 13.5 - half], [13.5 - lean * half, 13.5 + half]])
    line = np.round(ends * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(picture, [line], False, 255, max(1, round(pen)), cv2.LINE_AA, 4)
    return picture


def bar(line: Line, left: tuple[int, int], right: tuple[int, int], rng: Random) -> None:
    """The bar of a seven, which goes on into the next digit. The columns are as for `join`."""
    middle = (left[0] + left[1]) / 2
    y, rise = line.middle() + rng.uniform(-3, 3), rng.normal(0.5, 1.5)
    kept = line.right
    line.stroke(np.array([[middle - rng.uniform(2, 5), y + rise], [right[0] + rng.uniform(-1, 5), y - rise]]))
    line.right = kept


def separator(line: Line, rng: Random) -> float:
    """A point, a comma, a dash, a colon or just a space; the gap that is left after it."""
    kind = rng.random()
    baseline = line.middle() + DIGIT / 2
    at = line.right + rng.uniform(1, 7)
    if kind < 0.45:
        y = baseline + rng.uniform(-3, 2) if rng.random() < 0.85 else line.middle()
        cv2.circle(
            line.canvas, (round(at * 16), round(y * 16)), round(rng.uniform(0.8, 2.2) * 16), 255, -1, cv2.LINE_AA, 4
        )
        line.right = at + 1
    elif kind < 0.65:
        y = baseline + rng.uniform(-4, 1)
        line.stroke(
            np.array([[at, y], [at + rng.uniform(-0.5, 1), y + 2], [at - rng.uniform(0, 3), y + rng.uniform(3, 7)]])
        )
    elif kind < 0.75:
        y = line.middle() + rng.normal(0, 2)
        line.stroke(np.array([[at, y], [at + rng.uniform(4, 10), y + rng.normal(0, 1)]]))
    elif kind < 0.8:
        for y in (line.middle() - 4, line.middle() + 5):
            cv2.circle(
                line.canvas, (round(at * 16), round(y * 16)), round(rng.uniform(0.8, 1.8) * 16), 255, -1, cv2.LINE_AA, 4
            )
        line.right = at + 1
    else:
        line.right += rng.uniform(8, 26)
    return float(rng.uniform(0, 7))


def _sign(rng: Random) -> Image:
    """A letter or sign, uint8 `[n, n]`."""
    while True:
        kind = rng.random()
        picture = drawn_glyph(rng) if kind < 0.6 else invented_glyph(rng) if kind < 0.7 else printed_glyph(rng)
        rows, columns = (int((picture.max(axis) > 100).sum()) for axis in (1, 0))
        if columns > 0.4 * rows:  # else it could as well be a 1
            break
    scale = rng.uniform(0.6, 1.35)
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.uint8)


def _word(line: Line, rng: Random, count: int) -> None:
    for _ in range(count):
        line.put(_sign(rng), rng.uniform(1, 5), rng.normal(0, 2))


def before_number(line: Line, rng: Random) -> None:
    """A currency mark, a word or a stroke in front of the number."""
    kind = rng.random()
    if kind < 0.6:
        _word(line, rng, 1 if kind < 0.35 else int(rng.integers(2, 4)))
    else:
        closing_strokes(line, rng)
    line.right += rng.uniform(2, 14)


def after_number(line: Line, rng: Random) -> None:
    """What closes an amount or follows a number: a point, strokes, a hatch, a currency mark, a word."""
    if rng.random() < 0.3:
        separator(line, rng)
        if rng.random() < 0.4:
            return
    line.right += rng.uniform(0, 10) if rng.random() < 0.5 else rng.uniform(-1, 3)
    kind = rng.random()
    if kind < 0.42:
        small_strokes(line, rng)
    elif kind < 0.74:
        closing_strokes(line, rng)
    else:
        _word(line, rng, 1 if kind < 0.91 else int(rng.integers(2, 4)))


def small_strokes(line: Line, rng: Random) -> None:
    """One to three short strokes one below the other, level or steep, raised or not, joined in one go or each by itself."""
    count = int(rng.choice([1, 2, 3], p=[0.35, 0.55, 0.1]))
    length, apart = rng.uniform(3, 10), rng.uniform(2, 5)
    lean, steep = rng.normal(0, 0.15), rng.random() < 0.15
    left, top = line.right + rng.uniform(0, 3), line.middle() + rng.uniform(-9, 6) - (count - 1) * apart / 2
    ends = []
    for k in range(count):
        start, end = np.array([0.0, k * apart]), np.array([length, k * apart + lean * length])
        if steep:
            start, end = np.array([k * apart, 0.0]), np.array([k * apart - lean * length, length])
        ends.append(np.stack([start, end]) + rng.normal(0, 0.5, (2, 2)) + (left, top))
    if count > 1 and rng.random() < 0.4:
        line.stroke(np.concatenate(ends))
    else:
        for stroke in ends:
            line.stroke(stroke)


def closing_strokes(line: Line, rng: Random) -> None:
    """Level strokes, one or several, straight or waved; a hatch; a tall slash."""
    left, middle = line.right + rng.uniform(1, 4), line.middle()
    kind = rng.random()
    if kind < 0.6:
        length, count = rng.uniform(7, 50), int(rng.choice([1, 2, 3], p=[0.6, 0.35, 0.05]))
        wave = rng.uniform(0, 2.5) if rng.random() < 0.4 else 0.0
        for k in range(count):
            x = left + np.linspace(0, length, 20) + rng.uniform(-2, 2)
            y = middle + (k - (count - 1) / 2) * rng.uniform(4, 8) + rng.normal(0, 2)
            line.stroke(
                np.stack([x, y + wave * np.sin(x * rng.uniform(0.1, 0.7)) + rng.normal(0, 0.05) * (x - left)], 1)
            )
    elif kind < 0.97:
        lean, size = rng.uniform(0, 6), rng.uniform(8, 13)
        for k in (0, 1):
            place, level = left + 5 + 5 * k, middle - 3 + 6 * k
            line.stroke(np.array([[place + lean / 2, middle - size], [place - lean / 2, middle + size]]))
            line.stroke(np.array([[left, level], [left + 15, level + rng.normal(0, 1)]]))
    else:  # so far that nobody takes it for a 1
        lean = rng.uniform(16, 28)
        for _ in range(int(rng.integers(1, 3))):
            line.stroke(np.array([[left + lean, middle - rng.uniform(11, 18)], [left, middle + rng.uniform(11, 18)]]))
            left += rng.uniform(5, 9)


def no_number(line: Line, rng: Random) -> None:
    """Words, strokes, a scribble, a texture, or nothing."""
    kind = rng.random()
    if kind < 0.55:  # words
        for _ in range(int(rng.integers(1, 9))):
            line.put(_sign(rng), rng.uniform(-2, 6) if rng.random() < 0.85 else rng.uniform(8, 20), rng.normal(0, 1.5))
    elif kind < 0.7:  # strokes
        for _ in range(int(rng.integers(1, 4))):
            closing_strokes(line, rng)
    elif kind < 0.85:  # a scribble
        shape = pose(scribble_strokes(rng), rng.uniform(0.8, 5), rng.normal(0, 0.2), 0.0)
        line.put(inked(shape, int(rng.uniform(12, 34)), rng.uniform(1.2, 4)), 0, 0)
    elif kind < 0.95:  # a texture
        width, grain = int(rng.uniform(20, 200)), rng.uniform(2, 12)
        noise = rng.normal(0, 1, (round(40 / grain) + 2, round(width / grain) + 2))
        field = cv2.resize(noise, (width, 40), interpolation=cv2.INTER_CUBIC)
        line.put(np.clip((field - rng.uniform(0, 1)) * rng.uniform(60, 400), 0, 255).astype(np.uint8), 0, 0)
    else:
        line.right += rng.uniform(10, 60)
