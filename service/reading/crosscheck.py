"""A single digit in doubt, shown to the reader of lines as well: as a line that it is the whole of.

The two networks were trained apart, on other pictures of what is no digit. Where one is in doubt, the other often is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.reading.ctc import single
from service.reading.normalise import CANVAS
from service.reading.tiles import HEIGHT, LINE_MARGIN

WIDTH = 64
"""Of such a line, in pixels: it begins as others do, and is as wide as the narrowest that are learned."""

_SURE, _WHOLE, _NONE = 0.99, 0.9, 0.02  # confidence and digit_probability: between these there is doubt
_DIGIT, _DIGIT_PROBABILITY = 0.2, 0.4  # what the other's opinion counts for, against 1 for the first
_UNLIKELY = 1e-4  # nothing is less probable than this
_LEAST = 1 / 6  # nor a digit, by the other's opinion: digits in a manner that it has not learned are none to it

Floats = NDArray[np.float32]


def in_doubt(probabilities: Floats, digit_probability: Floats) -> NDArray[np.intp]:
    """Which of some pictures are: those that may be a digit, and are not surely one. float32 `[N, 10]` and `[N]`."""
    sure = (probabilities.max(1) >= _SURE) & (digit_probability >= _WHOLE)
    return np.flatnonzero(~sure & (digit_probability > _NONE))


def as_lines(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Normalised pictures, uint8 `[N, 28, 28]`, each as a line: uint8 `[N, 32, WIDTH]`."""
    lines = np.zeros((len(pictures), HEIGHT, WIDTH), np.uint8)
    above = (HEIGHT - CANVAS) // 2
    lines[:, above : above + CANVAS, LINE_MARGIN : LINE_MARGIN + CANVAS] = pictures
    return lines


def weighed(probabilities: Floats, digit_probability: Floats, named: Floats) -> tuple[Floats, Floats]:
    """Both opinions of N pictures together: `named` float32 `[N, WIDTH / 2, 11]` is the reader of lines'.

    A product of experts, the second with less weight, and with none in so far as it sees no single digit.
    """
    one = single(named)
    some = np.clip(one.sum(1), _LEAST, 1 - _UNLIKELY)
    shares = np.maximum(one / some[:, None], _UNLIKELY)
    both = probabilities * shares ** (_DIGIT * some[:, None])
    whole = np.clip(digit_probability.astype(np.float64), _UNLIKELY, 1 - _UNLIKELY)
    odds = whole / (1 - whole) * (some / (1 - some)) ** _DIGIT_PROBABILITY
    return (both / both.sum(1, keepdims=True)).astype(np.float32), (odds / (1 + odds)).astype(np.float32)
