"""Lines of writing put together from single digits: gaps, overlaps and joins, what stands beside and between, what spoils them.

Each ends as the line reader is shown it: uint8 `[32, width]`, bright on dark, upright, digits about 20 pixels high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.cursive import some_digits, wanted, write_cursive
from trainer.hand import (
    DIGIT,
    MARGIN,
    Image,
    Line,
    Random,
    after_number,
    bar,
    before_number,
    join,
    no_number,
    separator,
    straight,
)
from trainer.setting import size_and_middle, upright
from trainer.spoil import spoilt

HEIGHT = 32
"""Of a line's picture, in pixels."""
MOST_DIGITS = 9


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


def write_line(stocks: list[Stock], rng: Random, *, cursive: float = 0.0) -> Written:
    """One line: mostly a number, of digits of one of the `stocks` or of all, seldom something without any digit.

    `cursive`: the share of the numbers that one hand writes from beginning to end.
    """
    line = Line(rng)
    kind = rng.random()
    if kind < 0.06:
        no_number(line, rng)
    else:
        if rng.random() < 0.1:
            before_number(line, rng)
        if rng.random() < cursive:
            write_cursive(line, some_digits(MOST_DIGITS, rng), rng)
        else:
            _number(line, stocks, rng)
        if rng.random() < 0.38:
            after_number(line, rng)
    return _finished(line, rng)


def write_string(stock: Stock, rng: Random, *, spoil: float = 0.0) -> Written:
    """Two to eight digits of the stock as they are, up to 3 pixels within each other or 12 apart, and nothing else.

    `spoil`: the share that is then written by another pen and spoilt, as lines are.
    """
    line = Line(rng)
    line.drift = 0.0
    before: tuple[int, int] | None = None
    for place in range(int(rng.integers(2, 9))):
        at = int(rng.integers(len(stock.images)))
        here = line.put(stock.images[at], float(rng.integers(-3, 13)) if place else 0.0, 0.0)
        line.apart &= before is None or here[0] > before[1]
        line.digits.append(int(stock.labels[at]))
        line.middles.append((here[0] + here[1] - 1) / 2)
        before = here
    written = _brought(line, (1.0, 0.0, 0.0, 1.0, 0.0))
    return replace(written, picture=spoilt(written.picture, rng)) if rng.random() < spoil else written


def _number(line: Line, stocks: list[Stock], rng: Random) -> None:
    count = int(rng.integers(1, MOST_DIGITS + 1))
    gaps = rng.uniform(-3, 3), rng.uniform(-3, 12), rng.uniform(4, 20), rng.uniform(16, 36)
    usual = rng.choice(gaps, p=[0.4, 0.38, 0.17, 0.05])
    spread = rng.choice([0.5, 2.0, 4.5], p=[0.3, 0.4, 0.3])
    own = int(rng.integers(len(stocks))) if rng.random() < 0.75 else None
    hand = _Hand.of(rng)
    jump = rng.choice([0.5, 1.5, 3.0], p=[0.4, 0.4, 0.2])
    joined = rng.random() < 0.3
    parted = rng.random() < 0.3
    cents = int(rng.integers(1, 3)) if rng.random() < 0.1 and count > 3 else 0
    zeros = int(rng.integers(2, 5)) if rng.random() < 0.18 and count > 2 else 0
    zeros_joined = rng.random() < 0.5
    tall = (0 if rng.random() < 0.5 else int(rng.integers(count))) if rng.random() < 0.1 else -1
    one: Image | None = None
    before: tuple[int, int] | None = None
    digit = -1
    for place in range(count):
        stock = stocks[own if own is not None else int(rng.integers(len(stocks)))]
        last = digit
        asked = 1 if hand.bare and rng.random() < 0.35 else wanted(last, rng)
        at = _choose(stock, 0 if place >= count - zeros else asked, rng)
        digit, picture = int(stock.labels[at]), stock.images[at]
        if digit == 1:  # mostly a hand has one way to write it
            if hand.bare:
                picture = straight(line.pen, rng)
            picture = one = picture if one is None or rng.random() < 0.4 else one
        raised = place >= count - cents > 0
        size = 0.65 if raised else float(rng.uniform(1.3, 1.7)) if place == tall else 1.0
        picture, down = hand.shaped(picture, digit, size, rng)
        down += rng.normal(0, jump) - (4 if raised else 0)
        gap = float(np.clip(rng.normal(usual, spread), -3.5, 40)) if place else 0.0
        if digit == last == 1 and rng.random() < 0.5:
            gap = float(rng.uniform(-1, 4))
        if (place and parted and (count - place) % 3 == 0) or (place and rng.random() < 0.02):
            gap = separator(line, rng)
        here = line.put(picture, gap, down)
        if before is not None and here[0] <= before[1]:
            line.apart = False
        of_zeros = digit == last == 0
        linked = rng.random() < (
            0.6 if joined else 0.8 if of_zeros and zeros_joined else 0.5 if of_zeros and hand.flat else 0
        )
        if before is not None and here[0] - before[1] < 14:
            if linked:
                join(line, before, here, rng, high=of_zeros and rng.random() < 0.7)
                line.apart = False
            elif last == 7 and hand.barred and rng.random() < 0.5:
                bar(line, before, here, rng)
                line.apart = False
        line.digits.append(digit)
        line.middles.append((here[0] + here[1] - 1) / 2)
        before = here


@dataclass(frozen=True)
class _Hand:
    """How a writer shapes the digits of a line: how much they differ in size, how flat or small the zeros are, how tall the ones.

    `barred`: the bars of the sevens go on into the next digit. `bare`: its ones are straight strokes and nothing else.
    """

    sizes: float
    flat: float
    tall: float
    zero: float
    barred: bool
    bare: bool

    @classmethod
    def of(cls, rng: Random) -> _Hand:
        return cls(
            float(rng.choice([0.03, 0.1, 0.2], p=[0.45, 0.35, 0.2])),
            float(rng.uniform(0.2, 1.0)) if rng.random() < 0.18 else 0.0,
            float(rng.uniform(0.1, 0.4)) if rng.random() < 0.15 else 0.0,
            float(rng.uniform(0.55, 0.9)) if rng.random() < 0.15 else 1.0,
            rng.random() < 0.25,
            rng.random() < 0.2,
        )

    def shaped(self, picture: Image, digit: int, size: float, rng: Random) -> tuple[Image, float]:
        """The digit's picture as this hand writes it, and how far its middle is below the line's."""
        scale = size * float(np.exp(np.clip(rng.normal(0, self.sizes), -0.4, 0.4))) * (self.zero if digit == 0 else 1)
        wide = scale * float(np.exp(np.clip(rng.normal(0, 0.06), -0.2, 0.2)))
        high, down = scale, 0.0
        if digit == 0 and self.flat:
            wide, high = wide * (1 + 0.6 * self.flat), high * (1 - 0.4 * self.flat)
            down = (scale - high) * DIGIT / 2 * float(rng.uniform(-0.2, 1))
        if digit == 1:
            high *= 1 + self.tall
        if max(abs(wide - 1), abs(high - 1)) < 0.02:
            return picture, down
        other = cv2.resize(picture, None, fx=wide, fy=high, interpolation=cv2.INTER_LINEAR)
        return np.asarray(other, np.uint8), down


def _choose(stock: Stock, wanted: int | None, rng: Random) -> int:
    for _ in range(60):
        at = int(rng.integers(len(stock.images)))
        if wanted is None or int(stock.labels[at]) == wanted:
            return at
    return at


def _finished(line: Line, rng: Random) -> Written:
    """The line brought to its height as whoever shows one to the network does, yet not quite; then spoilt."""
    way = (
        float(np.exp(np.clip(rng.normal(0, 0.06), -0.25, 0.25))),
        rng.normal(0, 0.11),
        float(np.clip(rng.normal(0, 0.01), -0.03, 0.03)),
        float(np.exp(np.clip(rng.normal(0, 0.12), -0.4, 0.4))),
        float(np.clip(rng.normal(0, 0.8), -2.5, 2.5)),
    )
    written = _in_room(_brought(line, way), rng)
    return replace(written, picture=spoilt(written.picture, rng))


def _in_room(written: Written, rng: Random) -> Written:
    """Some of the lines with nothing before and after them, up to five digits' height, as in a wide field."""
    before, after = (int(rng.integers(5 * DIGIT)) if rng.random() < 0.3 else 0 for _ in range(2))
    picture = np.pad(written.picture, ((0, 0), (before, after)))
    return replace(written, picture=picture, middles=tuple(x + before for x in written.middles))


def _brought(line: Line, off: tuple[float, float, float, float, float]) -> Written:
    """The line in one resampling: its marks 20 pixels high, their mass in the middle, their slant taken out.

    Of digits that lean differently, some lean to the left then. `off`: how much larger it is than that, slanted, turned, wider
    and lower, in pixels.
    """
    larger, lean, turn, stretch, lower = off
    width = min(line.right + MARGIN, line.canvas.shape[1])
    canvas = line.canvas[:, : math.ceil(width)]
    size, middle = size_and_middle(canvas)
    scale = DIGIT / size * larger
    slant = upright(canvas) + lean
    down = HEIGHT / 2 + lower
    # x' = stretch·scale·(x + slant·(y − middle)); y' = scale·(y − middle) + down
    forward = np.array(
        [
            [stretch * scale, stretch * scale * slant, -stretch * scale * slant * middle],
            [scale * turn, scale, down - scale * middle - scale * turn * width / 2],
        ]
    )
    flat = (max(24, int(np.ceil(stretch * scale * width))), HEIGHT)
    picture = np.asarray(cv2.warpAffine(line.canvas, forward, flat, flags=cv2.INTER_LINEAR), np.uint8)
    middles = tuple(float(stretch * scale * x) for x in line.middles)
    return Written(picture, tuple(line.digits), middles, line.apart)
