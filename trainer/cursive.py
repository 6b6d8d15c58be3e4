"""Numbers written by one hand from beginning to end: each digit in its own way again, one slant, one pen, joined where it flows.

What is put together from single digits (`writing.py`) has a writer for every digit, and each digit as large as its frame; a hand's
numbers have neither. These are strokes of the pen model from the first to the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.hand import DIGIT, Line, Random, separator
from trainer.pens import Stroke, inked, jittered, moved, smooth
from trainer.strokes import ASPECT, IN_NUMBERS, STYLES

_OVER = 4  # how much larger strokes are inked
_WRITTEN = 60  # grey level of what counts as ink
_UNDER = 0.45  # of a digit's height: so far may one reach over or under the one before
_ODD = 0.4  # of a hand's digits, where such shapes are known, are such that by themselves could be letters
_WIDEST = 1.3  # of the pen's line, under pressure
_REACH = 22.0  # pixels: so long is a joining stroke at most


@dataclass
class Hand:
    """How somebody writes numbers. Lengths in pixels, where digits are 20 high, but `wide`, which is relative to each style's own.

    `styles`: the shape of each digit met so far, with the control points where this hand has them.
    """

    slant: float
    wide: float
    care: float
    gap: float
    spread: float
    sizes: float
    jump: float
    joined: float
    tails: float
    pressed: bool
    round: bool
    styles: dict[int, list[Stroke]] = field(default_factory=dict)

    @classmethod
    def of(cls, rng: Random) -> Hand:
        """Anybody's."""
        return cls(
            slant=rng.normal(0.12, 0.2),
            wide=float(np.exp(rng.normal(0.0, 0.16))),
            care=float(rng.uniform(0.008, 0.04)),
            gap=float(rng.choice([rng.uniform(-2, 2), rng.uniform(0, 8), rng.uniform(4, 16)], p=[0.35, 0.5, 0.15])),
            spread=float(rng.uniform(0.4, 2.5)),
            sizes=float(rng.choice([0.04, 0.1, 0.18], p=[0.5, 0.35, 0.15])),
            jump=float(rng.choice([0.4, 1.2, 2.2], p=[0.5, 0.35, 0.15])),
            joined=float(rng.uniform(0.2, 0.9)) if rng.random() < 0.3 else 0.0,
            tails=float(rng.uniform(0.05, 0.35)) if rng.random() < 0.4 else 0.0,
            pressed=rng.random() < 0.5,
            round=rng.random() < 0.15,
        )

    def digit(self, digit: int, rng: Random, *, alone: bool = False) -> list[Stroke]:
        """The digit's strokes, 1 high, seldom in another way than usual. `alone`: none that by themselves could be letters."""
        if digit not in self.styles or rng.random() < 0.12:
            odd = () if alone or rng.random() > _ODD else IN_NUMBERS.get(digit, ())
            styles = odd or STYLES[digit]
            style = styles[int(rng.integers(len(styles)))]
            self.styles[digit] = [moved(np.array(points), 0.035, rng) for points in style]
        wide = self.wide * ASPECT.get(digit, 0.68) * float(np.exp(rng.normal(0, 0.06)))
        strokes = []
        for control in self.styles[digit]:
            rounded = control[np.append(True, (control[1:] != control[:-1]).any(1))] if self.round else control
            stroke = jittered(rounded, self.care, rng)
            if self.tails and rng.random() < 0.5:
                stroke = _longer(stroke, self.tails * float(rng.uniform(0, 1)))
            strokes.append(stroke * (wide, 1.0))
        return strokes


def some_digits(most: int, rng: Random) -> list[int]:
    """A number's digits, at most so many: any, but that some come again at once and that many numbers end in zeros."""
    digits: list[int] = []
    for _ in range(int(rng.integers(1, most + 1))):
        asked = wanted(digits[-1] if digits else -1, rng)
        digits.append(int(rng.integers(10)) if asked is None else asked)
    if len(digits) > 2 and rng.random() < 0.18:
        zeros = int(rng.integers(2, 5))
        digits[-zeros:] = [0] * min(zeros, len(digits))
    return digits


def wanted(last: int, rng: Random) -> int | None:
    """Which digit comes next, where that is not left to chance: the same again, ones above all, or a zero."""
    if last >= 0 and rng.random() < (0.25 if last == 1 else 0.1):
        return last
    return 0 if rng.random() < 0.08 else None


def write_cursive(line: Line, digits: list[int], rng: Random) -> None:
    """Writes the digits onto the line."""
    hand, pen = Hand.of(rng), line.pen * float(rng.uniform(0.8, 1.1))
    parted = rng.random() < 0.35
    down = float(rng.uniform(0, 1))  # 0: small digits stand at the others' middle, 1: on their line
    before = -np.inf
    end: Stroke | None = None  # where the pen left the last digit
    for place, digit in enumerate(digits):
        gap = float(np.clip(rng.normal(hand.gap, hand.spread), -3.0, 30.0)) if place else 0.0
        if place and ((parted and (len(digits) - place) % 3 == 0) or rng.random() < 0.02):
            gap, end = separator(line, rng), None
        size = DIGIT * float(np.exp(np.clip(rng.normal(0, hand.sizes), -0.4, 0.4)))
        upright = [(stroke - (0.0, 0.5)) * size for stroke in hand.digit(digit, rng, alone=len(digits) == 1)]
        lean = hand.slant + rng.normal(0, 0.03)
        strokes = [stroke - lean * stroke[:, 1:] * (1.0, 0.0) for stroke in upright]
        middle = line.middle() + rng.normal(0, hand.jump) + (DIGIT - size) / 2 * down
        at = np.array([_left(line, strokes, middle, pen, gap), middle])
        strokes = [at + stroke for stroke in strokes]
        _ink(line, strokes, pen, rng.uniform(0.6, _WIDEST, 5) if hand.pressed else None)
        if end is not None and rng.random() < hand.joined and np.hypot(*(strokes[0][0] - end)) < _REACH:
            sag = (end + strokes[0][0]) / 2 + (0.0, rng.normal(0.5, 2.0))
            _ink(line, [smooth(np.stack([end, sag, strokes[0][0]]))], pen * float(rng.uniform(0.6, 1.0)), None)
            line.apart = False
        every = np.concatenate(strokes)[:, 0]
        line.apart &= bool(every.min() - _WIDEST * pen / 2 > before + 1)
        line.digits.append(digit)
        middles = np.concatenate(upright)[:, 0]
        line.middles.append(float(at[0] + (middles.min() + middles.max()) / 2))
        before, end = max(before, float(every.max() + _WIDEST * pen / 2)), strokes[-1][-1]


def _longer(stroke: Stroke, by: float) -> Stroke:
    """The stroke gone on with at its end, by a share of the digit's height, in the direction that it has there."""
    towards = stroke[-1] - stroke[-4]
    length = float(np.hypot(*towards))
    if length < 1e-6:
        return stroke
    more = stroke[-1] + towards / length * by * np.linspace(0.25, 1, 4)[:, None]
    return np.concatenate([stroke, more])


def _left(line: Line, strokes: list[Stroke], middle: float, pen: float, gap: float) -> float:
    """Where the strokes' origin is for them to come as near to what is written as `gap` says.

    A hand spaces its digits by how near they come to each other in the rows that both are in, not by their boxes.
    """
    every = np.concatenate(strokes)
    by_box = line.right - float(every[:, 0].min()) + pen / 2
    written = line.canvas > _WRITTEN
    some = written.any(1)
    if not some.any():
        return by_box
    right = np.where(some, written.shape[1] - written[:, ::-1].argmax(1), -np.inf)
    right = cv2.dilate(right[:, None], np.ones((5, 1))).ravel()
    rows = np.clip(np.floor(every[:, 1] + middle).astype(int), 0, len(right) - 1)
    by_rows = float((right[rows] - every[:, 0]).max()) + pen / 2
    return max(by_rows, by_box - _UNDER * DIGIT) + gap


def _ink(line: Line, strokes: list[Stroke], pen: float, pressure: NDArray[np.float64] | None) -> None:
    """Inks the strokes, in the line's pixels; `pressure` is as for `pens.ink`."""
    every = np.concatenate(strokes)
    low = np.maximum(np.floor(every.min(0) - pen), 0).astype(int)
    high = np.minimum(np.ceil(every.max(0) + pen).astype(int) + 1, line.canvas.shape[::-1])
    if (high <= low).any():
        return
    layer = inked([stroke - low for stroke in strokes], (high - low) * _OVER, pen, _OVER, pressure)
    small = cv2.resize(layer, (high - low).tolist(), interpolation=cv2.INTER_AREA)
    view = line.canvas[low[1] : high[1], low[0] : high[0]]
    np.maximum(view, np.asarray(small, np.uint8), out=view)
    line.right = max(line.right, float(every[:, 0].max() + pen / 2))
