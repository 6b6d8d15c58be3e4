"""What cutting a number into its digits leaves: digits with a bit of their neighbours on them, and cuts that went wrong."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import CANVAS, to_canvas

_LEAST_INK = 24  # bright pixels that a part must have to count
_TRIES = 4  # cuts that are drawn at random; the one through the least ink is taken

Image = NDArray[np.uint8]


def cut_digits(
    digits: Image, labels: NDArray[np.int64], count: int, seed: list[int]
) -> tuple[Image, NDArray[np.int64]]:
    """`count` of `digits`, uint8 `[N, 28, 28]`, cut out of rows in which they touch others, and their labels, int64 `[count]`."""
    if not count:
        return digits[:0], labels[:0]
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(digits), size=count)
    return np.stack([_cut_out(digits, int(at), rng) for at in chosen]), labels[chosen]


def miscut(digits: Image, rng: np.random.Generator) -> Image:
    """What cuts at the wrong places leave of two digits side by side: one and a good part of the other, or parts of both."""
    for _ in range(100):
        first, second = (columns(digits[int(at)]) for at in rng.integers(len(digits), size=2))
        lost = rng.uniform(0.3, 0.65, 2) * ((1, 0), (0, 1), (1, 1))[int(rng.integers(3))]
        parts = first[:, int(lost[0] * first.shape[1]) :], second[:, : round((1 - lost[1]) * second.shape[1])]
        if min(int((part > 127).sum()) for part in parts) >= _LEAST_INK:
            return to_canvas(side_by_side([parts[0], parts[1]], [int(rng.integers(-2, 4))])[0])
    return touching(digits, rng)  # among these digits there is nothing to cut


def touching(digits: Image, rng: np.random.Generator) -> Image:
    """Two digits side by side, seldom three or one above the other, with a small gap or overlap."""
    upright = rng.random() < 0.15
    count = 3 if rng.random() < 0.15 else 2
    some = [digits[int(at)] for at in rng.integers(len(digits), size=count)]
    row, _ = side_by_side([columns(d.T if upright else d) for d in some], rng.integers(-3, 5, count - 1).tolist())
    return to_canvas(np.ascontiguousarray(row.T) if upright else row)


def side_by_side(parts: list[Image], gaps: list[int]) -> tuple[Image, list[int]]:
    """Pictures of one height in a row with `gaps` pixels between them, negative where they overlap; and where each begins."""
    starts = [0]
    for part, gap in zip(parts, gaps, strict=False):
        starts.append(max(0, starts[-1] + part.shape[1] + gap))
    row = np.zeros((parts[0].shape[0], max(s + p.shape[1] for s, p in zip(starts, parts, strict=True))), np.uint8)
    for start, part in zip(starts, parts, strict=True):
        view = row[:, start : start + part.shape[1]]
        np.maximum(view, part, out=view)
    return row, starts


def columns(digit: Image) -> Image:
    """The columns from the first to the last that has ink."""
    inked = np.flatnonzero(digit.max(0))
    return digit[:, inked[0] : inked[-1] + 1] if len(inked) else digit


def _cut_out(digits: Image, at: int, rng: np.random.Generator) -> Image:
    """One digit, cut out of a row with a neighbour on one side or on both."""
    beside = ((1, 0), (0, 1), (1, 1))[int(rng.integers(3))]
    others = [digits[int(k)] for k in rng.integers(len(digits), size=2)]
    parts = [others[0]] * beside[0] + [digits[at]] + [others[1]] * beside[1]
    moved = [columns(np.roll(part, int(rng.integers(-2, 3)), 0)) for part in parts]
    row, starts = side_by_side(moved, rng.integers(-3, 1, len(moved) - 1).tolist())
    place = np.mgrid[: row.shape[0], : row.shape[1]].astype(np.float64)
    inside = np.ones(row.shape, bool)
    own = beside[0]
    if own:
        end = starts[0] + moved[0].shape[1]
        inside &= place[1] >= _cut(row, (end + starts[own]) / 2, place[0], rng)
    if own + 1 < len(moved):
        end = starts[own] + moved[own].shape[1]
        inside &= place[1] <= _cut(row, (end + starts[own + 1]) / 2, place[0], rng)
    cut = np.where(inside, row, 0).astype(np.uint8)
    return to_canvas(cut) if (cut > 127).sum() >= _LEAST_INK else digits[at]


def _cut(row: Image, middle: float, y: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A line from top to bottom near column `middle`: of some, the one that crosses the least ink; the column for each pixel."""
    lines = []
    for _ in range(_TRIES):
        bent = cv2.resize(rng.normal(0, 0.8, (1, 3)), (CANVAS, 1), interpolation=cv2.INTER_CUBIC)[0]
        line = middle - 0.5 + rng.normal(0, 0.8) + rng.normal(0, 0.12) * (np.arange(CANVAS) - CANVAS / 2) + bent
        crossed = row[np.arange(CANVAS), np.clip(np.round(line).astype(int), 0, row.shape[1] - 1)].sum()
        lines.append((int(crossed), line))
    best = min(lines, key=lambda pair: pair[0])[1]
    return np.asarray(best[y.astype(int)])
