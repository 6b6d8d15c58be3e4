"""Clean small drawings, many at once: the same digits as one by one, pixel for pixel, and no opinion of anything else."""

from __future__ import annotations

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
    """Discs and strokes of any strength, hard and soft, on paper of one level, with a little noise or none."""
    random = np.random.default_rng(seed)
    shape = tuple(int(side) for side in random.integers(8, 40, 2))
    pictures = []
    for _ in range(3):
        grey = np.full(shape, random.integers(0, 256), np.uint8)
        for _ in range(random.integers(1, 3)):
            (x, y), colour = (random.integers(0, shape[::-1], 2) for _ in range(2)), int(random.integers(0, 256))
            cv2.line(grey, [int(v) for v in x], [int(v) for v in y], [colour], int(random.integers(1, 4)))
        if random.random() < 0.5:
            paper = grey[0, 0]
            grey = np.asarray(cv2.GaussianBlur(grey, (3, 3), float(random.uniform(0.3, 1.5))), np.uint8)
            grey[[0, -1]] = paper
            grey[:, [0, -1]] = paper
        if random.random() < 0.3:
            grey[tuple(random.integers(0, shape))] = random.integers(0, 256)
        pictures.append(grey)
    check(pictures)


def changed(change: str) -> Grey:
    grey: Grey = DRAWN[0].copy()
    if change == "touches the frame":
        grey[:14, 13] = 255
    elif change == "two marks":
        grey[:] = 0
        grey[6:20, 8], grey[6:20, 18] = 255, 255
    elif change == "a dot":
        grey[:] = 0
        grey[6:20, 10], grey[14, 20] = 255, 255
    elif change == "light and dark":
        grey = 100 + grey // 4
        grey[3, 3] = 60
    elif change == "a line across":
        grey[14, 1:27] = 255
    elif change == "nothing":
        grey[:] = 0
    elif change == "too faint":
        grey //= 30
    elif change == "full of ink":
        grey[3:25, 3:25] = 200
    elif change == "pitted":
        grey[8:20, 8:20] = 255
        grey[9:19:2, 9:19:2] = 100
    elif change == "noise":
        grey = grey // 2 + np.random.default_rng(3).integers(0, 3, grey.shape, np.uint8)
    elif change == "a shadow of its own":
        grey[8:20, 12], grey[3:25, 4:24] = 255, np.maximum(grey[3:25, 4:24], 12)
    elif change == "larger":
        grey = np.pad(grey, 6)
    else:
        grey = grey[10:16]
    return grey


@pytest.mark.parametrize(
    "change",
    [
        "touches the frame",
        "two marks",
        "a dot",
        "light and dark",
        "a line across",
        "nothing",
        "too faint",
        "full of ink",
        "pitted",
        "noise",
        "a shadow of its own",
        "larger",
        "flat",
    ],
)
def test_the_rest_is_left_to_be_looked_at_closely(change: str) -> None:
    picture = changed(change)
    assert find_clean([picture]) == [None]
    before, spoilt, after = find_clean([DRAWN[1], picture, DRAWN[2]])
    assert spoilt is None
    assert before is not None
    assert after is not None
    assert check([DRAWN[1], picture, DRAWN[2]]) == 2


def test_each_has_its_place_whatever_its_size() -> None:
    other = smaller(DRAWN, 36)
    mixed = [DRAWN[1], other[2], DRAWN[3][:, 2:26], np.zeros((28, 28), np.uint8), other[4], DRAWN[5]]
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
