"""Further looks, at other sizes, at the lines that the first one leaves in doubt."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading import looks
from service.reading.ctc import BLANK, best_text, text_of_looks
from service.reading.reader import Reader
from service.reading.tiles import CLASSES, DIGIT, STEP
from service.reading.types import Signatures, Thresholds
from tests.service.fakes import FakeModel
from tests.service.number_fakes import page, runs


def look(*columns: dict[int, float]) -> NDArray[np.float32]:
    """Columns that name digits with the given probabilities, and none with the rest."""
    probabilities = np.full((len(columns), BLANK + 1), 1e-12)
    for row, column in zip(probabilities, columns, strict=True):
        row[BLANK] = 1 - sum(column.values())
        for digit, probability in column.items():
            row[digit] = probability
    return np.asarray(np.log(np.maximum(probabilities, 1e-12)), np.float32)


def test_the_text_is_the_one_with_the_highest_mean_probability() -> None:
    first = look({}, {1: 0.6, 7: 0.4}, {}, {5: 1.0})
    second = look({}, {}, {1: 0.1, 7: 0.9}, {}, {5: 1.0}, {})
    assert best_text(first).digits == (1, 5)
    found = text_of_looks([first, second])
    assert found.digits == (7, 5)
    assert found.probability == pytest.approx((0.4 + 0.9) / 2, rel=1e-4)
    assert found.columns == (1, 3)  # of the first look
    np.testing.assert_allclose(found.each[0, [1, 7]], [(0.6 + 0.1) / 2, (0.4 + 0.9) / 2], atol=1e-4)
    assert found.each[1, 5] == pytest.approx(1.0, abs=1e-4)


def test_one_look_is_what_it_says() -> None:
    only = look({}, {1: 0.6, 7: 0.4}, {}, {5: 0.9})
    one, same = best_text(only), text_of_looks([only])
    assert (one.digits, one.columns) == (same.digits, same.columns)
    assert same.probability == pytest.approx(one.probability)
    np.testing.assert_allclose(same.each, one.each)


def test_nothing_is_nothing_however_often_it_is_looked_at() -> None:
    nothing = look({}, {3: 0.1}, {})
    assert text_of_looks([nothing, nothing]).digits == ()


class BySize:
    """A reader of lines to which a bar as high as digits are is a 7 by `sevens`, and any other by `at_other_sizes`; else a 1.

    `tiles`: how many it was asked about, each time.
    """

    def __init__(self, sevens: float, at_other_sizes: float) -> None:
        self.sevens, self.at_other_sizes = sevens, at_other_sizes
        self.tiles: list[int] = []

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.tiles.append(len(lines))
        probabilities = np.full((len(lines), lines.shape[2] // STEP, CLASSES), 1e-12)
        probabilities[:, :, BLANK] = 1.0
        for line, named in zip(lines, probabilities, strict=True):
            for left, right in runs(np.asarray((line > 100).any(0))):
                high = int((line[:, left:right] > 100).any(1).sum())
                sevens = self.sevens if abs(high - DIGIT) <= 1 else self.at_other_sizes
                named[(left + right) // 2 // STEP] = [0, 1 - sevens, *[0] * 5, sevens, 0, 0, 0]
        return np.log(np.maximum(probabilities, 1e-12)).astype(np.float32)


def number(lines: BySize, text: str) -> str:
    model = FakeModel()
    model.whole = 0.0  # what it says of single digits counts for nothing
    return Reader(Signatures(model, lines), Thresholds(0.9, 0.5)).number(page(text)).text


def test_a_line_in_doubt_is_looked_at_in_other_sizes() -> None:
    lines = BySize(0.6, 0.1)
    assert number(lines, "11") == "11"
    assert sum(lines.tiles) == 1 + len(looks._SIZES)


@pytest.mark.parametrize("sevens", [1e-4, 1 - 1e-4])
def test_one_that_is_sure_is_not(sevens: float) -> None:
    lines = BySize(sevens, 1 - sevens)
    assert number(lines, "11") == ("77" if sevens > 0.5 else "11")
    assert sum(lines.tiles) == 1


def test_further_looks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_MOST_TILES", 0)
    lines = BySize(0.6, 0.1)
    assert number(lines, "11") == "77"
    assert sum(lines.tiles) == 1
