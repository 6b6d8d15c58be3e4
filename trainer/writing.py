"""Lines of writing put together from single digits: gaps, overlaps and joins, what stands beside and between, what spoils them.

Each ends as the line reader is shown it: uint8 `[32, width]`, bright on dark, upright, digits about 20 pixels high.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.hand import MARGIN, MIDDLE, Image, Line, Random, after_number, before_number, no_number, separator
from trainer.pens import smooth
from trainer.spoil import spoilt

HEIGHT = 32
"""Of a line's picture, in pixels."""
MOST_DIGITS = 9
_SLANTS = np.linspace(-0.45, 0.9, 19)
_SAMPLE = 1_500


@dataclass(frozen=True)
class Stock:
    """Digits to write with: uint8 `[N, 28, 28]` in the artifact's input contract, and which each is, int64 `[N]`."""

    images: Image
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Written:
    """`picture` uint8 `[32, width]`; `digits` it holds, and the column of the middle of each; `apart`: no two touch."""

    picture: Image
    digits: tuple[int, ...]
    middles: tuple[float, ...]
    apart: bool


def write_line(stocks: list[Stock], rng: Random) -> Written:
    """One line: mostly a number, of digits of one of the `stocks` or of all, seldom something without any digit."""
    line = Line(rng)
    kind = rng.random()
    if kind < 0.08:
        no_number(line, rng)
    else:
        if rng.random() < 0.12:
            before_number(line, rng)
        _number(line, stocks, rng)
        if rng.random() < 0.3:
            after_number(line, rng)
    return _finished(line, rng)


def _number(line: Line, stocks: list[Stock], rng: Random) -> None:
    count = int(rng.integers(1, MOST_DIGITS + 1))
    usual = rng.choice([rng.uniform(-4, 2), rng.uniform(-3, 12), rng.uniform(4, 20)], p=[0.35, 0.45, 0.2])
    spread = rng.choice([0.5, 2.0, 4.5], p=[0.3, 0.4, 0.3])
    own = int(rng.integers(len(stocks))) if rng.random() < 0.75 else None
    size, sizes = 1.0, rng.choice([0.03, 0.1, 0.2], p=[0.5, 0.35, 0.15])
    jump = rng.choice([0.5, 1.5, 3.0], p=[0.4, 0.4, 0.2])
    joined = rng.random() < 0.3
    parted = rng.random() < 0.3
    cents = int(rng.integers(1, 3)) if rng.random() < 0.1 and count > 3 else 0
    before: tuple[int, int] | None = None
    digit = -1
    for place in range(count):
        stock = stocks[own if own is not None else int(rng.integers(len(stocks)))]
        wanted = digit if digit >= 0 and rng.random() < 0.1 else 0 if rng.random() < 0.08 else None
        at = _choose(stock, wanted, rng)
        digit = int(stock.labels[at])
        scale = size * float(np.exp(np.clip(rng.normal(0, sizes), -0.4, 0.4)))
        down = rng.normal(0, jump)
        if place >= count - cents > 0:
            scale, down = scale * 0.65, down - 4
        picture = stock.images[at]
        if abs(scale - 1) > 0.02:
            picture = np.asarray(
                cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.uint8
            )
        gap = float(np.clip(rng.normal(usual, spread), -5, 40)) if place else 0.0
        if (place and parted and (count - place) % 3 == 0) or (place and rng.random() < 0.02):
            gap = separator(line, rng)
        here = line.put(picture, gap, down)
        if before is not None and here[0] <= before[1]:
            line.apart = False
        if joined and before is not None and rng.random() < 0.6 and here[0] - before[1] < 14:
            _join(line, before, here, rng)
            line.apart = False
        line.digits.append(digit)
        line.middles.append((here[0] + here[1] - 1) / 2)
        before = here


def _choose(stock: Stock, wanted: int | None, rng: Random) -> int:
    for _ in range(60):
        at = int(rng.integers(len(stock.images)))
        if wanted is None or int(stock.labels[at]) == wanted:
            return at
    return at


def _join(line: Line, left: tuple[int, int], right: tuple[int, int], rng: Random) -> None:
    """A stroke from one digit into the next, as a hand that does not lift its pen leaves."""
    ends = []
    for column, toward in ((left[1] - 1, -1), (right[0], 1)):
        rows = np.flatnonzero(line.canvas[:, column] > 90)
        if not len(rows):
            rows = np.flatnonzero(line.canvas[:, column + toward] > 90)
        if not len(rows):
            return
        ends.append((float(column - 0.5 * toward), float(rows[int(rng.integers(len(rows)))])))
    (x0, y0), (x1, y1) = ends
    sag = rng.uniform(-3, 4)
    kept = line.right
    line.stroke(smooth(np.array([[x0, y0], [(x0 + x1) / 2, (y0 + y1) / 2 + sag], [x1, y1]])), rng.uniform(1.2, 2.8))
    line.right = kept


def _finished(line: Line, rng: Random) -> Written:
    """The line brought to its height in one resampling, upright, yet not quite, a little large or small; then spoilt.

    Whoever brings a line before the network takes its slant out: of digits that lean differently, some lean to the left then.
    """
    width = min(line.right + MARGIN, line.canvas.shape[1])
    scale = float(np.exp(np.clip(rng.normal(0, 0.1), -0.3, 0.3)))
    slant = upright(line.canvas) + rng.normal(0, 0.07)
    turn = np.clip(rng.normal(0, 0.01), -0.03, 0.03)
    stretch = float(np.exp(rng.normal(0, 0.08)))
    down = HEIGHT / 2 + np.clip(rng.normal(0, 1.3), -4, 4)
    # x' = stretch·scale·(x + slant·(y − middle)); y' = scale·(y − middle) + down
    forward = np.array(
        [
            [stretch * scale, stretch * scale * slant, -stretch * scale * slant * MIDDLE],
            [scale * turn, scale, down - scale * MIDDLE - scale * turn * width / 2],
        ]
    )
    flat = (max(24, int(np.ceil(stretch * scale * width))), HEIGHT)
    picture = np.asarray(cv2.warpAffine(line.canvas, forward, flat, flags=cv2.INTER_LINEAR), np.uint8)
    middles = tuple(float(stretch * scale * x) for x in line.middles)
    return Written(spoilt(picture, rng), tuple(line.digits), middles, line.apart)


def upright(canvas: Image) -> float:
    """The shear, in columns a row, that makes a line's strokes upright: the one whose column sums are the most uneven."""
    y, x = np.nonzero(canvas > 100)
    if not len(x):
        return 0.0
    step = len(x) // _SAMPLE + 1
    x, down = x[::step], y[::step] - MIDDLE
    best, most = 0.0, -1.0
    for slant in _SLANTS.tolist():
        columns = np.round(x + slant * down).astype(np.int64)
        score = float(np.square(np.bincount(columns - columns.min())).sum()) * (1 - 0.15 * abs(slant))
        if score > most:
            best, most = slant, score
    return best
