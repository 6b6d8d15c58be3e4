"""Numbers that one hand writes: what they hold, where their digits stand, that they flow, and that the hand stays the same."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from trainer.cursive import Hand, write_cursive
from trainer.hand import DIGIT, MARGIN, TALL, Line
from trainer.strokes import ASPECT, IN_NUMBERS, STYLES
from trainer.writing import MOST_DIGITS, Stock, Written, write_line

NOBODY = Stock(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64))


def written(digits: list[int], seed: int) -> Line:
    line = Line(np.random.default_rng([1, seed]))
    write_cursive(line, digits, np.random.default_rng([2, seed]))
    return line


LINES = [written([digit, (3 * digit + seed) % 10, seed % 10], seed) for seed in range(60) for digit in range(10)]


def test_the_digits_are_told_in_their_order_with_ink_where_they_are() -> None:
    for line in LINES:
        assert len(line.digits) == len(line.middles) == 3
        assert line.middles == sorted(line.middles)
        for middle in line.middles:
            at = round(middle)
            assert line.canvas[:, max(0, at - DIGIT) : at + DIGIT].max() == 255
    assert LINES[-1].digits == [9, 86 % 10, 9]


def test_what_is_written_ends_where_it_is_said_to_end_and_stays_on_the_canvas() -> None:
    for line in LINES:
        columns = np.flatnonzero(line.canvas.max(0) > 60)
        assert abs(columns[-1] - line.right) <= 3
        assert columns[0] >= MARGIN - 3
        rows = np.flatnonzero(line.canvas.max(1) > 60)
        assert rows[0] > 0
        assert rows[-1] < TALL - 1


def test_digits_said_to_stand_apart_have_paper_between_them() -> None:
    apart = [line for line in LINES if line.apart]
    assert 0.3 < len(apart) / len(LINES) < 0.9
    for line in apart:
        for left, right in itertools.pairwise(line.middles):
            assert line.canvas[:, round(left) : round(right) + 1].max(0).min() < 160


def test_a_hand_writes_a_digit_the_same_way_again() -> None:
    other, same = [], []
    for seed in range(200):
        rng = np.random.default_rng([3, seed])
        hand, another = (replace(Hand.of(rng), tails=0.0, round=False) for _ in range(2))
        first, second, third = (whose.digit(4, rng) for whose in (hand, hand, another))
        same.append(len(first) == len(second) and len(first[0]) == len(second[0]))
        other.append(len(first) == len(third) and len(first[0]) == len(third[0]))
    assert np.mean(same) > 0.85
    assert np.mean(other) < 0.65


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_alone_is_none_that_could_be_a_letter(digit: int) -> None:
    def strokes(alone: bool) -> set[int]:
        return {
            len(Hand.of(rng).digit(digit, rng, alone=alone)[0])
            for rng in (np.random.default_rng([4, digit, seed]) for seed in range(300))
        }

    assert strokes(alone=True) <= strokes(alone=False)
    for style in STYLES[digit] + IN_NUMBERS.get(digit, ()):
        points = np.concatenate([np.array(stroke) for stroke in style])
        assert np.ptp(points[:, 1]) > 0.8  # a digit is about as high as it is said to be
        assert np.ptp(points[:, 0]) * ASPECT.get(digit, 0.68) < 1.1


def test_lines_are_written_by_one_hand_as_often_as_asked() -> None:
    lines = [write_line([NOBODY], np.random.default_rng([5, seed]), cursive=1.0) for seed in range(150)]
    assert {len(line.digits) for line in lines} == set(range(MOST_DIGITS + 1))
    assert {digit for line in lines for digit in line.digits} == set(range(10))
    zeros = [line for line in lines if line.digits[-2:] == (0, 0)]
    assert len(zeros) > 10
    assert all(isinstance(line, Written) and line.picture.shape[0] == 32 for line in lines)
