"""Candidates of a line and the best way through them, with opinions made up for the purpose. No model is asked."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading.lines import Strip
from service.reading.path import best_way
from service.reading.segment import Chain, chain_of, pixels_of, questions
from tests.drawing import row_of


def strip_of(ink: NDArray[np.uint8], height: float = 40) -> Strip:
    return Strip(ink, (ink > 127).astype(np.uint8), height, np.eye(3)[:2])


def chain(text: str, gap: int = 12) -> Chain:
    return chain_of(strip_of(np.pad(row_of(text, 40, gap), 2)))


def opinions(chain: Chain, digits: dict[tuple[int, int], int], sure: float = 0.99) -> tuple[NDArray[np.float32], ...]:
    """A model that takes the runs in `digits` for these digits and every other for none."""
    probabilities = np.full((len(chain.runs), 10), 0.1, np.float32)
    whole = np.full(len(chain.runs), 0.01, np.float32)
    for run, digit in digits.items():
        k = chain.runs.index(run)
        probabilities[k] = (1 - sure) / 9
        probabilities[k, digit] = sure
        whole[k] = 0.99
    return probabilities, whole


def alone(chain: Chain) -> list[tuple[int, int]]:
    """For each connected mark from left to right the run of all its pieces."""
    marks = [piece.mark for piece in chain.pieces]
    return [(marks.index(m), len(marks) - marks[::-1].index(m)) for m in dict.fromkeys(marks)]


def test_digits_that_stand_apart_are_candidates_whole() -> None:
    line = chain("280")
    runs = alone(line)
    assert len(runs) == 3
    assert set(runs) <= set(line.runs)
    way = best_way(line, *opinions(line, dict(zip(runs, (2, 8, 0), strict=True))))
    assert way.digits == (2, 8, 0)
    assert [line.runs[k] for k in way.runs] == runs
    assert all(share > 0.9 for share in way.each)
    assert 0.8 < way.probability <= min(way.each)


def test_touching_digits_are_cut_apart_about_where_they_touch() -> None:
    ink = np.pad(row_of("00", 40, -4), 2)
    line = chain_of(strip_of(ink))
    assert len({piece.mark for piece in line.pieces}) == 1
    middle = ink.shape[1] / 2
    ends = [min(p.left for p in line.pieces[end:]) for _, end in line.runs if end < len(line.pieces)]
    assert min(abs(left - middle) for left in ends) <= 4


def test_every_pixel_of_a_mark_belongs_to_one_piece() -> None:
    line = chain("36", gap=-3)
    assert ((line.numbers > 0) == (line.strip.mask > 0)).mean() > 0.999
    assert sum(piece.area for piece in line.pieces) == (line.numbers > 0).sum()
    whole = line.runs.index((0, len(line.pieces))) if (0, len(line.pieces)) in line.runs else None
    if whole is not None:
        assert len(pixels_of(line, whole)[0]) == (line.numbers > 0).sum()


def test_questions_are_normalised_pictures_of_the_candidates() -> None:
    line = chain("47")
    asked = questions(line)
    assert asked.shape == (len(line.runs), 28, 28)
    for question in asked:
        rows, columns = np.nonzero(question.max(1))[0], np.nonzero(question.max(0))[0]
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(20, abs=2)


def test_what_is_small_is_passed_over_and_what_is_tall_is_not() -> None:
    line = chain("47")
    runs = alone(line)
    probabilities, whole = opinions(line, {runs[0]: 4})
    assert len(best_way(line, probabilities, whole).runs) == 2  # the second is no clear digit, but as tall as one
    ink = np.pad(row_of("47", 40, 30), 2)
    ink[34:40, 42:48] = 255  # a point between them
    dotted = chain_of(strip_of(ink))
    marks = alone(dotted)
    assert len(marks) == 3
    way = best_way(dotted, *opinions(dotted, {marks[0]: 4, marks[2]: 7}))
    assert way.digits == (4, 7)


def test_two_readings_that_are_as_good_leave_little_confidence() -> None:
    line = chain("8")
    probabilities = np.full((len(line.runs), 10), 0.0, np.float32)
    probabilities[:, [3, 8]] = 0.5
    way = best_way(line, probabilities, np.full(len(line.runs), 0.99, np.float32))
    assert way.probability <= 0.51
    assert all(share <= 0.51 for share in way.each)


def test_a_line_without_candidates_reads_as_nothing() -> None:
    blank = chain_of(strip_of(np.zeros((50, 200), np.uint8)))
    assert blank.runs == () and questions(blank).shape == (0, 28, 28)
    way = best_way(blank, np.zeros((0, 10), np.float32), np.zeros(0, np.float32))
    assert (way.runs, way.digits, way.probability) == ((), (), 1.0)
