"""The most probable text of a line, how probable it is, and where its digits are named; against every way written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading.ctc import BLANK, best_text

RANDOM = np.random.default_rng(4)


def named(columns: int, names: tuple[int, ...] = (3, 7, BLANK), sharpness: float = 1.5) -> NDArray[np.float32]:
    """Columns that name some of the digits, or none, at random."""
    logits = np.full((columns, BLANK + 1), -30.0)
    logits[:, list(names)] = RANDOM.normal(0, sharpness, (columns, len(names)))
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)), np.float32)


def text_of(way: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(name for name, _ in itertools.groupby(way) if name != BLANK)


def every_text(values: NDArray[np.float32], names: tuple[int, ...]) -> dict[tuple[int, ...], float]:
    """Each text's probability, by the definition: the sum over all ways of naming the columns."""
    sums: dict[tuple[int, ...], float] = {}
    for way in itertools.product(names, repeat=len(values)):
        probability = float(np.exp(values[np.arange(len(values)), list(way)].astype(np.float64).sum()))
        sums[text_of(way)] = sums.get(text_of(way), 0.0) + probability
    return sums


@pytest.mark.parametrize("case", range(25))
def test_the_text_and_its_probability_are_those_of_all_ways_together(case: int) -> None:
    values = named(1 + case % 7)
    sums = every_text(values, (3, 7, BLANK))
    found = best_text(values, favour=0.0)
    assert found.probability == pytest.approx(sums[found.digits], rel=1e-5)
    assert sums[found.digits] == pytest.approx(max(sums.values()), rel=1e-5)


def test_the_best_text_need_not_be_the_best_way() -> None:
    """Two columns that are none at 0.6 each: the best way says nothing (0.36), and yet a 3 is more probable (0.64)."""
    values = np.full((2, 11), -30.0)
    values[:, BLANK], values[:, 3] = np.log(0.6), np.log(0.4)
    found = best_text(values.astype(np.float32), favour=0.0)
    assert found.digits == (3,)
    assert found.probability == pytest.approx(0.64, rel=1e-5)


def test_a_digit_twice_needs_a_column_between() -> None:
    def line(*names: int) -> NDArray[np.float32]:
        values = np.full((len(names), 11), np.log(0.001))
        values[np.arange(len(names)), names] = np.log(0.99)
        return values.astype(np.float32)

    assert best_text(line(5, 5, 5)).digits == (5,)
    assert best_text(line(5, BLANK, 5)).digits == (5, 5)
    assert best_text(line(BLANK, 1, 1, 0, BLANK, BLANK, 2)).digits == (1, 0, 2)


def test_each_digit_is_where_it_is_named_the_most_surely() -> None:
    values = np.full((12, 11), -12.0)
    values[:, BLANK] = -0.01
    for column, digit, sure in ((2, 4, 0.7), (3, 4, 0.9), (4, 4, 0.6), (8, 4, 0.8), (9, 1, 0.95)):
        values[column] = -12.0
        values[column, BLANK], values[column, digit] = np.log(1 - sure), np.log(sure)
    found = best_text(values.astype(np.float32))
    assert (found.digits, found.columns) == ((4, 4, 1), (3, 8, 9))


def test_no_columns_and_no_digits() -> None:
    assert best_text(np.zeros((0, 11), np.float32)).digits == ()
    values = np.full((5, 11), np.log(0.001))
    values[:, BLANK] = np.log(0.99)
    found = best_text(values.astype(np.float32))
    assert (found.digits, found.columns) == ((), ())
    assert found.probability == pytest.approx(0.99**5, rel=1e-5)


def test_a_thousand_digits_are_found() -> None:
    digits = RANDOM.integers(0, 10, 1000)
    values = np.full((4000, 11), -9.0)
    values[:, BLANK] = -0.001
    values[2::4, BLANK] = -5.0
    values[np.arange(2, 4000, 4), digits] = -0.01
    assert best_text(values.astype(np.float32)).digits == tuple(digits.tolist())


def test_each_digit_is_as_sure_as_all_the_columns_about_it_make_it() -> None:
    """Named at 0.6 and 0.5 in two columns: it is there unless both say none."""
    values = np.full((8, 11), -40.0)
    values[:, BLANK] = 0.0
    for column, digit, sure in ((1, 4, 0.6), (2, 4, 0.5), (6, 9, 0.7)):
        values[column, BLANK], values[column, digit] = np.log(1 - sure), np.log(sure)
    values[6, 7], values[6, BLANK] = np.log(0.2), np.log(0.1)
    found = best_text(values.astype(np.float32))
    assert found.digits == (4, 9)
    assert found.each[0, 4] == pytest.approx(1 - 0.4 * 0.5, rel=1e-4)
    assert found.each[1, [9, 7]] == pytest.approx([0.7, 0.2], rel=1e-4)
    assert found.probability == pytest.approx(found.each[0, 4] * found.each[1, 9], rel=1e-4)


def test_digits_are_favoured_over_none_and_their_probabilities_stay_as_they_are() -> None:
    values = np.full((3, 11), -40.0)
    values[:, BLANK] = 0.0
    values[1, BLANK], values[1, 8] = np.log(0.6), np.log(0.4)
    for favour, digits, probability in ((0.0, (), 0.6), (1.25, (8,), 0.4)):
        found = best_text(values.astype(np.float32), favour)
        assert found.digits == digits
        assert found.probability == pytest.approx(probability, rel=1e-4)
