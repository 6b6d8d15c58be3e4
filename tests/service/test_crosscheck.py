"""Single digits in doubt, shown to the reader of lines as well."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading import crosscheck
from service.reading.ctc import BLANK, single
from service.reading.reader import Reader
from service.reading.tiles import CLASSES, STEP
from service.reading.types import Signatures, Thresholds
from tests.service.fakes import ONE, FakeModel


def test_a_single_digit_is_as_probable_as_all_ways_to_write_it_down() -> None:
    logits = np.random.default_rng(3).normal(0, 2, (2, 5, CLASSES))
    named = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    found = single(named.astype(np.float32))
    for line, digits in zip(named, found, strict=True):
        expected = np.zeros(10)
        for digit in range(10):
            for way in itertools.product((digit, BLANK), repeat=5):
                if [name for name, _ in itertools.groupby(way)].count(digit) == 1:
                    expected[digit] += np.exp(line[np.arange(5), list(way)].sum())
        np.testing.assert_allclose(digits, expected, rtol=1e-5)


def test_in_doubt_is_what_may_be_a_digit_and_is_not_surely_one() -> None:
    probabilities = np.full((4, 10), 0.001, np.float32)
    probabilities[:, 3] = [0.995, 0.7, 0.995, 0.995]
    assert crosscheck.in_doubt(probabilities, np.array([0.99, 0.99, 0.6, 0.001], np.float32)).tolist() == [1, 2]


def test_a_picture_as_a_line_has_its_digit_where_digits_are() -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[4:24, 10:18] = 255
    (line,) = crosscheck.as_lines(picture[None])
    rows = np.flatnonzero(line.any(1))
    assert line.shape == (32, crosscheck.WIDTH)
    assert (rows[0], rows[-1]) == (6, 25)  # 20 pixels, in the middle of 32


class Lines:
    """A reader of lines that sees a single digit `digit` with the probability `whole`, else nothing."""

    def __init__(self, digit: int, whole: float) -> None:
        self.digit, self.whole, self.asked = digit, whole, 0

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.asked += len(lines)
        named = np.full((len(lines), lines.shape[2] // STEP, CLASSES), 1e-9)
        named[:, :, BLANK] = 1.0
        named[:, 5, BLANK], named[:, 5, self.digit] = 1 - self.whole, self.whole
        return np.asarray(np.log(named), np.float32)


@pytest.mark.parametrize(
    ("whole", "lines", "status", "asked"),
    [
        (0.45, Lines(1, 0.999), "ok", 1),  # the other is sure
        (0.55, Lines(1, 0.02), "not_a_digit", 1),  # the other sees none
        (0.95, Lines(1, 0.02), "ok", 0),  # there is no doubt
        (0.01, Lines(1, 0.999), "not_a_digit", 0),
        (0.45, None, "not_a_digit", 0),  # a version that reads single digits only
    ],
)
def test_the_status_is_what_both_say(whole: float, lines: Lines | None, status: str, asked: int) -> None:
    model = FakeModel()
    model.whole = whole
    reading = Reader(Signatures(model, lines), Thresholds(0.9, 0.5)).digit(ONE)
    assert reading.status == status
    assert (lines.asked if lines else 0) == asked
    assert reading.probabilities is not None
    assert sum(reading.probabilities) == pytest.approx(1.0)


def test_digits_in_a_manner_that_the_other_has_not_learned_are_not_lost() -> None:
    probabilities = np.full((1, 10), 0.001, np.float32)
    probabilities[0, 4] = 0.991
    lines = crosscheck.as_lines(np.zeros((1, 28, 28), np.uint8))
    both, whole = crosscheck.weighed(probabilities, np.array([0.85], np.float32), Lines(4, 1e-6)(lines))
    assert both.argmax() == 4
    assert 0.6 < whole[0] < 0.85
