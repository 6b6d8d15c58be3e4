"""The sides of boxes and the teeth of combs between the digits of a form's field are no ones, and ones are none of those."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading.dividers import dividers, without_boxes
from service.reading.reader import Reader
from service.reading.rows import Marks, marks_of
from tests.drawing import encoded, row_of

Grey = NDArray[np.uint8]
CELL, HIGH, ROOM = 64, 84, 24


def form(texts: str, kind: str, thick: int = 3, level: int = 70, lean: float = 0.0) -> Grey:
    """A field with a box for each digit, a space being an empty one: `boxes`, a `comb`, or nothing but `dividers`."""
    rows, columns = HIGH + 2 * ROOM, CELL * len(texts) + 2 * ROOM
    ink = np.zeros((rows, columns), np.uint8)
    for place, text in enumerate(texts):
        if text != " ":
            digit = row_of(text, 46)
            digit = digit[:, : np.flatnonzero(digit.max(0))[-1] + 1]
            left = ROOM + place * CELL + (CELL - digit.shape[1]) // 2
            top = ROOM + (HIGH - digit.shape[0]) // 2 - (8 if kind == "comb" else 0)
            ink[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    grey = np.round(235 - 195 * (ink / 255)).astype(np.uint8)
    bottom = ROOM + HIGH
    for place in range(len(texts) + 1):
        x = ROOM + place * CELL
        top = ROOM if kind != "comb" else bottom - 34
        if kind != "dividers" or 0 < place < len(texts):
            cv2.line(grey, (x, top), (round(x + lean * (bottom - top)), bottom), level, thick)
    if kind != "dividers":
        cv2.line(grey, (ROOM, bottom), (columns - ROOM, bottom), level, thick)
    if kind == "boxes":
        cv2.line(grey, (ROOM, ROOM), (columns - ROOM, ROOM), level, thick)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.7), np.uint8)


@pytest.mark.parametrize("kind", ["boxes", "comb", "dividers"])
@pytest.mark.parametrize("texts", ["4072", "40 72", "817", "3186254"])
@pytest.mark.parametrize("thick", [1, 3])
def test_the_digits_in_a_form_are_read_without_what_parts_them(
    released: Reader, kind: str, texts: str, thick: int
) -> None:
    assert released.number(encoded(form(texts, kind, thick))).text == texts.replace(" ", "")


@pytest.mark.parametrize(("kind", "places"), [(k, p) for k in ("boxes", "comb") for p in (2, 4, 9)])
@pytest.mark.parametrize("slope", [0.0, 0.02])
def test_a_form_without_digits_is_empty(released: Reader, kind: str, places: int, slope: float) -> None:
    grey = form(" " * places, kind)
    held = cv2.warpAffine(
        grey, np.array([[1, 0, 0], [slope, 1, 0]], np.float64), grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    assert released.number(encoded(np.asarray(held, np.uint8))).text == ""


def test_a_box_holds_the_digit_that_it_is_for(released: Reader) -> None:
    assert released.number(encoded(form("8", "boxes"))).text == "8"
    mask = (form("8", "boxes") < 150).astype(np.uint8)
    digit = without_boxes(mask, marks_of(mask))
    assert 40 < np.ptp(np.flatnonzero(digit.any(1))) < 50
    assert without_boxes(digit, marks_of(digit)) is digit


def test_a_digit_that_touches_its_box_is_not_taken_out_with_it() -> None:
    mask = (form("87", "boxes", 1) < 150).astype(np.uint8)
    mask[ROOM + 60 : ROOM + HIGH, ROOM + 30 : ROOM + 34] = 1  # the 8 goes down to the line
    assert without_boxes(mask, marks_of(mask)) is mask


@pytest.mark.parametrize("text", ["0", "4", "11", "77", "40", "1001"])
@pytest.mark.parametrize("pen", [2, 5, 9])
def test_digits_are_no_boxes(text: str, pen: int) -> None:
    mask = (np.pad(row_of(text, 60, -6, pen), 10) > 100).astype(np.uint8)
    assert without_boxes(mask, marks_of(mask)) is mask


def marks_and_bodies(picture: Grey) -> tuple[Marks, NDArray[np.intp]]:
    marks = marks_of((picture < 150).astype(np.uint8))
    return marks, np.arange(1, len(marks.x))


def bars(places: list[tuple[int, int, int]], digits: str = "8", lean: int = 0) -> Grey:
    """Digits 46 pixels high, 30 below the top, and straight strokes: left, top, bottom."""
    row = row_of(digits, 46)
    grey = np.full((110, 460), 255, np.uint8)
    grey[30 : 30 + row.shape[0], 20 : 20 + row.shape[1]] = 255 - row
    for left, top, bottom in places:
        cv2.line(grey, (left + lean, top), (left - lean, bottom), 0, 4)
    return grey


def found(grey: Grey) -> int:
    return len(dividers(*marks_and_bodies(grey)))


def test_strokes_that_begin_and_end_with_the_digits_are_ones() -> None:
    assert not found(bars([(150, 31, 75), (190, 30, 76), (230, 31, 76), (270, 30, 75)]))
    assert not found(bars([(150, 26, 78), (190, 26, 78)]))  # two tall ones
    assert not found(bars([(150, 12, 96), (190, 30, 76)]))  # one long stroke beside a one
    assert not found(bars([(150, 12, 96), (190, 40, 110)]))  # two that have nothing to do with each other


def test_strokes_that_reach_further_together_are_sides_of_boxes() -> None:
    assert found(bars([(150, 12, 96), (250, 13, 96)])) == 2
    assert found(bars([(150, 20, 88), (250, 20, 88), (350, 21, 88)])) == 3
    assert found(bars([(150, 12, 96), (250, 13, 96), (300, 31, 75)])) == 2  # and a one
    assert not found(bars([(150, 12, 96), (250, 13, 96)], lean=14))  # slashes


def test_short_strokes_below_are_teeth_where_they_stand_evenly() -> None:
    assert found(bars([(100, 56, 92), (180, 56, 92), (260, 57, 92), (420, 56, 92)])) == 4
    assert not found(bars([(100, 56, 92), (130, 56, 92), (260, 57, 92), (300, 56, 92)]))
    assert not found(bars([(150, 56, 92), (190, 56, 92)]))


@pytest.mark.parametrize("places", [(100, 200, 300), (100, 140, 180, 220)])
def test_where_there_is_nothing_else_they_are_ones(places: tuple[int, ...]) -> None:
    grey = np.full((110, 460), 255, np.uint8)
    for left in places:
        cv2.line(grey, (left, 12), (left, 96), 0, 4)
    assert not found(grey)
