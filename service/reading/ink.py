"""Which of the picture's marks are the digit: ink above the paper, without lines, the frame's remnants, stray strokes and dirt."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading import grain, paper
from service.reading.marks import Marks, choose, marks_of, remnants
from service.reading.printed import printed_lines
from service.reading.rules import lines_across
from service.reading.types import Box, Grey

FAINTEST = 10.0  # grey levels: a mark weaker than this is paper
_ABOVE_NOISE = 5.0  # standard deviations of the paper's noise that a mark must rise above it
EDGE = 21  # of 255: ink at which the ink's box ends
_LEVELS = 77, 77, 45  # of 255: strength of the lines looked for: strong ones hide others, which hide faint ones
ROOMY = 40  # pixels: smaller pictures have no room for ruling, nor for both strong and faint lines
_BARE = 0.1  # of the picture: with less that is bare of ink nothing can be said of the paper
_QUIET = 0.4  # of the noise in all the picture: what is bare of ink among noise alone is not so quiet
_MANY = 8  # marks: so many may be specks


@dataclass(frozen=True, slots=True)
class Found:
    """`ink` uint8, bright on dark, cut to `box` (in pixels of the picture that was searched)."""

    ink: NDArray[np.uint8]
    box: Box


def find_digit(grey: Grey) -> tuple[Found, ...]:
    """The marks that make up the picture's one digit; none where there is no ink.

    Where the picture does not tell what is paper there are several answers, one for each that may be, the likeliest first.
    """
    found: list[Found] = []
    for relief in paper.reliefs(grey):
        one = _find(grey, relief)
        if one is not None:
            found.append(one)
        elif not found and relief.way != "sloping":
            break  # what is less likely would make ink of the paper's grain
    return tuple(found)


def _find(grey: Grey, paper_relief: paper.Relief) -> Found | None:
    """The digit in the picture with that relief."""
    relief, ruled = _without_ruling(paper_relief.values)
    ink = _ink(relief, 0.0)
    if ink is None:
        return None
    marks = marks_of(ink)
    if len(marks.stats) > _MANY:
        speckless = grain.without_specks(grey)
        if speckless is not grey:
            relief, ruled = _without_ruling(next(paper.reliefs(speckless, paper_relief.way)).values)
            ink = _ink(relief, 0.0)
            if ink is None:
                return None
            marks = marks_of(ink)
    foreign: NDArray[np.bool_] | None = None
    without, settled = (0.0, 0.0), False  # the noise that the ink is without; whether that has changed nothing
    for level in _LEVELS if max(grey.shape) >= ROOMY else _LEVELS[:1]:
        gone = _foreign(ink, marks, level, ruled)
        if gone is None and settled:
            continue
        if gone is not None:
            foreign = gone if foreign is None else foreign | gone
            relief = np.where(gone, np.float32(0), relief)
        if foreign is not None and foreign.all():
            return None
        noise = paper.noise(relief if foreign is None else relief[~foreign])
        before, without = without, (noise, _least_noise(relief, ink, foreign, noise))
        settled = gone is None and without == before
        if not settled:  # the digit may be ink of a strength of its own, or nothing but paper
            ink = _ink(relief, *without)
            if ink is None:
                return None
            marks = marks_of(ink)
    if grain.is_pitted(ink):
        ink = _ink(grain.smoothed(relief), 0.0)
        if ink is None:
            return None
        marks = marks_of(ink)
    chosen = choose(marks, framed=foreign is not None)
    return _cut(ink, marks, chosen) if chosen else None


def _least_noise(
    relief: NDArray[np.float32], ink: NDArray[np.uint8], foreign: NDArray[np.bool_] | None, noise: float
) -> float:
    """Of the `noise` in all the picture, what is the paper's for sure: where a digit fills it, most may be ink and soft edges."""
    if not noise:
        return 0.0
    bare = cv2.dilate((ink >= EDGE).view(np.uint8), np.ones((3, 3), np.uint8)) == 0
    if foreign is not None:
        bare &= ~foreign
    if np.count_nonzero(bare) < _BARE * bare.size:
        return noise
    quiet = paper.noise(relief[bare])
    return quiet if quiet < _QUIET * noise else noise


def _without_ruling(relief: NDArray[np.float32]) -> tuple[NDArray[np.float32], bool]:
    """Without printed lines, and whether there were any."""
    ruling = printed_lines(relief) if min(relief.shape) >= ROOMY else None
    return (relief, False) if ruling is None else (np.where(ruling, np.float32(0), relief), True)


def _foreign(ink: NDArray[np.uint8], marks: Marks, level: int, ruled: bool) -> NDArray[np.bool_] | None:
    """What is no digit's ink, bool `[height, width]`: lines across the picture, then remnants at its edges; None: nothing."""
    lines = lines_across(ink, level, ruled=ruled)
    if lines is not None:
        marks = marks_of(np.where(lines, 0, ink).astype(np.uint8))
    bits = remnants(marks)
    if not bits:
        return lines
    wide = 3 + 2 * (max(ink.shape) // 100)
    near = cv2.dilate(np.isin(marks.labels, bits).astype(np.uint8), np.ones((wide, wide), np.uint8)) > 0
    return near if lines is None else near | lines


def _ink(relief: NDArray[np.float32], noise: float, least: float = 0.0) -> NDArray[np.uint8] | None:
    """Relief scaled so that full ink is 255, uint8, without `noise`; None where nothing stands out of the `least` of it."""
    specks = min(max(relief.size // 20_000, 3), 40)
    full = paper.full_ink(relief, specks, max(FAINTEST, _ABOVE_NOISE * least))
    if full is None:
        return None
    floor = min(2.0 * noise, 0.25 * full)
    return np.asarray(cv2.convertScaleAbs(np.maximum(relief - floor, 0), alpha=255.0 / (full - floor)), np.uint8)


def soft_edge(size: int) -> int:
    """Over how many pixels strokes fade at their edges, where what they make up has that size."""
    return 1 + size // 24


def _cut(ink: NDArray[np.uint8], marks: Marks, chosen: list[int]) -> Found:
    height, width = ink.shape
    lefts, tops, widths, heights, _ = zip(*(marks.stats[i].tolist() for i in chosen), strict=True)
    left, top, right, bottom = min(lefts), min(tops), max(map(add, lefts, widths)), max(map(add, tops, heights))
    soft = soft_edge(max(right - left, bottom - top))
    left, top, right, bottom = (
        max(0, left - soft),
        max(0, top - soft),
        min(width, right + soft),
        min(height, bottom + soft),
    )
    cut = ink[top:bottom, left:right].copy()
    if len(marks.stats) > 2 or cv2.countNonZero(cut) != cv2.countNonZero(ink):
        labels = marks.labels[top:bottom, left:right]
        lut = np.zeros(len(marks.stats), np.uint8)
        lut[chosen] = 1
        near = cv2.dilate(lut[labels], np.ones((2 * soft + 1, 2 * soft + 1), np.uint8))
        cut[near == 0] = 0
    x, y, w, h = cv2.boundingRect((cut >= EDGE).view(np.uint8))
    return Found(cut[y : y + h, x : x + w], Box(left + x, top + y, w, h))
