"""Where a sheet ends that has something around it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from service.reading import sheet as sheets
from service.reading.sheet import find_sheet, is_roomy, sheet_of
from service.reading.types import Box
from tests.drawing import page as drawn_page
from tests.service.notes import (
    HEIGHT,
    LEFT,
    PINK,
    SIZE,
    TOP,
    WIDTH,
    YELLOW,
    Grey,
    about,
    area_of,
    lying,
    note,
    page_of,
    table,
)


@pytest.mark.parametrize(("paper", "ground"), [(235, 80), (120, 190), (25, 150)])
def test_a_note_is_found_whether_it_is_lighter_or_darker_than_the_table(paper: int, ground: int) -> None:
    picture = lying(note(paper=paper), table(ground), 0)
    found = sheet_of(page_of(picture), None)
    assert found is not None
    assert about(area_of(found), Box(LEFT, TOP, WIDTH, HEIGHT), 12)
    assert found.page.grey.shape == (area_of(found).height, area_of(found).width)
    assert np.abs(found.page.grey.astype(int) - paper).max() <= 3  # nothing of the table is left


def test_one_that_is_turned_a_little_is_cut_out_and_its_corners_are_painted_like_paper() -> None:
    found = sheet_of(page_of(lying(note(), table(), 7)), None)
    assert found is not None
    assert found.page.grey.shape > (HEIGHT, WIDTH)
    assert found.page.grey.min() > 200


@pytest.mark.parametrize("degrees", [-40, -20, 15, 35])
def test_one_that_is_turned_is_turned_back(degrees: float) -> None:
    found = sheet_of(page_of(lying(note("4"), table(), degrees)), None)
    assert found is not None
    assert found.page.grey.shape == pytest.approx((HEIGHT, WIDTH), abs=28)
    y, x = np.nonzero(found.page.grey < 140)
    assert (x.mean() + (WIDTH - found.page.grey.shape[1]) / 2, y.mean()) == pytest.approx((67, 62 - 8), abs=9)


def test_one_that_is_seen_from_aside_is_shown_from_above() -> None:
    flat = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    seen = np.array([(140, 180), (340, 180), (440, 500), (40, 500)], np.float32)
    picture = table()
    to = cv2.getPerspectiveTransform(flat, seen)
    cv2.warpPerspective(note("7", "7"), to, SIZE[::-1], dst=picture, borderMode=cv2.BORDER_TRANSPARENT)
    found = sheet_of(page_of(picture), None)
    assert found is not None
    upper, lower = np.array_split(found.page.grey < 140, 2)
    widths = [np.ptp(np.nonzero(half.any(axis=0))[0]) for half in (upper, lower)]
    assert widths[0] == pytest.approx(widths[1], rel=0.08)  # in the picture the lower one is wider by a third


def test_one_that_runs_out_of_the_picture_is_found() -> None:
    found = sheet_of(page_of(lying(note(), table(), 0, left=-40)), None)
    assert found is not None
    assert about(area_of(found), Box(0, TOP, WIDTH - 40, HEIGHT), 12)


def test_one_as_bright_as_the_table_is_found_by_its_colour() -> None:
    there = lying(np.full((HEIGHT, WIDTH), 255, np.uint8), np.zeros(SIZE, np.uint8), 0) > 127
    colours = np.where(there[..., None], np.array(YELLOW), np.array(PINK)).astype(np.uint8)
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.ptp(grey) <= 5
    assert sheet_of(page_of(grey), None) is None
    found = sheet_of(page_of(grey), colours[::2, ::2])
    assert found is not None
    assert about(area_of(found), Box(LEFT, TOP, WIDTH, HEIGHT), 14)


def test_a_shadow_across_a_coloured_note_does_not_cut_it_in_two() -> None:
    there = lying(np.full((HEIGHT, WIDTH), 255, np.uint8), np.zeros(SIZE, np.uint8), 0) > 127
    colours = np.where(there[..., None], np.array(YELLOW), np.array(PINK)).astype(np.float32)
    colours[:, LEFT + WIDTH // 2 :] *= 0.45
    picture = colours.astype(np.uint8)
    found = sheet_of(page_of(np.asarray(Image.fromarray(picture).convert("L"))), picture)
    assert found is not None
    assert about(area_of(found), Box(LEFT, TOP, WIDTH, HEIGHT), 14)


@pytest.mark.parametrize("grey", [np.full(SIZE, 230, np.uint8), drawn_page(5, SIZE, height=300, pen=30), table()])
def test_a_page_a_digit_and_an_empty_table_are_no_sheets(grey: Grey) -> None:
    found = sheet_of(page_of(grey), None)
    assert found is None or found.page.grey.size < 0.5 * grey.size  # a plank may be


def test_a_shadow_across_a_grey_note_does_not_cut_it_in_two() -> None:
    picture = lying(np.full((HEIGHT, WIDTH), 235, np.uint8), table(40), 0)
    shade = np.clip((np.mgrid[: SIZE[0], : SIZE[1]].sum(axis=0) - 500) / 12, 0, 1)
    found = sheet_of(page_of((picture * (1 - 0.5 * shade)).astype(np.uint8)), None)
    assert found is not None
    assert about(area_of(found), Box(LEFT, TOP, WIDTH, HEIGHT), 14)


def test_two_things_that_lie_apart_are_not_one_sheet() -> None:
    picture = table(60)
    picture[100:300, 60:220], picture[100:300, 260:420] = 230, 220
    found = sheet_of(page_of(picture), None)
    assert found is not None
    assert about(area_of(found), Box(60, 100, 160, 200), 14) or about(area_of(found), Box(260, 100, 160, 200), 14)


def test_a_thing_as_light_as_the_note_that_touches_it_is_left_out() -> None:
    ground = table(60)
    ground[TOP + 80 : TOP + 110, LEFT + WIDTH - 10 : LEFT + WIDTH + 60] = 235
    found = sheet_of(page_of(lying(note(), ground, 0)), None)
    assert found is not None
    assert about(area_of(found), Box(LEFT, TOP, WIDTH, HEIGHT), 14)


def test_a_note_on_a_cloth_with_lighter_and_darker_squares_is_found() -> None:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    cloth = np.array([40, 140, 240], np.uint8)[rows // 30 % 2 + columns // 30 % 2]
    found = sheet_of(page_of(lying(note(paper=170), cloth, 0)), None)
    assert found is not None
    assert about(area_of(found), Box(LEFT, TOP, WIDTH, HEIGHT), 14)


def test_small_pictures_show_no_table() -> None:
    small = cv2.resize(lying(note(), table()), (sheets._ROOMY - 1, 300))
    page = page_of(np.asarray(small, np.uint8))
    assert not is_roomy(page)
    assert sheet_of(page, None) is not None and find_sheet(page.grey, page, 10**6) is None


@pytest.mark.parametrize("shape", [(200, 200), (200, 2000), (1900, 210), (640, 480)])
@pytest.mark.parametrize("wide", [3, 11, 40, 150])
def test_stripes_planks_and_noise_of_any_shape_do_no_harm(shape: tuple[int, int], wide: int) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(wide).normal(0, 6, shape)
    for bands in (rows // wide, columns // wide, (rows + columns) // wide, rows // wide + columns // wide):
        picture = np.clip(90 + 110 * (bands % 2) + noise, 0, 255).astype(np.uint8)
        colours = np.stack([picture, 255 - picture, picture], axis=2)
        found = sheet_of(page_of(picture), colours)
        if found is not None:
            assert found.page.grey.shape == (area_of(found).height, area_of(found).width)
            assert min(found.page.grey.shape) > 0


def test_a_strip_that_is_all_rim_is_no_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = page_of(lying(note(), table(), 0))
    assert sheet_of(picture, None) is not None
    monkeypatch.setattr(sheets, "_RIM", 100)
    assert sheet_of(picture, None) is None
