"""What a picture costs, judged before it is decoded."""

from __future__ import annotations

import numpy as np
import pytest

from service.model.cost import cost_of, is_small
from service.reading.explain import SALIENCY_QUESTIONS
from service.reading.types import Grey
from tests.service.fakes import ONE, one, png


@pytest.mark.parametrize(
    ("picture", "small"),
    [
        (ONE, True),
        (png(one(), "GIF"), True),
        (png(one(), "BMP"), True),
        (png(one(), "JPEG"), False),
        (png(one(2000)), False),
        (png(one(2000), "GIF"), False),
        (png(one(2000), "BMP"), False),
        (b"", True),
        (b"no picture, but long enough for a header", False),
        (np.zeros((28, 28), np.uint8), True),
        (np.zeros((1000, 1000), np.uint8), False),
    ],
)
def test_small_is_judged_by_pixels_and_not_by_bytes(picture: bytes | Grey, small: bool) -> None:
    assert is_small(picture) == small


def test_an_explanation_costs_all_the_pictures_that_it_asks() -> None:
    assert (cost_of(False), cost_of(True)) == (1, 1 + SALIENCY_QUESTIONS)
