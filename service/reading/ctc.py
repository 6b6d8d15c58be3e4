"""What the columns of a line say → its digits: the most probable text, how probable it is, and where each digit stands.

A text's probability is the sum over all ways to write it down column by column: A. Graves et al., "Connectionist temporal
classification" (ICML 2006). The best one is looked for by prefix beam search: A. Hannun, A. Maas, D. Jurafsky, A. Ng,
"First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs" (2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BLANK = 10
_BEAMS = 6
_LEAST = 1e-3  # a name less probable than this in a column is not followed there
_NEVER = -1e30
_UNLIKELY = 1e-6  # nothing is less probable than this, by whosever opinion


@dataclass(frozen=True, slots=True)
class Text:
    """`digits` in order; `columns`: where each is named the most surely; `probability` of all of them together, 0 to 1.

    `each` float64 `[len(digits), 10]`: how probably that digit and no other stands there, for each of the ten.
    """

    digits: tuple[int, ...]
    columns: tuple[int, ...]
    probability: float
    each: NDArray[np.float64]

    @property
    def certainty(self) -> float:
        """Of a digit, on average; 0 where there is none."""
        return float(self.probability ** (1 / len(self.digits))) if self.digits else 0.0

    def weighed(self, place: int, probabilities: NDArray[np.float32], weight: float) -> Text:
        """The text by another opinion of one of its digits, too: the `probabilities` of the ten, `[10]`, to the power `weight`."""
        row = self.each[place]
        before = (row + _UNLIKELY) / (row + _UNLIKELY).sum()
        after = before * np.maximum(probabilities.astype(np.float64), _UNLIKELY) ** weight
        after /= after.sum()
        best = int(after.argmax())
        each = self.each.copy()
        each[place] = row.sum() * after
        digits = (*self.digits[:place], best, *self.digits[place + 1 :])
        probability = min(1.0, self.probability * float(after[best] / before[self.digits[place]]))
        return replace(self, digits=digits, probability=probability, each=each)


def best_text(named: NDArray[np.float32], favour: float = 0.0) -> Text:
    """Of a line's columns: `named` float32 `[columns, 11]`, the logarithms of the probabilities of each digit and of none.

    `favour`: by how much none is less probable than the network says, as a logarithm: it has seen more marks that are no digits
    than people write into numbers. The text is chosen with that; its probabilities are told without.
    """
    values = named.astype(np.float64)
    told, values = values, values - np.where(np.arange(values.shape[1]) == BLANK, favour, 0.0)
    # Each text, with the logarithms of its probability ending in none, and in its last digit.
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, _NEVER)}
    followed = [np.flatnonzero(row > math.log(_LEAST)).tolist() for row in values[:, :BLANK]]
    for row, names in zip(values.tolist(), followed, strict=True):
        none = row[BLANK]
        if not names:  # between digits all texts are equally right: their order cannot change
            beams = {text: (_add(*ends) + none, _NEVER) for text, ends in beams.items()}
            continue
        longer: dict[tuple[int, ...], tuple[float, float]] = {}
        for text, (after_none, after_digit) in beams.items():
            _more(longer, text, _add(after_none, after_digit) + none, after_digit + row[text[-1]] if text else _NEVER)
            for name in names:
                before = after_none if text and text[-1] == name else _add(after_none, after_digit)
                _more(longer, (*text, name), _NEVER, before + row[name])
        beams = dict(sorted(longer.items(), key=lambda item: -_add(*item[1]))[:_BEAMS])
    digits = max(beams, key=lambda text: _add(*beams[text]))
    columns = _places(values, digits) if digits else ()
    return Text(digits, columns, math.exp(min(0.0, _forward(told, digits))), alone(told, columns))


def text_of_looks(looks: Sequence[NDArray[np.float32]], favour: float = 0.0) -> Text:
    """As `best_text`, of several looks at one line, each with columns of its own; `columns` are those of the first.

    The text has the highest mean probability of those that are the best by one of the looks.
    """
    told = [look.astype(np.float64) for look in looks]
    favoured = [look - np.where(np.arange(BLANK + 1) == BLANK, favour, 0.0) for look in told]
    texts = sorted({best_text(look, favour).digits for look in looks} - {()})
    if not texts:
        return best_text(looks[0], favour)
    sums = [np.logaddexp.reduce([_forward(look, text) for look in favoured]) for text in texts]
    digits = texts[int(np.argmax(sums))]
    places = [_places(look, digits) for look in favoured]
    probability = float(np.mean([math.exp(min(0.0, _forward(look, digits))) for look in told]))
    each = np.mean([alone(look, columns) for look, columns in zip(told, places, strict=True)], axis=0)
    return Text(digits, places[0], probability, each)


def alone(values: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    """How probably each of the ten digits and no other is named about each of the `columns`, rising: float64 `[N, 10]`.

    About: nearer to it than to another of them. Columns are independent of each other, given the line.
    """
    edges = [0, *((a + b + 1) // 2 for a, b in pairwise(columns)), len(values)]
    found = np.zeros((len(columns), BLANK))
    for row, (start, end) in zip(
        found, pairwise(edges), strict=False
    ):  # without columns there is one edge pair too many
        part = values[start:end]
        row[:] = np.exp(np.logaddexp(part[:, :BLANK], part[:, BLANK:]).sum(0)) - np.exp(part[:, BLANK].sum())
    return np.clip(found, 0.0, 1.0)


def single(named: NDArray[np.float32]) -> NDArray[np.float64]:
    """How probably each of N lines says one digit and nothing else, for each of the ten: float64 `[N, 10]`.

    `named` float32 `[N, columns, 11]`, as for `best_text`.
    """
    columns = np.exp(named.astype(np.float64)).transpose(1, 0, 2)
    before = np.ones((named.shape[0], 1))
    within, after = np.zeros((2, named.shape[0], BLANK))
    for column in columns:
        none = column[:, BLANK:]
        after = (after + within) * none
        within = (within + before) * column[:, :BLANK]
        before = before * none
    return np.asarray(within + after)


def _add(a: float, b: float) -> float:
    """log(eᵃ + eᵇ)."""
    high, low = (a, b) if a > b else (b, a)
    return high + math.log1p(math.exp(low - high)) if low - high > -40 else high


def _more(beams: dict[tuple[int, ...], tuple[float, float]], text: tuple[int, ...], none: float, digit: float) -> None:
    before = beams.get(text, (_NEVER, _NEVER))
    beams[text] = (_add(before[0], none), _add(before[1], digit))


def _states(digits: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The names on the way through a text, none before, between and after the digits; where none may be passed over."""
    states = np.full(2 * len(digits) + 1, BLANK, np.intp)
    states[1::2] = digits
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    return states, skips


def _start(states: NDArray[np.intp]) -> NDArray[np.float64]:
    """Before the first column: at the first of the states."""
    reached = np.full(len(states), _NEVER)
    reached[0] = 0.0
    return reached


def _ways(reached: NDArray[np.float64], skips: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How each state is come to, float64 `[3, states]`: by staying in it, from the one before, from the one before that."""
    before = np.append([_NEVER, _NEVER], reached)
    return np.stack([reached, before[1:-1], np.where(skips, before[:-2], _NEVER)])


def _forward(values: NDArray[np.float64], digits: tuple[int, ...]) -> float:
    """The logarithm of the text's probability."""
    states, skips = _states(digits)
    reached = _start(states)
    for row in values:
        reached = np.logaddexp.reduce(_ways(reached, skips)) + row[states]
    return float(np.logaddexp.reduce(reached[-2:]))


def _places(values: NDArray[np.float64], digits: tuple[int, ...]) -> tuple[int, ...]:
    """For each digit the column that names it the most surely, on the most probable way through the text."""
    states, skips = _states(digits)
    reached = _start(states)
    came = np.zeros((len(values), len(states)), np.int8)
    for at, row in enumerate(values):
        ways = _ways(reached, skips)
        came[at] = ways.argmax(0)
        reached = ways.max(0) + row[states]
    state = len(states) - 1 if reached[-1] >= reached[-2] else len(states) - 2
    best: dict[int, tuple[float, int]] = {}
    for at in range(len(values) - 1, -1, -1):
        if state % 2:
            sure = (float(values[at, states[state]]), at)
            best[state] = max(best.get(state, sure), sure)
        state -= int(came[at, state])
    return tuple(best[2 * k + 1][1] for k in range(len(digits)))
