"""A line → candidate digits: more cuts than are needed, and every run of neighbouring pieces that could be one digit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.lines import Strip
from service.reading.normalise import CANVAS, normalise

_MOST_PIECES = 6  # of one digit
_WIDEST, _WIDEST_JOINED = 1.5, 1.2  # of the line's height; the second where it is of several marks
_LOWEST = 0.3  # of the line's height
# Of the line's height:
_SPECK = 0.15  # what is smaller is dirt
_STEP, _REACH = 0.1, 0.2  # a seam begins in every such step and may wander so far
_NEAREST = 0.12  # two seams, or a seam and an end, are at least so far apart
_NARROW = 0.5  # a component that is narrower is not cut
_TALLEST = 4.0  # a component that is taller is not cut
_MOST_SEAMS = 400  # a component that is wider than so many steps is not cut
_SHARED = 0.04  # so much beyond a seam is shown with the digits on both sides
_THICKEST = 0.6  # the most ink that a seam may cross


@dataclass(frozen=True, slots=True)
class Piece:
    """A connected part of the line after cutting; sizes in pixels of the strip."""

    left: int
    top: int
    right: int
    bottom: int
    area: int
    mark: int  # the connected component that it was cut from
    crossed: float  # ink that the seam on its left crosses, in heights of a digit; 0 where there is no seam


@dataclass(frozen=True, slots=True)
class Chain:
    """The pieces of a line from left to right, and the runs of them, `(first, end)`, that could be one digit.

    `numbers` int32 `[height, width]`: which piece each pixel of the strip belongs to, from 1; 0 is ground.
    """

    strip: Strip
    pieces: tuple[Piece, ...]
    numbers: NDArray[np.int32]
    runs: tuple[tuple[int, int], ...]


def chain_of(strip: Strip) -> Chain:
    """Cuts the line into pieces and lists the candidates."""
    numbers, pieces = _pieces(strip)
    runs = []
    for first in range(len(pieces)):
        for end in range(first + 1, min(first + _MOST_PIECES, len(pieces)) + 1):
            some = pieces[first:end]
            width = max(p.right for p in some) - min(p.left for p in some)
            height = max(p.bottom for p in some) - min(p.top for p in some)
            if width > _WIDEST * strip.height and end > first + 1:
                break
            if width > _WIDEST_JOINED * strip.height and len({p.mark for p in some}) > 1:
                continue
            if height >= _LOWEST * strip.height:
                runs.append((first, end))
    return Chain(strip, tuple(pieces), numbers, tuple(runs))


def questions(chain: Chain) -> NDArray[np.uint8]:
    """The candidates as the model sees them: uint8 `[len(runs), 28, 28]`."""
    out = np.zeros((len(chain.runs), CANVAS, CANVAS), np.uint8)
    soft = 1 + int(chain.strip.height) // 24
    shared = max(1, round(_SHARED * chain.strip.height))  # never more than `soft`
    marks = np.array([0, *(piece.mark for piece in chain.pieces)])
    same = [marks == piece.mark for piece in chain.pieces]  # for each piece, which numbers are of its mark
    for question, (first, end) in zip(out, chain.runs, strict=True):
        some = chain.pieces[first:end]
        top, bottom = max(0, min(p.top for p in some) - soft), max(p.bottom for p in some) + soft
        left, right = max(0, min(p.left for p in some) - soft), max(p.right for p in some) + soft
        numbers = chain.numbers[top:bottom, left:right]
        mine = (numbers > first) & (numbers <= end)
        near = cv2.dilate(mine.astype(np.uint8), np.ones((2 * soft + 1, 2 * soft + 1), np.uint8)) > 0
        # A seam goes through strokes that both digits may need: a little beyond it is shown with either.
        cut = same[first] | same[end - 1]
        close = cv2.dilate(mine.astype(np.uint8), np.ones((1, 2 * shared + 1), np.uint8)) > 0
        shown = near & (mine | (numbers == 0) | (close & cut[numbers]))
        ink = np.where(shown, chain.strip.ink[top:bottom, left:right], 0).astype(np.uint8)
        x, y, w, h = cv2.boundingRect((ink >= 20).astype(np.uint8))
        if w and h:
            question[:] = normalise(ink[y : y + h, x : x + w])
    return out


def pixels_of(chain: Chain, k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the ink of candidate `k` is in the strip: columns and rows of its pixels."""
    first, end = chain.runs[k]
    some = chain.pieces[first:end]
    top, left = min(p.top for p in some), min(p.left for p in some)
    numbers = chain.numbers[top : max(p.bottom for p in some), left : max(p.right for p in some)]
    y, x = np.nonzero((numbers > first) & (numbers <= end))
    return x + left, y + top


def _pieces(strip: Strip) -> tuple[NDArray[np.int32], list[Piece]]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strip.mask, connectivity=8)
    parts: list[tuple[float, Piece, NDArray[np.bool_]]] = []  # its middle, what it will be, its pixels within its box
    for i, (x, y, w, h, _) in enumerate(np.asarray(stats).tolist()):
        if i == 0 or max(w, h) < _SPECK * strip.height:
            continue
        mark = labels[y : y + h, x : x + w] == i
        side, crossed = _cuts(mark, strip.height)
        for k in range(len(crossed) + 1):
            part = mark & (side == k)
            rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
            if not len(rows):
                continue
            box = (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1)
            piece = Piece(*box, int(part.sum()), i, crossed[k - 1] if k else 0.0)
            pixels = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            parts.append(((box[0] + box[2]) / 2, piece, pixels))
    parts.sort(key=lambda part: part[0])
    numbers = np.zeros(labels.shape, np.int32)
    for number, (_, piece, pixels) in enumerate(parts, 1):
        numbers[piece.top : piece.bottom, piece.left : piece.right][pixels] = number
    return numbers, [piece for _, piece, _ in parts]


def _cuts(mark: NDArray[np.bool_], size: float) -> tuple[NDArray[np.int32], list[float]]:
    """Where two digits may touch in a component: seams from top to bottom that cross as little ink as can be.

    How many seams are to the left of each pixel, and how much ink each crosses, in heights of a digit.
    """
    height, width = mark.shape
    none = np.zeros(mark.shape, np.int32), list[float]()
    step, reach = max(2, round(_STEP * size)), max(2, round(_REACH * size))
    least = max(2, round(_NEAREST * size))
    starts = np.arange(least, width - least, step)
    if width < _NARROW * size or height > _TALLEST * size or not 0 < len(starts) <= _MOST_SEAMS:
        return none
    ink = cv2.copyMakeBorder(mark.astype(np.float32), 0, 0, reach, reach, cv2.BORDER_CONSTANT)
    windows = np.stack([ink[:, start : start + 2 * reach + 1] for start in starts])  # the middle is column `start`
    cost = windows + 0.01 + 0.002 * np.abs(np.arange(-reach, reach + 1))
    ways = np.zeros(cost.shape, np.int8)
    total = cost[:, 0]
    edge = np.full((len(starts), 1), np.inf, np.float32)
    for row in range(1, height):
        padded = np.concatenate([edge, total, edge], 1)
        three = np.stack([padded[:, :-2] + 0.02, padded[:, 1:-1], padded[:, 2:] + 0.02])
        ways[:, row] = three.argmin(0) - 1
        total = three.min(0) + cost[:, row]
    seams = np.zeros((len(starts), height), np.int64)
    place = total.argmin(1)
    every = np.arange(len(starts))
    for row in range(height - 1, -1, -1):
        seams[:, row] = place
        place = place + ways[every, row, place]
    crossed = np.take_along_axis(windows, seams[:, :, None], 2)[:, :, 0].sum(1) / size
    seams += starts[:, None] - reach
    kept: list[int] = []
    for k in np.argsort(crossed, kind="stable"):
        if crossed[k] <= _THICKEST and all(np.abs(seams[k] - seams[other]).mean() >= least for other in kept):
            kept.append(int(k))
    kept.sort(key=lambda k: float(seams[k].mean()))
    columns = np.arange(width)
    side = np.zeros(mark.shape, np.int32)
    for k in kept:
        side += columns[None, :] >= seams[k][:, None]
    return side, [float(crossed[k]) for k in kept]
