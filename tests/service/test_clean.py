"""Clean small drawings, many at once: the same digits as one by one, pixel for pixel, and no opinion of anything else."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.reading.clean import find_clean
from service.reading.ink import find_digit
from service.reading.normalise import normalise
from service.reading.reader import Reader
from service.reading.types import Grey, Thresholds
from tests.drawing import encoded
from tests.service.fakes import FakeModel
from trainer.pens import draw_digits

Pictures = NDArray[np.uint8]

DRAWN = draw_digits(np.arange(200) % 10, [5, 1])
"""Bright on dark, 28×28."""


def smaller(pictures: Pictures, side: int) -> Pictures:
    return np.stack([cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in pictures])


def moved(pictures: Pictures) -> Pictures:
    ways = np.random.default_rng(1).integers(-5, 6, (len(pictures), 2))
    return np.stack([np.roll(each, way, (0, 1)) for each, way in zip(pictures, ways, strict=True)])


def specked(pictures: Pictures) -> Pictures:
    random = np.random.default_rng(2)
    pictures = pictures.copy()
    for each in pictures:
        each[tuple(random.integers(0, 28, 2))] = random.integers(0, 256)
    return pictures


def check(pictures: list[Grey]) -> int:
    """All that are taken for clean are what they are one by one. How many there are."""
    count = 0
    for grey, clean in zip(pictures, find_clean(pictures), strict=True):
        if clean is not None:
            (found,) = find_digit(grey)
            assert found.box == clean[1]
            np.testing.assert_array_equal(normalise(found.ink), clean[0])
            count += 1
    return count


@pytest.mark.parametrize(
    ("pictures", "least"),
    [
        pytest.param(DRAWN, 150, id="as they are"),
        pytest.param(255 - DRAWN, 150, id="dark on light"),
        pytest.param(50 + DRAWN // 3, 150, id="grey"),
        pytest.param(200 - DRAWN // 12, 100, id="faint"),
        pytest.param((DRAWN > 100).astype(np.uint8) * 255, 150, id="black and white"),
        pytest.param(smaller(DRAWN, 20), 20, id="smaller"),
        pytest.param(smaller(DRAWN, 39), 100, id="larger"),
        pytest.param(DRAWN[:, :, 3:25], 20, id="narrow"),
        pytest.param(moved(DRAWN), 20, id="beside the middle"),
        pytest.param(specked(DRAWN), 20, id="with a speck"),
    ],
)
def test_a_crowd_is_read_as_each_would_be(pictures: Pictures, least: int) -> None:
    assert check(list(pictures)) >= least


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_they_show(seed: int) -> None:
    """Strokes of any strength, hard and soft, on paper of one level, with a speck or none."""
    random = np.random.default_rng(seed)
    shape = tuple(int(side) for side in random.integers(8, 40, 2))
    pictures = []
    for _ in range(3):
        grey = np.full(shape, random.integers(0, 256), np.uint8)
        for _ in range(random.integers(1, 3)):
            begin, end = random.integers(0, shape[::-1], (2, 2)).tolist()
            cv2.line(grey, begin, end, [int(random.integers(0, 256))], int(random.integers(1, 4)))
        if random.random() < 0.5:
            paper = grey[0, 0]
            grey = np.asarray(cv2.GaussianBlur(grey, (3, 3), float(random.uniform(0.3, 1.5))), np.uint8)
            grey[[0, -1]] = paper
            grey[:, [0, -1]] = paper
        if random.random() < 0.3:
            grey[tuple(random.integers(0, shape))] = random.integers(0, 256)
        pictures.append(grey)
    check(pictures)


def inked(grey: Grey, *places: Any, level: int = 255) -> Grey:
    grey = grey.copy()
    for place in places:
        grey[place] = level
    return grey


BARE = np.zeros((28, 28), np.uint8)
NOT_CLEAN: dict[str, Grey] = {
    "touches the frame": inked(DRAWN[0], np.s_[:14, 13]),
    "two marks": inked(BARE, np.s_[6:20, 8], np.s_[6:20, 18]),
    "a dot": inked(BARE, np.s_[6:20, 10], np.s_[14, 20]),
    "light and dark": inked(100 + DRAWN[0] // 4, np.s_[3, 3], level=60),
    "a line across": inked(DRAWN[0], np.s_[14, 1:27]),
    "nothing": BARE,
    "too faint": DRAWN[0] // 30,
    "full of ink": inked(DRAWN[0], np.s_[3:25, 3:25], level=200),
    "pitted": inked(inked(DRAWN[0], np.s_[8:20, 8:20]), np.s_[9:19:2, 9:19:2], level=100),
    "noise": DRAWN[0] // 2 + np.random.default_rng(3).integers(0, 3, (28, 28), np.uint8),
    "a shadow of its own": np.maximum(DRAWN[0], inked(BARE, np.s_[3:25, 4:24], level=12)),
    "larger": np.pad(DRAWN[0], 6),
    "flat": DRAWN[0][10:16],
}


@pytest.mark.parametrize("picture", NOT_CLEAN.values(), ids=NOT_CLEAN)
def test_the_rest_is_left_to_be_looked_at_closely(picture: Grey) -> None:
    assert find_clean([picture]) == [None]
    before, spoilt, after = find_clean([DRAWN[1], picture, DRAWN[2]])
    assert spoilt is None
    assert before is not None
    assert after is not None
    assert check([DRAWN[1], picture, DRAWN[2]]) == 2


def test_each_has_its_place_whatever_its_size() -> None:
    other = smaller(DRAWN, 36)
    mixed = [DRAWN[1], other[2], DRAWN[3][:, 2:26], BARE, other[4], DRAWN[5]]
    assert [clean is not None for clean in find_clean(mixed)] == [True, True, True, False, True, True]
    assert check(mixed) == 5
    assert find_clean([]) == []


def test_files_and_pixels_are_prepared_as_alone(reader: Reader) -> None:
    pictures: list[bytes | Grey] = [
        encoded(DRAWN[1]),
        DRAWN[2],
        encoded(DRAWN[3], "JPEG"),
        b"no picture",
        encoded(np.dstack([DRAWN[4]] * 3)),
        encoded(DRAWN[5])[:-20],
        encoded(np.pad(DRAWN[6], 20)),
        encoded(DRAWN[7]),
    ]
    assert reader.prepare_clean([]) == []
    prepared = reader.prepare_clean(pictures)
    assert [each is not None for each in prepared] == [True, True, False, False, False, False, False, True]
    for picture, together in zip(pictures, prepared, strict=True):
        if together is not None:
            alone = reader.prepare(picture)
            np.testing.assert_array_equal(together.normalised, alone.normalised)
            assert together.box == alone.box
            assert together.decode_seconds > 0 < together.ink_seconds


def test_the_limit_on_pixels_is_the_same(model: FakeModel) -> None:
    pictures = [encoded(DRAWN[1]), DRAWN[2]]
    for most, taken in ((28 * 28, True), (28 * 28 - 1, False)):
        reader = Reader(model.signatures, Thresholds(0.9, 0.5), max_pixels=most)
        assert [each is not None for each in reader.prepare_clean(pictures)] == [taken, taken]
