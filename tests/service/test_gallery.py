"""The gallery of difficulties, read by the released model through the whole way."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from service.reading.reader import Reader
from tests.service.gallery import grainy
from tests.service.gallery_paper import ALL

MISREAD = {"eight pixels": {1: ("not_a_digit", None)}}  # a stroke of eight pixels is too little to call it a digit


@pytest.mark.parametrize("name", ALL)
def test_each_difficulty_is_read_right(released: Reader, name: str) -> None:
    readings = {digit: released.digit(ALL[name](digit)) for digit in range(10)}
    wrong = {digit: (reading.status, reading.digit) for digit, reading in readings.items() if reading.digit != digit}
    assert wrong == MISREAD.get(name, {})


@pytest.mark.parametrize("sides", ["left", "left top", "left right", "left right top bottom"])
@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_an_empty_cell_is_no_digit(released: Reader, sides: str, sigma: float) -> None:
    cell = np.full((64, 64), 205, np.uint8)
    borders: dict[str, Any] = {
        "left": np.s_[:, 4:8],
        "right": np.s_[:, -7:-5],
        "top": np.s_[2:6],
        "bottom": np.s_[-4:-1],
    }
    for side in sides.split():
        cell[borders[side]] = 60 if side in ("left", "bottom") else 120
    assert released.digit(grainy(np.asarray(cv2.GaussianBlur(cell, (0, 0), 0.8), np.uint8), sigma, 1)).digit is None
