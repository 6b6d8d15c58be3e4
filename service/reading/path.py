"""The best way through a line's candidates: each is one of the ten digits, or its pieces are passed over, as the model judges.

A semi-Markov conditional random field: the best way is Viterbi's, the sum over all ways gives its probability and each digit's.
After J. Lafferty, A. McCallum, F. Pereira, "Conditional random fields" (ICML 2001) and S. Sarawagi, W. Cohen, "Semi-Markov
conditional random fields for information extraction" (NIPS 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.reading.segment import Chain, Piece

_FLOOR = 1e-6
# Weights of log-probabilities, chosen on synthetic strings and cheque amounts (`python -m benchmarks.accuracy --numbers`).
_NAMED, _WHOLE = 0.82, 3.3  # of being this digit, and of being one whole digit
_EACH = -2.2  # a digit more
_CUT, _THICK = -1.3, -15.0  # a seam between two digits, and each digit's height of ink that it crosses
_LOW, _LOWEST = -20.0, 0.6  # each height that a digit is lower than this share of its line's
_WIDE, _WIDEST = -9.0, 0.9  # each height that it is wider
_GAP = -20.0  # each height of empty columns within a digit
_POINT, _TALL = -2.8, -23.0  # passing over a piece that is small, as points and dashes are, and one as tall as a digit
_TRUST = 1.2  # of all of them together: more makes the best way surer; chosen on synthetic strings, too


@dataclass(frozen=True, slots=True)
class Way:
    """`runs`: which of the chain's candidates are digits, in order, and which `digits` they are; float64 0 to 1: `each`, that
    this candidate is this digit, and `probability`, that all of the way is right."""

    runs: tuple[int, ...]
    digits: tuple[int, ...]
    each: tuple[float, ...]
    probability: float


def best_way(chain: Chain, probabilities: NDArray[np.float32], digit_probability: NDArray[np.float32]) -> Way:
    """`probabilities` float32 `[len(runs), 10]` and `digit_probability` float32 `[len(runs)]`: the model's answers."""
    count = len(chain.pieces)
    scores = _scores(chain, probabilities, digit_probability)
    sums = np.logaddexp.reduce(scores, axis=1) if len(scores) else np.zeros(0)
    skip = [_skip(piece, chain.strip.height) for piece in chain.pieces]
    ending: list[list[int]] = [[] for _ in range(count + 1)]
    for k, (_, end) in enumerate(chain.runs):
        ending[end].append(k)

    best, forward, backward = (np.full(count + 1, -np.inf) for _ in range(3))
    best[0] = forward[0] = backward[count] = 0.0
    came: list[int | None] = [None] * (count + 1)
    for end in range(1, count + 1):
        best[end] = best[end - 1] + skip[end - 1]
        forward[end] = forward[end - 1] + skip[end - 1]
        for k in ending[end]:
            first = chain.runs[k][0]
            if (value := best[first] + scores[k].max()) > best[end]:
                best[end], came[end] = value, k
            forward[end] = np.logaddexp(forward[end], forward[first] + sums[k])
    for end in range(count, 0, -1):
        backward[end - 1] = np.logaddexp(backward[end - 1], backward[end] + skip[end - 1])
        for k in ending[end]:
            first = chain.runs[k][0]
            backward[first] = np.logaddexp(backward[first], backward[end] + sums[k])

    runs: list[int] = []
    at = count
    while at:
        taken = came[at]
        at = at - 1 if taken is None else chain.runs[taken][0]
        if taken is not None:
            runs.append(taken)
    runs.reverse()
    digits = [int(scores[k].argmax()) for k in runs]
    each = [
        forward[chain.runs[k][0]] + scores[k, digit] + backward[chain.runs[k][1]] - forward[count]
        for k, digit in zip(runs, digits, strict=True)
    ]
    share = np.exp(np.minimum([*each, best[count] - forward[count]], 0.0)).tolist()
    return Way(tuple(runs), tuple(digits), tuple(share[:-1]), share[-1])


def _scores(
    chain: Chain, probabilities: NDArray[np.float32], digit_probability: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Log of how well each candidate is each digit: float64 `[len(runs), 10]`."""
    whole = np.log(np.clip(digit_probability.astype(np.float64), _FLOOR, 1))
    named = np.log(np.clip(probabilities.astype(np.float64), _FLOOR, 1))
    shape = np.array([_shape(chain.pieces[first:end], chain.strip.height) for first, end in chain.runs])
    return np.asarray(_TRUST * (_NAMED * named + (_WHOLE * whole + shape)[:, None]))


def _shape(some: tuple[Piece, ...], size: float) -> float:
    """Log of how well pieces go together as a digit of a line whose digits are `size` pixels high."""
    height = (max(p.bottom for p in some) - min(p.top for p in some)) / size
    width = (max(p.right for p in some) - min(p.left for p in some)) / size
    right, gaps = some[0].right, 0.0
    for piece in some[1:]:
        gaps += max(0, piece.left - right)
        right = max(right, piece.right)
    low, wide = _LOW * max(0.0, _LOWEST - height), _WIDE * max(0.0, width - _WIDEST)
    cut = _CUT + _THICK * some[0].crossed if some[0].crossed else 0.0
    return _EACH + cut + low + wide + _GAP * gaps / size


def _skip(piece: Piece, size: float) -> float:
    """Log of how readily a piece is passed over."""
    tall = min(1.0, max(0.0, ((piece.bottom - piece.top) / size - 0.3) / 0.4))
    return _TRUST * (_POINT + (_TALL - _POINT) * tall)
