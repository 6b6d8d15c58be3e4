"""Which of a page's marks stand in one line of writing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.reading.components import components

_BESIDE = 0.4  # of the lower one's height: marks of one line overlap by more
_DRIFT = 0.8  # of the tallest one's height: how far apart the middles of a line's ends may be
_WITHIN = 0.6  # of the lower one's height: lines that are over one another by more are one
_TALLEST = 2.0  # digits' heights: two lines are taller together
_SHARED = 0.3  # of the narrower one's width: marks over one another have so much of their columns in common
_WHOLE = 1.25  # of a digit's height: the parts of a broken digit reach no further
_STEEPEST = 0.35  # pixels down for each to the right
_TELLING = 8  # neighbours: the slope of fewer may be wrong, and lines that are level are tried as well
_CLEAR = 2.0  # standard errors: a slope below is taken for none


@dataclass(frozen=True, slots=True)
class Marks:
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


def marks_of(mask: NDArray[np.uint8]) -> Marks:
    """The components of a mask, uint8 of 0 and 1 `[height, width]`."""
    labels, stats = components(mask)
    x, y, w, h, area = stats.astype(np.float64).T
    return Marks(labels, x, y, w, h, area)


def typical_height(marks: Marks, some: NDArray[np.intp]) -> float:
    """The height at which half of the ink is in lower marks."""
    order = some[np.argsort(marks.h[some])]
    mass = np.cumsum(marks.area[order])
    return float(marks.h[order[int(np.searchsorted(mass, mass[-1] / 2))]])


def in_lines(
    marks: Marks, bodies: NDArray[np.intp], small: NDArray[np.intp], size: float
) -> tuple[list[list[int]], float]:
    """Which marks make up each line, from top to bottom, and how much the lines rise or fall, pixels down for each to the right.

    `bodies` may be digits and make lines; `small` marks belong to the line that they lie in. `size`: of digits, in pixels.
    """
    digits = _mended(marks, bodies, size)
    slope, neighbours = _slope(digits, bodies)
    lines = _lines(digits, bodies, slope, size)
    if slope and neighbours < _TELLING:
        level = _lines(digits, bodies, 0.0, size)
        lines = level if len(level) < len(lines) else lines
    slope = _common_slope(lines, digits)
    _add_small(lines, digits, small, slope)
    return lines, slope


def _mended(marks: Marks, bodies: NDArray[np.intp], size: float) -> Marks:
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


def _slope(marks: Marks, bodies: NDArray[np.intp]) -> tuple[float, int]:
    """How much the lines rise or fall, pixels down for each to the right: the median over neighbours, and over how many."""
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
    return float(np.clip(np.median(slopes), -_STEEPEST, _STEEPEST)) if len(slopes) >= 3 else 0.0, len(slopes)


def _common_slope(lines: list[list[int]], marks: Marks) -> float:
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


def _lines(marks: Marks, bodies: NDArray[np.intp], slope: float, size: float) -> list[list[int]]:
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


def _rejoined(lines: list[list[int]], marks: Marks, middle: NDArray[np.float64], tallest: float) -> list[list[int]]:
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


def _band(line: list[int], marks: Marks, middle: NDArray[np.float64]) -> tuple[float, float]:
    """From where to where down the page a line reaches."""
    half = marks.h[line] / 2
    return float((middle[line] - half).min()), float((middle[line] + half).max())


def _over(one: tuple[float, float], other: tuple[float, float], tallest: float) -> bool:
    """Whether two bands share the most of the lower one, and are together at most `tallest`."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    lower = min(one[1] - one[0], other[1] - other[0])
    return shared > _WITHIN * lower and max(one[1], other[1]) - min(one[0], other[0]) <= tallest


def _add_small(lines: list[list[int]], marks: Marks, small: NDArray[np.intp], slope: float) -> None:
    """Puts small marks into the lines that they lie in."""
    middle = marks.levels(slope)
    extents = [_band(line, marks, middle) for line in lines]
    for i in small:
        for line, (top, bottom) in zip(lines, extents, strict=True):
            if top <= middle[i] <= bottom:
                line.append(int(i))
                break
