"""Digits of a number that the reader of lines is not sure of, shown to the reader of single digits as well."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.model.batcher import Batcher
from service.model.gate import Gate
from service.reading import texts
from service.reading.ctc import BLANK, Text
from service.reading.reader import Reader
from service.reading.tiles import CLASSES, STEP
from service.reading.types import Signatures, Thresholds
from tests.service.checks import Observed
from tests.service.fakes import FakeModel
from tests.service.number_fakes import page, runs

PAGE = page("100")


class Doubtful:
    """A reader of lines to which a bar is a 7 with the probability `sevens`, else a 1, and a ring surely a 0."""

    def __init__(self, sevens: float) -> None:
        self.sevens = sevens

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        probabilities = np.zeros((len(lines), lines.shape[2] // STEP, CLASSES))
        probabilities[:, :, BLANK] = 1.0
        for line, named in zip(lines, probabilities, strict=True):
            for left, right in runs(np.asarray((line > 100).any(0))):
                column = named[(left + right) // 2 // STEP]
                column[:] = 0.0
                if right - left > 6:
                    column[0] = 1.0
                else:
                    column[7], column[1] = self.sevens, 1 - self.sevens
        return np.log(np.maximum(probabilities, 1e-12)).astype(np.float32)


def reader_of(model: FakeModel, sevens: float) -> Reader:
    return Reader(Signatures(model, Doubtful(sevens)), Thresholds(0.9, 0.5))


@pytest.mark.parametrize(("sevens", "whole", "text"), [(0.6, 0.95, "100"), (0.6, 0.0, "700"), (0.999, 0.95, "700")])
def test_a_digit_is_what_both_opinions_say(model: FakeModel, sevens: float, whole: float, text: str) -> None:
    """Unless what was cut out is no whole digit, or the first opinion is sure."""
    model.whole = whole
    reading = reader_of(model, sevens).number(PAGE)
    assert reading.text == text
    assert model.batches == ([1] if sevens < texts._SURE else [])
    digit = reading.lines[0].digits[0]
    assert digit.confidence == pytest.approx(max(digit.probabilities), abs=1e-3)


def test_two_that_agree_are_surer_than_one(model: FakeModel) -> None:
    model.whole = 1.0
    agreed = reader_of(model, 0.1).number(PAGE)
    model.whole = 0.0
    alone = reader_of(model, 0.1).number(PAGE)
    assert (agreed.text, alone.text) == ("100", "100")
    assert alone.confidence == pytest.approx(0.9, abs=0.01)
    assert agreed.confidence > 0.99


def test_what_is_explained_is_what_was_decided(model: FakeModel) -> None:
    reading = reader_of(model, 0.6).number(PAGE, explain=True)
    assert reading.explanation is not None
    chosen = [candidate for candidate in reading.explanation.candidates if candidate.chosen]
    assert [candidate.digit for candidate in chosen] == [1, 0, 0]
    assert chosen[0].confidence == pytest.approx(max(reading.lines[0].digits[0].probabilities))


def test_no_more_are_looked_at_than_a_page_of_digits_needs(model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST_DOUBTFUL", 2)
    reading = reader_of(model, 0.6).number(page("1111"))
    assert model.batches == [2]
    assert sorted(reading.text) == ["1", "1", "7", "7"]


@pytest.mark.anyio
async def test_the_batcher_asks_again_as_for_single_digits(model: FakeModel, observed: Observed) -> None:
    reader = reader_of(model, 0.6)
    batcher = Batcher(reader, Gate(max_pictures=1000, refused=observed.refused), max_batch=64, observer=observed)
    answer = await batcher.read_number(page("1010", "0101"))
    batcher.close()
    alone = reader.number(page("1010", "0101"))
    assert answer.reading.lines == alone.lines
    assert answer.reading.text == "1010\n0101"
    assert sum(observed.batches) > 4
    assert observed.depth == 0


def test_an_opinion_that_says_nothing_changes_nothing() -> None:
    each = np.array([[0.0] * 3 + [0.7, 0.2] + [0.0] * 5])
    text = Text((3,), (5,), 0.7, each)
    same = text.weighed(0, np.full(10, 0.1, np.float32), 1.0)
    assert same.digits == (3,)
    assert same.probability == pytest.approx(0.7, rel=1e-4)
    np.testing.assert_allclose(same.each, each, atol=1e-5)
