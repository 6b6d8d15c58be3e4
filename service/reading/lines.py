"""A page's ink → its lines of writing, each upright: skew and slant taken out, rules and dirt left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.page import PageInk
from service.reading.paper import shrunk
from service.reading.ruling import without_rules

_SPECK = 0.2  # of the digits' height: what is smaller in both directions is dirt or a point
_BODY = 0.4  # of the digits' height: what is at least this tall may be a digit and makes a line
_BESIDE = 0.4  # of the lower one's height: marks of one line overlap by more
_MOST_MARKS, _MOST_SPECKS = 3_000, 60_000  # a page with more that could be digits, or more of any kind, is a texture
_LARGEST = 96  # pixels that a digit's height needs at most
_COVERED = 64  # of 255: a pixel of the smaller mask is ink where so much of it is
_DRIFT = 0.8  # of the tallest one's height: how far apart the middles of a line's ends may be
_WITHIN = 0.6  # of the lower one's height: lines that are over one another by more are one
_TALLEST = 2.0  # digits' heights: two lines are taller together
_EDGE = 0.05  # of a digit's height: so far beyond the stroke its ink fades; what is further away is the paper's
_SHARED = 0.3  # of the narrower one's width: marks over one another have so much of their columns in common
_WHOLE = 1.25  # of a digit's height: the parts of a broken digit reach no further
_STEEPEST = 0.35  # pixels down for each to the right
_CLEAR = 2.0  # standard errors: a slope below is taken for none
_SLANTS = np.linspace(-0.45, 0.9, 28)  # tangents of the angle that writing leans to the right
_SAMPLE = 6_000


@dataclass(frozen=True, slots=True)
class Strip:
    """One line, upright. `height`: of its digits; `to_page` maps `(x, y, 1)` of the strip to the page, float64 `[2, 3]`."""

    ink: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    height: float
    to_page: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Marks:
    """Connected components: `labels` int32; `x y w h area` float64, one each, the ground first."""

    labels: NDArray[np.int32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    w: NDArray[np.float64]
    h: NDArray[np.float64]
    area: NDArray[np.float64]

    def levels(self, slope: float) -> NDArray[np.float64]:
        """How far down each one's middle is where lines rise or fall by `slope`."""
        return self.y + self.h / 2 - slope * (self.x + self.w / 2)


def find_lines(page: PageInk) -> list[Strip]:
    """The page's lines from top to bottom. Large writing is made smaller: what follows costs no more for it, and needs no more."""
    marks = _marks(page.mask)
    if not 2 <= len(marks.x) <= _MOST_SPECKS:
        return []
    size = _typical_height(marks, np.arange(1, len(marks.x)))
    shrink = min(1.0, _LARGEST / size)
    if shrink < 1:
        page, size = _smaller(page, shrink), size * shrink
    mask = without_rules(page.mask, page.ink, size)
    if shrink < 1 or mask is not page.mask:
        marks = _marks(mask)
        if len(marks.x) < 2:
            return []
        size = _typical_height(marks, np.arange(1, len(marks.x)))
    kept = np.flatnonzero(np.maximum(marks.w, marks.h) >= _SPECK * size)
    kept = kept[kept > 0]
    bodies = kept[marks.h[kept] >= _BODY * size]
    if len(bodies) > _MOST_MARKS:
        return []
    digits = _mended(marks, bodies, size)
    slope = _slope(digits, bodies)
    lines = _lines(digits, bodies, slope, size)
    slope = _common_slope(lines, digits)
    _add_small(lines, digits, np.setdiff1d(kept, bodies), slope)
    return [_strip(page, marks, np.asarray(line), slope, shrink) for line in lines]


def _smaller(page: PageInk, shrink: float) -> PageInk:
    cover = shrunk(page.mask * np.uint8(255), shrink)
    return PageInk(shrunk(page.ink, shrink), (cover > _COVERED).astype(np.uint8))


def _marks(mask: NDArray[np.uint8]) -> _Marks:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, w, h, area = np.asarray(stats, np.float64).T
    return _Marks(np.asarray(labels, np.int32), x, y, w, h, area)


def _typical_height(marks: _Marks, some: NDArray[np.intp]) -> float:
    """The height at which half of the ink is in lower marks."""
    order = some[np.argsort(marks.h[some])]
    mass = np.cumsum(marks.area[order])
    return float(marks.h[order[int(np.searchsorted(mass, mass[-1] / 2))]])


def _mended(marks: _Marks, bodies: NDArray[np.intp], size: float) -> _Marks:
    """The marks, with the box of the whole digit for those that are parts of one: over one another and no higher than one."""
    x, y, right, bottom = marks.x.copy(), marks.y.copy(), marks.x + marks.w, marks.y + marks.h
    order = bodies[np.argsort(marks.x[bodies])]
    for step in range(1, len(order)):
        i, j = order[:-step], order[step:]
        columns = np.minimum(marks.x[i] + marks.w[i], marks.x[j] + marks.w[j]) - marks.x[j]
        if columns.max() <= 0:
            break
        rows = np.minimum(marks.y[i] + marks.h[i], marks.y[j] + marks.h[j]) - np.maximum(marks.y[i], marks.y[j])
        over = (columns >= _SHARED * np.minimum(marks.w[i], marks.w[j])) & (columns > 0)
        over &= (rows <= _BESIDE * np.minimum(marks.h[i], marks.h[j])) & (
            marks.h[i] + marks.h[j] - rows <= _WHOLE * size
        )
        for pair in np.stack([i, j], 1)[over]:
            x[pair], y[pair] = x[pair].min(), y[pair].min()
            right[pair], bottom[pair] = right[pair].max(), bottom[pair].max()
    return replace(marks, x=x, y=y, w=right - x, h=bottom - y)


def _slope(marks: _Marks, bodies: NDArray[np.intp]) -> float:
    """How much the lines rise or fall, pixels down for each to the right: the median over neighbours."""
    middle_x, middle_y = marks.x + marks.w / 2, marks.y + marks.h / 2
    slopes = []
    order = bodies[np.argsort(marks.x[bodies])]
    for at, i in enumerate(order):
        for j in order[at + 1 : at + 40]:
            gap = marks.x[j] - marks.x[i] - marks.w[i]
            if gap > 1.5 * marks.h[i]:
                break
            overlap = min(marks.y[i] + marks.h[i], marks.y[j] + marks.h[j]) - max(marks.y[i], marks.y[j])
            alike = 0.6 < marks.h[i] / marks.h[j] < 1.7
            if alike and overlap > 0.4 * min(marks.h[i], marks.h[j]) and middle_x[j] - middle_x[i] > 0.3 * marks.h[i]:
                slopes.append((middle_y[j] - middle_y[i]) / (middle_x[j] - middle_x[i]))
                break
    return float(np.clip(np.median(slopes), -_STEEPEST, _STEEPEST)) if len(slopes) >= 3 else 0.0


def _common_slope(lines: list[list[int]], marks: _Marks) -> float:
    """The slope that lines share by least squares; 0 where it does not exceed twice its standard error.

    Few marks of different heights say little of their line's slope, and a wrong one moves digits out of the line.
    """
    middles = [(marks.x[line] + marks.w[line] / 2, marks.y[line] + marks.h[line] / 2) for line in lines]
    x = np.concatenate([x - x.mean() for x, _ in middles])
    y = np.concatenate([y - y.mean() for _, y in middles])
    reach = float(x @ x)
    free = len(x) - len(lines) - 1
    if free < 1 or not reach:
        return 0.0
    slope = float(x @ y) / reach
    error = float(np.sqrt(np.square(y - slope * x).sum() / free / reach))
    return float(np.clip(slope, -_STEEPEST, _STEEPEST)) if abs(slope) > _CLEAR * error else 0.0


def _lines(marks: _Marks, bodies: NDArray[np.intp], slope: float, size: float) -> list[list[int]]:
    """Bodies that stand side by side, from top to bottom: from left to right each joins the line whose end it stands beside."""
    middle = marks.levels(slope)
    lines: list[list[int]] = []
    ends = np.zeros((0, 2))  # top and bottom of each line where it has got to
    for i in bodies[np.argsort(marks.x[bodies] + marks.w[bodies] / 2)]:
        own = np.array([middle[i] - marks.h[i] / 2, middle[i] + marks.h[i] / 2])
        shared = np.minimum(own[1], ends[:, 1]) - np.maximum(own[0], ends[:, 0])
        share = shared / np.minimum(marks.h[i], ends[:, 1] - ends[:, 0])
        best = int(share.argmax()) if len(share) else -1
        if best < 0 or share[best] <= _BESIDE:
            lines.append([int(i)])
            ends = np.concatenate([ends, own[None]])
        else:
            lines[best].append(int(i))
            ends[best] = (ends[best] + own) / 2
    lines.sort(key=lambda line: float(np.mean(middle[line])))
    return _rejoined(lines, marks, middle, _TALLEST * size)


def _rejoined(lines: list[list[int]], marks: _Marks, middle: NDArray[np.float64], tallest: float) -> list[list[int]]:
    """Neighbouring lines of which one ends where the other begins are one that climbs or falls; so are those over one another.

    The latter come of digits in pieces, or much taller than their neighbours; `tallest`: what is higher is two lines.
    """
    joined: list[list[int]] = []
    for line in lines:
        if joined:
            before = joined[-1]
            apart = float(np.mean(middle[line])) - float(np.mean(middle[before]))
            ends = [(float(marks.x[some].min()), float((marks.x + marks.w)[some].max())) for some in (before, line)]
            beside = min(ends[0][1], ends[1][1]) - max(ends[0][0], ends[1][0]) <= 0
            drifted = beside and apart < _DRIFT * float(marks.h[before + line].max())
            if drifted or _over(_band(before, marks, middle), _band(line, marks, middle), tallest):
                joined[-1] = before + line
                continue
        joined.append(line)
    return joined


def _band(line: list[int], marks: _Marks, middle: NDArray[np.float64]) -> tuple[float, float]:
    """From where to where down the page a line reaches."""
    half = marks.h[line] / 2
    return float((middle[line] - half).min()), float((middle[line] + half).max())


def _over(one: tuple[float, float], other: tuple[float, float], tallest: float) -> bool:
    """Whether two bands share the most of the lower one, and are together at most `tallest`."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    lower = min(one[1] - one[0], other[1] - other[0])
    return shared > _WITHIN * lower and max(one[1], other[1]) - min(one[0], other[0]) <= tallest


def _add_small(lines: list[list[int]], marks: _Marks, small: NDArray[np.intp], slope: float) -> None:
    """Puts small marks into the lines that they lie in."""
    middle = marks.levels(slope)
    extents = [_band(line, marks, middle) for line in lines]
    for i in small:
        for line, (top, bottom) in zip(lines, extents, strict=True):
            if top <= middle[i] <= bottom:
                line.append(int(i))
                break


def _strip(page: PageInk, marks: _Marks, line: NDArray[np.intp], slope: float, shrink: float) -> Strip:
    left, top = int(marks.x[line].min()), int(marks.y[line].min())
    right, bottom = int((marks.x + marks.w)[line].max()), int((marks.y + marks.h)[line].max())
    chosen = np.zeros(len(marks.x), np.uint8)
    chosen[line] = 1
    mask = chosen[marks.labels[top:bottom, left:right]]
    others = (page.mask[top:bottom, left:right] > 0) & (mask == 0)
    height = _typical_height(marks, line)
    edge = 2 * max(1, round(_EDGE * height)) + 1
    near = cv2.dilate(mask, np.ones((edge, edge), np.uint8)) > 0
    ink = np.where(near & ~others, page.ink[top:bottom, left:right], 0).astype(np.uint8)
    tall = bottom - top
    ys, xs = np.nonzero(mask)
    slant = _slant(xs, ys - slope * xs)
    # x' = x + slant · (y − slope·x − middle), y' = y − slope·x: first the skew, then the slant is taken out.
    turn = np.array([[1 - slant * slope, slant], [-slope, 1.0]])
    corners = turn @ np.array([[0, right - left, 0, right - left], [0, 0, tall, tall]], np.float64)
    shift = 1 - np.floor(corners.min(1))
    size = np.ceil(corners.max(1) + shift).astype(int) + 2
    forward = np.concatenate([turn, shift[:, None]], 1)
    back = np.linalg.inv(turn)
    to_page = np.concatenate([back, (np.array([left, top]) - back @ shift)[:, None]], 1)
    if abs(slope) > 1e-3 or abs(slant) > 1e-3:
        flat = (int(size[0]), int(size[1]))
        ink = np.asarray(cv2.warpAffine(ink, forward, flat, flags=cv2.INTER_LINEAR), np.uint8)
        mask = (cv2.warpAffine(mask * 255, forward, flat, flags=cv2.INTER_LINEAR) > 127).astype(np.uint8)
    else:
        ink, mask = np.pad(ink, ((1, 2), (1, 2))), np.pad(mask, ((1, 2), (1, 2)))
    to_page = to_page / shrink
    to_page[:, 2] += 0.5 / shrink - 0.5  # pixels are counted from their middles
    return Strip(ink, mask, height, to_page)


def _slant(x: NDArray[np.intp], y: NDArray[np.float64]) -> float:
    """The shear that makes strokes upright: the one whose column sums are the most uneven."""
    step = len(x) // _SAMPLE + 1
    x, y = x[::step], y[::step]
    best, most = 0.0, -1.0
    for slant in _SLANTS:
        # Halves go up: rounded to even they would make the columns of any writing uneven at a slant of a half.
        columns = np.floor(x + slant * y + 0.5).astype(np.int64)
        score = float(np.square(np.bincount(columns - columns.min())).sum()) * (1 - 0.15 * abs(float(slant)))
        if score > most:
            best, most = float(slant), score
    return best
