"""What the model is shown of a line, and where what it names is in it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading.lines import Strip
from service.reading.numbers import prepare_number
from service.reading.places import areas
from service.reading.tiles import CLASSES, DIGIT, HEIGHT, STEP, TILE, joined, line_picture, tiles, tiles_of
from tests.drawing import row_of


def strip_of(ink: NDArray[np.uint8], height: float = 40) -> Strip:
    return Strip(ink, (ink > 127).astype(np.uint8), height, np.eye(3)[:2])


@pytest.mark.parametrize("height", [10, 20, 33, 90])
def test_digits_are_twenty_pixels_high_and_in_the_middle(height: int) -> None:
    line = line_picture(strip_of(row_of("3808", height, height // 4), height))
    rows = np.flatnonzero((line.picture > 60).any(1))
    assert line.picture.shape[0] == HEIGHT
    assert abs(rows[-1] - rows[0] + 1 - DIGIT) <= 3
    middle = (line.picture.sum(1) @ np.arange(HEIGHT)) / line.picture.sum()
    assert middle == pytest.approx(HEIGHT / 2, abs=1)
    assert line.picture.max() > 240


def test_faint_ink_is_made_as_bright_as_any() -> None:
    bright, faint = (line_picture(strip_of((row_of("42") * share).astype(np.uint8))) for share in (1.0, 0.3))
    assert np.abs(bright.picture.astype(int) - faint.picture).max() < 12


@pytest.mark.parametrize("width", [1, 7, 60, 61, 119, 120, 121, 700])
def test_the_tiles_of_a_line_make_up_the_line(width: int) -> None:
    ink = np.random.default_rng(width).integers(0, 256, (20, width)).astype(np.uint8)
    line = line_picture(strip_of(ink, 20))
    shown = tiles(line)
    assert shown.shape == (line.tiles, HEIGHT, TILE)
    # A model that names in each column the pixels that it stands for.
    answers = np.repeat(shown[:, :, ::STEP].astype(np.float32).mean(1)[:, :, None], CLASSES, 2)
    whole = joined(line, answers)
    assert whole.shape == (line.columns, CLASSES)
    np.testing.assert_allclose(whole[:, 0], line.picture[:, ::STEP].astype(np.float32).mean(0), rtol=1e-6)


@pytest.mark.parametrize("height", [4, 19, 20, 90])
@pytest.mark.parametrize("width", [1, 95, 96, 97, 700])
def test_tiles_are_counted_before_they_are_made(width: int, height: int) -> None:
    strip = strip_of(np.full((height, width), 255, np.uint8), height)
    assert tiles_of(strip) == line_picture(strip).tiles


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_row_of_specks_is_no_line(rows: int) -> None:
    """Two thousand pixels in a row, made twenty times as high, would be hundreds of tiles."""
    page = np.full((rows, 2000), 255, np.uint8)
    page[:, 5::9] = 0
    prepared = prepare_number(page, page.size)
    assert prepared.mask is not None
    assert len(prepared.questions) == 0


@pytest.mark.parametrize("side", [4, 8])
def test_a_page_of_lines_with_next_to_nothing_in_them_is_a_texture(side: int) -> None:
    page = np.full((2000, 2000), 255, np.uint8)
    for top in range(4, 1980, 2 * side):
        page[top : top + side, 4 : 4 + side] = page[top : top + side, -4 - side : -4] = 0
    assert len(prepare_number(page, page.size).questions) == 0


def test_digits_of_a_few_pixels_are_still_shown() -> None:
    page = np.full((30, 200), 255, np.uint8)
    page[12:17, 10:190:6] = 0
    assert len(prepare_number(page, page.size).questions) == 7


def test_a_column_is_where_its_ink_is() -> None:
    ink = np.zeros((40, 300), np.uint8)
    ink[:, 200:204] = 255
    line = line_picture(strip_of(ink))
    column = int(line.picture.sum(0).argmax()) // STEP
    assert line.to_strip(column) == pytest.approx(202, abs=2.5)


def boxes(strip: Strip, columns: list[float]) -> list[tuple[int, int, int, int]]:
    return [(int(a.x.min()), int(a.y.min()), int(a.x.max()) + 1, int(a.y.max()) + 1) for a in areas(strip, columns)]


def bars(*spans: tuple[int, int, int, int]) -> Strip:
    """Filled boxes: left, top, right, bottom."""
    ink = np.zeros((44, 200), np.uint8)
    for left, top, right, bottom in spans:
        ink[top:bottom, left:right] = 255
    return strip_of(ink)


def test_each_mark_is_of_the_digit_that_is_named_in_it() -> None:
    spans = [(10, 2, 30, 42), (50, 2, 54, 42), (80, 12, 110, 42)]
    assert boxes(bars(*spans), [20, 52, 99]) == spans


def test_a_mark_of_two_digits_is_divided_where_it_is_thinnest() -> None:
    strip = bars((10, 2, 40, 42), (40, 20, 60, 24), (60, 2, 90, 42))
    first, second = boxes(strip, [24, 77])
    assert first[:2] == (10, 2) and 40 <= first[2] <= 60
    assert second[2:] == (90, 42) and second[0] == first[2]


def test_what_belongs_to_a_digit_is_joined_to_it_and_a_point_is_not() -> None:
    five = [(10, 12, 30, 42), (14, 2, 32, 6)]  # its bar stands apart
    assert boxes(bars(*five, (60, 38, 64, 42), (90, 2, 110, 42)), [20, 100]) == [(10, 2, 32, 42), (90, 2, 110, 42)]


def test_a_digit_without_ink_of_its_own_is_a_column_as_high_as_a_digit() -> None:
    first, second = areas(bars((10, 2, 12, 42)), [11, 90])
    assert len(first.x) == 80
    assert set(second.x.tolist()) == {90}
    assert second.y.max() - second.y.min() == 40


def test_nothing_named_is_nowhere() -> None:
    assert areas(bars((10, 2, 30, 42)), []) == []
