"""Numbers in pictures that lie on their side, and on sheets that are upside down."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.model.batcher import Batcher
from service.model.gate import Gate
from service.reading.picture import Page
from service.reading.reader import Reader
from service.reading.types import Box
from tests.drawing import encoded, row_of
from tests.service.checks import Observed
from tests.service.notes import lying, note, table

Grey = NDArray[np.uint8]


def sheet_of_paper(*texts: str) -> Grey:
    """Lines of digits on nothing but paper."""
    ink = np.zeros((140 + 90 * len(texts), 560))
    for place, text in enumerate(texts):
        row = row_of(text, 48, 14)
        ink[70 + 90 * place : 70 + 90 * place + row.shape[0], 60 : 60 + row.shape[1]] = row / 255
    return np.round(232 - 190 * ink).astype(np.uint8)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_boxes_and_masks_of_a_turned_page_are_those_of_the_picture(quarters: int) -> None:
    grey = np.zeros((40, 60), np.uint8)
    grey[5:15, 40:48] = 255
    turned = Page(grey, 120, 80).turned(quarters)
    x, y, w, h = cv2.boundingRect(turned.grey)
    assert turned.full_size_box(Box(x, y, w, h)) == Box(80, 10, 16, 20)
    shown = turned.on_whole((turned.grey > 0).astype(np.uint8))
    assert shown.shape == grey.shape
    assert cv2.boundingRect(shown) == (40, 5, 8, 10)
    again = turned.turned(4 - quarters)
    assert np.array_equal(again.grey, grey)
    assert again.full_size_box(Box(40, 5, 8, 10)) == Box(80, 10, 16, 20)


@pytest.mark.parametrize("quarters", [1, 3])
@pytest.mark.parametrize("texts", [("40725",), ("40725", "3962")])
def test_a_page_on_its_side_is_read(released: Reader, quarters: int, texts: tuple[str, ...]) -> None:
    picture = np.ascontiguousarray(np.rot90(sheet_of_paper(*texts), quarters))
    reading = released.number(encoded(picture), explain=True)
    assert (reading.text, reading.status) == ("\n".join(texts), "ok")
    for line in reading.lines:
        for digit in line.digits:
            box = digit.box
            assert box.width > 1.1 * box.height  # the digit lies, too
            assert picture[box.y : box.y + box.height, box.x : box.x + box.width].min() < 90
    assert reading.explanation is not None
    mask = np.asarray(Image.open(io.BytesIO(reading.explanation.mask)))
    assert mask.shape == picture.shape
    assert ((mask > 0) == (picture < 130)).mean() > 0.97


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_note_is_read_from_any_side_of_the_table(released: Reader, quarters: int) -> None:
    picture = np.ascontiguousarray(np.rot90(lying(note("40725", "3962"), table(), 6), quarters))
    assert released.number(encoded(picture, "JPEG", quality=85)).text == "40725\n3962"


@pytest.mark.parametrize("texts", [("40725", "3962"), ("1",), ("86",), ("7", "4", "2"), ("11", "10", "17")])
def test_what_is_upright_stays_so(released: Reader, texts: tuple[str, ...]) -> None:
    assert released.number(encoded(sheet_of_paper(*texts))).text == "\n".join(texts)


@pytest.mark.anyio
async def test_the_service_turns_pages_as_well(released: Reader, observed: Observed) -> None:
    picture = encoded(np.ascontiguousarray(np.rot90(sheet_of_paper("40725"))))
    batcher = Batcher(released, Gate(max_pictures=1000, refused=observed.refused), max_batch=64, observer=observed)
    reading = (await batcher.read_number(picture)).reading
    batcher.close()
    assert reading.text == "40725"
    assert reading.lines == released.number(picture).lines
