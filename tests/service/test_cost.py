"""What a picture costs, judged before it is decoded."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from service.model.cost import EFFORT, MAX_EFFORT, cost_of, effort_of, is_small
from service.reading.explain import SALIENCY_QUESTIONS
from service.reading.types import Grey
from tests.service.fakes import ONE, one, png


@pytest.mark.parametrize(
    ("picture", "small"),
    [
        (ONE, True),
        (png(one(128)), True),
        (png(one(129)), False),
        (png(one(), "GIF"), False),
        (png(one(), "BMP"), False),
        (png(one(), "JPEG"), False),
        (png(one(2000)), False),
        (b"", False),
        (ONE[:23], False),
        (b"no picture, but long enough for a header", False),
        (ONE[:8] + struct.pack(">I4sII", 8, b"tEXt", 1, 1) + bytes(4) + png(one(2000))[8:], False),
        (b"\x89PNG" + bytes(8) + ONE[12:], False),
        (np.zeros((28, 28), np.uint8), True),
        (np.zeros((128, 129), np.uint8), False),
    ],
)
def test_small_is_judged_by_pixels_and_not_by_bytes(picture: bytes | Grey, small: bool) -> None:
    assert is_small(picture) == small


def test_an_explanation_costs_all_the_pictures_that_it_asks() -> None:
    assert (cost_of(False), cost_of(True)) == (1, 1 + SALIENCY_QUESTIONS)


@pytest.mark.parametrize(
    ("picture", "pixels"),
    [
        (png(one(900)), 810_000),
        (np.zeros((300, 400), np.uint8), 120_000),
        (bytes(1000), 8000),
        (ONE[:16] + struct.pack(">II", 2**31, 2**31), MAX_EFFORT),
        (ONE[:20], 160),
    ],
)
def test_the_effort_is_in_pixels(picture: bytes | Grey, pixels: int) -> None:
    assert effort_of(picture) == EFFORT + pixels
