"""A page of very many tiles is glanced at first: a texture must not take the model's time, and a page of digits must be read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading import glance as glances
from service.reading.ctc import BLANK
from service.reading.glance import glance, glanced
from service.reading.numbers import PreparedNumber, prepare_number
from service.reading.reader import Reader
from service.reading.tiles import CLASSES, HEIGHT, STEP, TILE
from service.reading.types import Signatures, Thresholds
from tests.service.fakes import FakeModel
from tests.service.number_fakes import page, runs

THRESHOLDS = Thresholds(0.9, 0.5)


class Bars:
    """A reader of lines that takes every bar for a 1, `sure`ly so, and all else for no digit.

    `tiles`: how many it was asked about.
    """

    def __init__(self, sure: float = 1.0) -> None:
        self.sure = sure
        self.tiles = 0

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.tiles += len(lines)
        probabilities = np.full((len(lines), lines.shape[2] // STEP, CLASSES), 1e-12)
        probabilities[:, :, BLANK] = 1.0
        for line, named in zip(lines, probabilities, strict=True):
            for left, right in runs(np.asarray((line > 100).any(0))):
                if right - left < 8 and (line[:, left:right] > 100).any(1).sum() > 2 * (right - left):
                    named[(left + right) // 2 // STEP] = [0, self.sure, *[0] * 8, 1 - self.sure]
        return np.log(np.maximum(probabilities, 1e-12)).astype(np.float32)


def many(tiles: int) -> PreparedNumber:
    """A page of so many tiles, each unlike the others."""
    prepared = prepare_number(page("11"), 10**6)
    questions = np.zeros((tiles, HEIGHT, TILE), np.uint8)
    questions[:, 0, 0], questions[:, 0, 1] = np.divmod(np.arange(tiles), 256)
    return PreparedNumber(prepared.page, prepared.mask, prepared.lines, questions, 0.0, 0.0, prepared.decoded, False)


def answers(*tiles: tuple[float, ...]) -> NDArray[np.float32]:
    """To a sample, of which the first tiles show digits, each so surely, and the others none."""
    named = np.full((glances._SAMPLE, TILE // STEP, CLASSES), 1e-9)
    named[:, :, BLANK] = 1.0
    for tile, digits in zip(named, tiles, strict=False):
        for place, sure in enumerate(digits):
            tile[30 + 10 * place] = [0, 0, 0, 0, 0, 0, sure, 0, 0, 0, 1 - sure]
    return np.asarray(np.log(np.maximum(named, 1e-9)), np.float32)


def test_few_tiles_are_not_sampled() -> None:
    prepared = many(glances._MANY)
    assert not len(glance(prepared))
    assert glanced(prepared, np.zeros((0, TILE // STEP, CLASSES), np.float32), THRESHOLDS) is prepared


def test_a_sample_is_of_the_whole_page() -> None:
    sample = glance(many(1_000)).astype(int)
    places = sample[:, 0, 0] * 256 + sample[:, 0, 1]
    assert len(places) == glances._SAMPLE
    assert places[0] == 0 and places[-1] == 999
    assert np.diff(places).min() >= 15 and np.diff(places).max() <= 16


@pytest.mark.parametrize(
    ("tiles", "kept"),
    [
        ([], False),
        ([(0.97,)] * 20, False),
        ([(0.97, 0.6)] * 20, False),
        ([(0.97, 0.97)], True),
        ([(0.99, 0.99, 0.99)] * 64, True),
    ],
)
def test_a_page_is_kept_where_a_tile_shows_several_digits_for_sure(tiles: list[tuple[float, ...]], kept: bool) -> None:
    prepared = many(1_000)
    found = glanced(prepared, answers(*tiles), THRESHOLDS)
    assert found is prepared if kept else found.lines == () and not len(found.questions)
    assert found.mask is prepared.mask


def test_a_texture_is_not_asked_about_whole() -> None:
    squares = np.asarray(255 * ((np.indices((1200, 1200)) // 20).sum(0) % 2), np.uint8)
    lines = Bars()
    reading = Reader(Signatures(FakeModel(), lines), THRESHOLDS).number(squares)
    assert reading.status == "not_a_digit"
    assert lines.tiles == glances._SAMPLE


def test_a_full_page_is_read_to_its_end() -> None:
    picture = np.full((1600, 2000), 255, np.uint8)
    for y in range(30, 1570, 50):
        for x in range(40, 1960, 24):
            cv2.rectangle(picture, (x, y), (x + 3, y + 25), 0, -1)
    lines = Bars()
    reading = Reader(Signatures(FakeModel(), lines), THRESHOLDS).number(picture)
    assert lines.tiles > glances._MANY
    assert reading.text == "\n".join(["1" * 80] * 31)


@pytest.mark.parametrize(
    ("sure", "apart", "status"), [(0.85, 400, "not_a_digit"), (0.95, 400, "ok"), (0.85, 40, "uncertain")]
)
def test_digits_that_are_few_for_their_page_must_be_sure(sure: float, apart: int, status: str) -> None:
    picture = np.full((700, 2000), 255, np.uint8)
    for y in range(30, 670, 50):
        for x in range(40, 1960, apart):
            cv2.rectangle(picture, (x, y), (x + 3, y + 25), 0, -1)
    model = FakeModel()
    model.whole = 0.0  # what it says of single digits counts for nothing
    lines = Bars(sure)
    assert Reader(Signatures(model, lines), THRESHOLDS).number(picture).status == status
    assert lines.tiles > 100
