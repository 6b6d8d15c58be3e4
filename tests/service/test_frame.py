"""Borders that a cut left around a number are no digits; ones, and digits that touch the frame, are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading.frame import without_frame
from service.reading.reader import Reader
from service.reading.rows import marks_of
from tests.drawing import encoded, row_of

Grey = NDArray[np.uint8]


def field(text: str, size: tuple[int, int], height: int, sides: str, thick: int = 4) -> Grey:
    """A field with its borders on some sides (l, r, t, b), and digits in its middle."""
    rows, columns = size
    ink = np.zeros(size, np.uint8)
    if text:
        row = row_of(text, height, height // 4)
        top, left = (rows - row.shape[0]) // 2, (columns - row.shape[1]) // 2
        ink[top : top + row.shape[0], left : left + row.shape[1]] = row
    for side, view in (("l", ink[:, :thick]), ("r", ink[:, -thick:]), ("t", ink[:thick]), ("b", ink[-thick:])):
        if side in sides:
            view[:] = 255
    return np.asarray(cv2.GaussianBlur(np.round(230 - 0.75 * ink).astype(np.uint8), (0, 0), 0.8), np.uint8)


def mask_of(grey: Grey) -> Grey:
    return (grey < 150).astype(np.uint8)


@pytest.mark.parametrize("sides", ["l", "r", "lr", "tr", "lb", "ltr", "lrtb", "tb"])
@pytest.mark.parametrize("size", [(50, 50), (60, 70), (90, 400)])
def test_an_empty_field_is_empty(released: Reader, sides: str, size: tuple[int, int]) -> None:
    reading = released.number(encoded(field("", size, 0, sides)))
    assert (reading.text, reading.status in ("blank", "not_a_digit")) == ("", True)


@pytest.mark.parametrize("sides", ["l", "r", "lr", "tr", "lb", "lrtb"])
@pytest.mark.parametrize(
    ("text", "size", "height"), [("4072", (90, 300), 44), ("8", (70, 70), 36), ("17", (80, 116), 40)]
)
def test_the_digits_in_a_field_are_read_without_its_borders(
    released: Reader, sides: str, text: str, size: tuple[int, int], height: int
) -> None:
    assert released.number(encoded(field(text, size, height, sides))).text == text


@pytest.mark.parametrize("text", ["11", "17", "71", "0", "4", "7", "10", "101"])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_what_was_cut_to_its_ink_loses_no_digit(released: Reader, text: str, times: int) -> None:
    row = row_of(text, 24 * times, 6 * times)
    rows, columns = np.flatnonzero(row.max(1) > 60), np.flatnonzero(row.max(0) > 60)
    tight = 255 - row[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mask = mask_of(tight)
    assert without_frame(mask, marks_of(mask)) is mask
    assert released.number(encoded(tight)).text == text


def test_a_digit_that_stands_on_a_border_is_no_border() -> None:
    mask = mask_of(field("4072", (90, 300), 60, "b"))
    foot = int(np.flatnonzero(mask[:80].any(axis=1))[-1])
    column = int(np.flatnonzero(mask[foot])[0])
    mask[foot:, column : column + 4] = 1
    assert without_frame(mask, marks_of(mask)) is mask


def test_bits_of_borders_in_the_corners_are_no_digits(released: Reader) -> None:
    grey = np.full((50, 50), 160, np.uint8)
    for row in (6, 43):
        for column in (5, 44):
            cv2.circle(grey, (column, row), 3, 90, -1, cv2.LINE_AA)
    assert released.number(encoded(grey)).status == "blank"
    large = np.asarray(cv2.resize(grey, (400, 400)), np.uint8)  # of a page one may want to read such, too
    mask = mask_of(large)
    assert without_frame(mask, marks_of(mask)) is mask


def test_a_small_thing_at_the_edge_beside_a_digit_is_no_digit(released: Reader) -> None:
    grey = field("8", (60, 60), 30, "")
    grey[0:22, 57:] = 60
    assert released.number(encoded(grey)).text == "8"
