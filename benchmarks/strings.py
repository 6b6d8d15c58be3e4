"""Strings of digits put together from pictures of single digits (MNIST's): plain, or as lines of writing on synthetic paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.paper import MARGIN, Ground, Part, photograph

SIDE = 28
DIGITS = (2, 8)
"""Least and greatest length of a string."""
GAPS = (-3, 12)
"""Least and greatest gap between the boxes of neighbouring digits' ink, in pixels where a digit's picture is 28 high."""
LINES = (1, 4)
_JITTER = 2  # pixels up or down
_SPACE = (14, 20)


@dataclass(frozen=True)
class Written:
    """`ink` uint8 `[32, width]`, bright on dark, and what it says; `gaps` as in `GAPS`, one fewer than digits."""

    ink: NDArray[np.uint8]
    text: str
    gaps: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether a free column parts all neighbours."""
        return min(self.gaps, default=1) > 0


@dataclass(frozen=True)
class Page:
    """An encoded picture and the whole text, lines parted by a line feed; `apart`: no two digits share a column."""

    picture: bytes
    text: str
    apart: bool
    ground: Ground | None = None


def string(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    random: np.random.Generator,
    *,
    digits: tuple[int, int] = DIGITS,
    gaps: tuple[int, int] = GAPS,
    separated: bool = False,
) -> Written:
    """A string of pictures drawn from `images` uint8 `[N, 28, 28]`, bright on dark, with their `labels` `[N]`.

    `separated`: the digits come in threes from the right, parted by a space or a point, which is no part of the text.
    """
    count = int(random.integers(digits[0], digits[1] + 1))
    chosen = random.integers(0, len(images), count)
    drawn = [int(gap) for gap in random.integers(gaps[0], gaps[1] + 1, count - 1)]
    pointed = bool(random.random() < 0.5)
    canvas = np.zeros((SIDE + 2 * _JITTER, count * (SIDE + max(gaps[1], _SPACE[1]))), np.uint8)
    right = 0
    for place, picture in enumerate(images[chosen]):
        left = right
        if place:
            if separated and (count - place) % 3 == 0:
                drawn[place - 1] = int(random.integers(_SPACE[0], _SPACE[1] + 1))
                if pointed:
                    cv2.circle(canvas, (right + drawn[place - 1] // 2, SIDE - 3), 1, 255, -1, cv2.LINE_AA)
            left = right + drawn[place - 1]
        columns = np.flatnonzero(picture.any(axis=0))
        ink = picture[:, columns[0] : columns[-1] + 1]
        top, left = int(random.integers(2 * _JITTER + 1)), max(left, 0)
        under = canvas[top : top + SIDE, left : left + ink.shape[1]]
        np.maximum(under, ink, out=under)
        right = left + ink.shape[1]
    text = "".join(str(int(label)) for label in labels[chosen])
    return Written(canvas[:, :right], text, tuple(drawn))


def plain(images: NDArray[np.uint8], labels: NDArray[np.uint8], random: np.random.Generator) -> Page:
    """A string, dark on light, as a PNG of one to three times the digits' own size, with a margin."""
    written = string(images, labels, random)
    left, right, above, below = (int(room) for room in random.integers(4, 25, 4))
    framed = np.pad(written.ink, ((above, below), (left, right)))
    times = int(random.integers(1, 4))
    large = cv2.resize(framed, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    return Page(bytes(cv2.imencode(".png", 255 - np.asarray(large, np.uint8))[1]), written.text, written.apart)


def on_paper(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    random: np.random.Generator,
    *,
    lines: tuple[int, int] = LINES,
    digits: tuple[int, int] = DIGITS,
    ground: Ground | None = None,
    margin: tuple[float, float] = MARGIN,
) -> Page:
    """One to four strings below one another on a synthetic photograph; of five lines one has its thousands parted.

    `margin`: see `paper.photograph`.
    """
    count = int(random.integers(lines[0], lines[1] + 1))
    written = [
        string(images, labels, random, digits=digits, separated=bool(random.random() < 0.2)) for _ in range(count)
    ]
    pitch = SIDE * random.uniform(1.15, 2.0)
    flush_right = random.random() < 0.3
    parts = [
        Part(line.ink, random.uniform(-6, 6) - (line.ink.shape[1] if flush_right else 0), place * pitch)
        for place, line in enumerate(written)
    ]
    photo = photograph(parts, random, scale=random.uniform(1.3, 4.5), margin=margin, ground=ground, pitch=pitch)
    text = "\n".join(line.text for line in written)
    return Page(photo.picture, text, all(line.apart for line in written), photo.ground)
