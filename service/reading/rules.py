"""Lines that cross the whole picture: ruled and squared paper, a cell's borders, a dotted line, a zigzag that strikes out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.paper import shrunk

_WORKING = 320  # pixels of the longer side at which lines are looked for
_THUMB = 96  # pixels of the longer side at which lines are traced
_SPAN = 0.8  # of the picture: ink that reaches less far holds no line across it
_THICKEST = 0.15  # of the picture's other side
_BROADEST = 0.2  # the same of borders
_END = 0.12  # of the way: so near to both edges of the picture a line must come
_INKED, _THIN, _GAP = 0.5, 0.35, 0.17  # of the way: covered at all, covered by something thin, not covered at a stretch
_SOLID = 0.8  # of the way: with less the line is dotted
_STEPS = np.arange(-2, 3)  # rows that a line rises or falls within a column of the thumb
_STEEP = 0.12  # what a row climbed costs a path
_BARE, _THICK = -0.6, 0.6  # what a column is worth to it without ink, with thick ink; with thin ink it is worth 1
_MOST = 12  # lines each way
_SLOPE, _BENT = 0.3, 0.09  # of a solid line: how much it rises along its way, how far it strays from the straight line
_BORDER_SLOPE, _BORDER_BENT = 0.15, 0.04  # the same of borders, and of upright lines: the strokes of digits stand too
_SMALLEST = 24  # pixels: smaller pictures hold a digit and have no room for lines
_STROKE = 0.15  # of the picture: what is smaller is no digit
_CORNER = 0.2  # of the way: where the strokes of a digit meet
_OVERHANG = 0.08  # of the way: so far a line goes beyond the digit at both ends
_HUGS = 0.25  # of the picture: a line that keeps so near to an edge is a border


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """`pixels` uint8 `[height, width]` of 0 and 1; `upright`: from top to bottom; `hugs`: it keeps near one of the edges.

    `within`: it runs between borders of the other way, not between the picture's edges.
    """

    pixels: NDArray[np.uint8]
    upright: bool
    hugs: bool
    within: bool = False


def lines_across(ink: NDArray[np.uint8], level: int) -> NDArray[np.bool_] | None:
    """The pixels, bool `[height, width]`, of lines that cross the picture and are no strokes of a digit; None: there are none.

    `ink` uint8, bright on dark; lines are as strong as `level` at least. Strokes that cross a line stay whole.
    """
    shape = ink.shape
    ink = shrunk(ink, _WORKING / max(shape))  # lines too thin to be seen there are too thin to matter
    height, width = ink.shape
    mask = (ink >= level).view(np.uint8)
    reach = cv2.boundingRect(mask)[2:]
    ways = [upright for upright in (False, True) if reach[upright] >= _SPAN * (height if upright else width)]
    if not ways or min(height, width) < _SMALLEST:
        return None
    rest = mask.copy()
    found: list[_Line] = []
    inside = np.s_[:height, :width]
    for upright in ways if len(ways) == 1 else (*ways, ways[0]):
        found += _take_lines(rest, inside, upright)
        inside = _between_borders(found, (height, width))  # lines end at borders too
    lines = _rules(found, rest)
    if not lines:
        return None
    gone = np.bitwise_or.reduce([line.pixels for line in lines])
    soft = 3 + 2 * (max(height, width) // 150)
    near = np.asarray(cv2.dilate(gone, np.ones((soft, soft), np.uint8)), np.uint8)  # lines fade over their edges
    near = near & ((1 - mask) | gone)
    if near.shape != shape:
        near = cv2.resize(near, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(near > 0)


def _rules(lines: list[_Line], rest: NDArray[np.uint8]) -> list[_Line]:
    """Those of `lines` that are the paper's; what is not belongs to the digit, with what is left in `rest`, and may change that."""
    while True:
        digit = _of_size(rest)
        rules = [line for line in lines if _is_rule(line, lines, digit)]
        if len(rules) == len(lines):
            return lines
        for line in lines:
            if line not in rules:
                rest = rest | line.pixels
        lines = rules


def _take_lines(rest: NDArray[np.uint8], inside: tuple[slice, slice], upright: bool) -> list[_Line]:
    """Takes the lines of one way that cross the part `inside` of `rest` out of it, and returns them."""
    taken: list[_Line] = []
    part = rest[inside]
    across = part.shape[1 - int(upright)]
    while len(taken) < _MOST and min(part.shape) >= _SMALLEST // 2:
        line = _strongest(part, upright)
        if line is None:
            break
        part[line.pixels > 0] = 0
        pixels = np.zeros_like(rest)
        pixels[inside] = line.pixels
        taken.append(_Line(pixels, upright, line.hugs, across < rest.shape[1 - int(upright)]))
    return taken


def _between_borders(lines: list[_Line], shape: tuple[int, int]) -> tuple[slice, slice]:
    """The part of the picture that the outermost borders leave."""
    sides = [[0, shape[0]], [0, shape[1]]]
    for upright in (False, True):
        borders = [line for line in lines if line.hugs and line.upright == upright]
        places = [int(np.median(np.nonzero(line.pixels)[int(upright)])) for line in borders]
        whole = shape[int(upright)]
        sides[upright] = [
            min((at for at in places if at < whole / 2), default=0),
            max((at for at in places if at >= whole / 2), default=whole),
        ]
    return slice(*sides[0]), slice(*sides[1])


def _of_size(rest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`rest` without marks too small to be a digit's stroke."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    keep = np.maximum(stats[:, 2] / rest.shape[1], stats[:, 3] / rest.shape[0]) >= _STROKE
    keep[0] = False
    return np.asarray(keep.astype(np.uint8)[labels], np.uint8)


def _strongest(mask: NDArray[np.uint8], upright: bool) -> _Line | None:
    """The most plausible line from edge to edge, traced on a thumb of `mask`."""
    view = np.ascontiguousarray(mask.T) if upright else mask
    height, width = view.shape
    shrink = min(1.0, _THUMB / max(height, width))
    rows, columns = max(1, round(height * shrink)), max(1, round(width * shrink))
    thumb = view
    if shrink < 1:  # any ink at all counts: a line may be a pixel thin
        thumb = (cv2.resize(255 * view, (columns, rows), interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    thick = 2 * round(_BROADEST * rows / 2) + 1  # odd: opening with an even kernel moves the picture
    thin = thumb - cv2.morphologyEx(
        thumb, cv2.MORPH_OPEN, np.ones((thick, 1), np.uint8), borderType=cv2.BORDER_CONSTANT
    )
    path = _trace(np.where(thin > 0, 1.0, np.where(thumb > 0, _THICK, _BARE)))
    along = np.arange(columns)
    inked, lean = np.flatnonzero(thumb[path, along]), thin[path, along] > 0
    if len(inked) < _INKED * columns or np.count_nonzero(lean) < _THIN * columns:
        return None
    gaps = np.diff(inked)
    if inked[0] > _END * columns or inked[-1] < (1 - _END) * columns - 1 or gaps.max(initial=0) > _GAP * columns + 1:
        return None
    slope, start = np.polyfit(inked, path[inked], 1)
    rise, bent = abs(slope) * columns / rows, np.abs(slope * inked + start - path[inked]).max() / rows
    place = path[inked] / max(rows - 1, 1)
    straight = bool(rise <= _BORDER_SLOPE and bent <= _BORDER_BENT + 1 / rows)
    hugs = straight and bool(place.max() < _HUGS or place.min() > 1 - _HUGS)
    if upright and not straight:
        return None
    dotted = len(inked) < _SOLID * columns
    if dotted:
        if bent > 0.02 + 1.5 / rows:  # what has gaps is a line only if it is straight
            return None
    elif rise > _SLOPE or bent > _BENT:
        return None
    centre = np.interp((np.arange(width) + 0.5) * columns / width - 0.5, along, (path + 0.5) / shrink - 0.5)
    pixels = _runs(
        view,
        np.rint(centre).astype(np.intp),
        round((_BROADEST if hugs else _THICKEST) * height) + 1,
        1 + round(1 / shrink),
    )
    if dotted:  # its dots alone are taken, not what they meet
        pixels &= 1 - _of_size(view)
    taken = np.flatnonzero(pixels.any(axis=0))
    if not len(taken) or taken[0] > _END * width or taken[-1] < (1 - _END) * width - 1:
        return None  # a line goes on where a stroke crosses it; it does not end there
    return _Line(np.ascontiguousarray(pixels.T) if upright else pixels, upright, hugs)


def _trace(worth: NDArray[np.float64]) -> NDArray[np.intp]:
    """The row in each column of the path from left to right that is worth most (dynamic programming)."""
    rows, columns = worth.shape
    best = worth[:, 0]
    came = np.zeros((columns, rows), np.intp)
    here = np.arange(rows)
    padded = np.full(rows + 4, -np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
    price = _STEEP * np.abs(_STEPS)
    for column in range(1, columns):
        padded[2:-2] = best
        options = windows - price
        step = options.argmax(axis=1)
        came[column] = here + step - 2
        best = options[here, step] + worth[:, column]
    path = np.empty(columns, np.intp)
    path[-1] = best.argmax()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came[column, path[column]]
    return path


def _runs(mask: NDArray[np.uint8], centre: NDArray[np.intp], thick: int, slack: int) -> NDArray[np.uint8]:
    """The upright runs of ink that a line along `centre` goes through, uint8 like `mask`, except where a stroke crosses it."""
    height, width = mask.shape
    half = thick + slack
    offsets = np.arange(-half, half + 1)[:, None]
    rows = centre[None, :] + offsets
    inside = (rows >= 0) & (rows < height)
    window = (mask[np.clip(rows, 0, height - 1), np.arange(width)] > 0) & inside
    away = np.where(window, np.abs(offsets), 2 * half + 1)
    start = away.argmin(axis=0)
    there = away.min(axis=0) <= slack
    order = np.arange(2 * half + 1)[:, None]
    above = np.where(~window & (order < start), order, -1).max(axis=0)
    below = np.where(~window & (order > start), order, 2 * half + 1).min(axis=0)
    length = below - above - 1
    ends = np.abs(np.arange(width) - (width - 1) / 2) >= 0.35 * width  # where the line is likely to be alone
    usual = length[there & ends & (length <= thick)]
    pixels = np.zeros_like(mask)
    if len(usual):  # where a stroke crosses, the run is longer than the line is thick
        there &= length <= 1.25 * float(np.median(usual)) + 1
        chosen = window & there & (order > above) & (order < below)
        at = np.nonzero(chosen)
        pixels[rows[at], at[1]] = 1
    return pixels


def _is_rule(line: _Line, lines: list[_Line], rest: NDArray[np.uint8]) -> bool:
    """Whether a line is the paper's and not the bar of a 7 that was cut out tightly.

    It goes beyond what is left without any line, the digit, at both ends, and where it is a border the digit does not touch it with
    a corner; or the digit does not touch it at all. Where nothing is left, a single line that is no border may be a 1.
    """
    parallel = sum(other.upright == line.upright for other in lines)
    if line.within and not any(other.hugs and other.upright != line.upright for other in lines):
        return False
    x, y, w, h = cv2.boundingRect(rest)
    if not w:
        return line.hugs or parallel > 1
    height, width = rest.shape
    ends = min(y, height - y - h) / height if line.upright else min(x, width - x - w) / width
    if not line.hugs:
        fills = (x == 0 and x + w == width) if line.upright else (y == 0 and y + h == height)
        return ends >= _OVERHANG and (parallel > 1 or not (fills or line.upright))
    near = np.asarray(cv2.dilate(line.pixels, np.ones((5, 5), np.uint8)), np.uint8)
    length = height if line.upright else width
    places = np.flatnonzero((near & rest).any(axis=int(line.upright))) / length
    if len(places) < 0.02 * length:
        return True
    return bool(ends >= _OVERHANG and places.min() > _CORNER and places.max() < 1 - _CORNER)
