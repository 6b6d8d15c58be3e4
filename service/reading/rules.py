"""Lines that cross the whole picture: ruled and squared paper, a cell's borders, a dotted line, a zigzag that strikes out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.components import components
from service.reading.paper import shrunk
from service.reading.strokes import stroke_widths
from service.reading.tracing import best_path, runs_along

_WORKING = 320  # pixels of the longer side at which lines are looked for
_THUMB = 96  # pixels of the longer side at which lines are traced
SPAN = 0.8  # of the picture: ink that reaches less far holds no line across it
_THICKEST = 0.15  # of the picture's other side
_BROADEST = 0.2  # the same of borders
_END = 0.12  # of the way: so near to both edges of the picture a line must come
_INKED, _THIN, _GAP = 0.5, 0.35, 0.17  # of the way: covered at all, covered by something thin, not covered at a stretch
_SOLID = 0.8  # of the way: with less the line is dotted
_BARE, _THICK = -0.6, 0.6  # what a column is worth to it without ink, with thick ink; with thin ink it is worth 1
_MOST = 12  # lines each way
_SLOPE, _BENT = 0.3, 0.09  # of a solid line: how much it rises along its way, how far it strays from the straight line
_BORDER_SLOPE, _BORDER_BENT = 0.15, 0.04  # the same of borders, and of upright lines: the strokes of digits stand too
_SMALLEST = 24  # pixels: smaller pictures hold a digit and have no room for lines
_STROKE = 0.15  # of the picture: what is smaller is no digit
_CORNER = 0.2  # of the way: where the strokes of a digit meet
_OVERHANG = 0.08  # of the way: so far a line goes beyond the digit at both ends
_SLIGHT = 0.04  # the same of a plain line
_PLAIN = 0.9  # of the way: what is a plain line has no more gaps
_EACH_SIDE = 0.15  # of the digit: so much of it is on either side of a line that it crosses
_ALIKE = 0.6, 0.6  # width and strength of strokes that may be of one pen, as shares
_HUGS = 0.25  # of the picture: a line that keeps so near to an edge is a border


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """`pixels` uint8 `[height, width]` of 0 and 1; `upright`: from top to bottom; `hugs`: it keeps near one of the edges.

    `within`: it runs between borders of the other way, not between the picture's edges. `plain`: it is straight, without gaps, and
    reaches the very edges, as the strokes of a digit do only where it fills the picture.
    """

    pixels: NDArray[np.uint8]
    upright: bool
    hugs: bool
    within: bool = False
    plain: bool = False


def lines_across(ink: NDArray[np.uint8], level: int, *, ruled: bool = False) -> NDArray[np.bool_] | None:
    """The pixels, bool `[height, width]`, of lines that cross the picture and are no strokes of a digit; None: there are none.

    `ink` uint8, bright on dark; lines are as strong as `level` at least. Strokes that cross a line stay whole. `ruled`: the
    paper is known to be ruled, so that a single line may be its, too.
    """
    shape = ink.shape
    ink = shrunk(ink, _WORKING / max(shape))  # lines too thin to be seen there are too thin to matter
    height, width = ink.shape
    mask = (ink >= level).view(np.uint8)
    reach = cv2.boundingRect(mask)[2:]
    ways = [upright for upright in (False, True) if reach[upright] >= SPAN * (height if upright else width)]
    if not ways or min(height, width) < _SMALLEST:
        return None
    rest = mask.copy()
    found: list[_Line] = []
    whole = inside = np.s_[:height, :width]
    for upright in ways if len(ways) == 1 else (*ways, ways[0]):
        found += _take_lines(rest, whole, upright)
        if inside != whole:  # lines end at borders too
            found += _take_lines(rest, inside, upright)
        inside = _between_borders(found, (height, width))
    lines = _rules(found, rest, ink, ruled)
    if not lines:
        return None
    gone = np.bitwise_or.reduce([line.pixels for line in lines])
    soft = 3 + 2 * (max(height, width) // 150)
    near = np.asarray(cv2.dilate(gone, np.ones((soft, soft), np.uint8)), np.uint8)  # lines fade over their edges
    near = near & ((1 - mask) | gone)
    if near.shape != shape:
        near = cv2.resize(near, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(near > 0)


def _rules(lines: list[_Line], rest: NDArray[np.uint8], ink: NDArray[np.uint8], ruled: bool) -> list[_Line]:
    """Those of `lines` that are the paper's; what is not belongs to the digit, with what is left in `rest`, and may change that."""
    while True:
        digit = _of_size(rest)
        other = [line.plain and _by_another_pen(line.pixels, digit, ink) for line in lines]
        printed = ruled or any(other)
        rules = [
            line for line, foreign in zip(lines, other, strict=True) if _is_rule(line, lines, digit, printed, foreign)
        ]
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
        taken.append(replace(line, pixels=pixels, within=across < rest.shape[1 - int(upright)]))
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
    labels, stats = components(rest)
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
    path = best_path(np.where(thin > 0, 1.0, np.where(thumb > 0, _THICK, _BARE)))
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
    pixels = runs_along(
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
    plain = straight and bool(inked[0] <= 1 and inked[-1] >= columns - 2 and len(inked) >= _PLAIN * columns)
    return _Line(np.ascontiguousarray(pixels.T) if upright else pixels, upright, hugs, plain=plain)


def _is_rule(line: _Line, lines: list[_Line], rest: NDArray[np.uint8], ruled: bool, foreign: bool) -> bool:
    """Whether a line is the paper's and not the bar of a 7 that was cut out tightly.

    It goes beyond what is left without any line, the digit, by more than its thickness, at both ends, or where it is `foreign`, by
    another pen, at one; and where it is a border the digit crosses it or does not touch it with a corner, or not at all. An upright
    line is the paper's where it is not the only one, or the paper is known to be `ruled`. Where nothing is left, a single line that
    is no border may be a 1.
    """
    parallel = sum(other.upright == line.upright for other in lines)
    if line.within and not any(other.hugs and other.upright != line.upright for other in lines):
        return False
    x, y, w, h = cv2.boundingRect(rest)
    if not w:
        return line.hugs or parallel > 1
    height, width = rest.shape
    length = height if line.upright else width
    both = (y, height - y - h) if line.upright else (x, width - x - w)
    ends = max(both) if foreign else min(both)
    slight = line.plain and (ruled or parallel > 1)
    overhangs = ends >= max((_SLIGHT if slight else _OVERHANG) * length, _thickness(line))
    grid = line.plain and ruled
    if not line.hugs:
        fills = (x == 0 and x + w == width) if line.upright else (y == 0 and y + h == height)
        return overhangs and (parallel > 1 or grid or not (fills or line.upright))
    near = np.asarray(cv2.dilate(line.pixels, np.ones((5, 5), np.uint8)), np.uint8)
    places = np.flatnonzero((near & rest).any(axis=int(line.upright))) / length
    if len(places) < 0.02 * length:
        return True
    return bool(overhangs and (_crossed(line, rest) or (places.min() > _CORNER and places.max() < 1 - _CORNER)))


def _thickness(line: _Line) -> float:
    """In pixels, on average."""
    along = np.count_nonzero(line.pixels, axis=int(line.upright))
    return float(along[along > 0].mean())


def _by_another_pen(line: NDArray[np.uint8], digit: NDArray[np.uint8], ink: NDArray[np.uint8]) -> bool:
    """Whether a line is thinner or thicker than the digit's strokes, or stronger or weaker."""
    (thick, strong), (own_thick, own_strong) = _pen(line, ink), _pen(digit, ink)
    return not (
        own_thick and _ALIKE[0] < thick / own_thick < 1 / _ALIKE[0] and _ALIKE[1] < strong / own_strong < 1 / _ALIKE[1]
    )


def _pen(mask: NDArray[np.uint8], ink: NDArray[np.uint8]) -> tuple[float, float]:
    """How wide strokes are, in pixels, and the ink along their middles; 0 where there are none."""
    widths, middle = stroke_widths(mask)
    return (float(np.median(widths)), float(np.median(ink[middle]))) if len(widths) else (0.0, 0.0)


def _crossed(line: _Line, rest: NDArray[np.uint8]) -> bool:
    """Whether there is a good part of `rest` on either side of a line."""
    place = float(np.nonzero(line.pixels)[int(line.upright)].mean())
    amount = rest.sum(axis=int(not line.upright), dtype=np.float64)
    before = float(amount[: round(place)].sum())
    return bool(min(before, amount.sum() - before) >= _EACH_SIDE * amount.sum())
