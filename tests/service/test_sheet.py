"""A sheet with something around it: a note on a table is found, and read as if there were nothing else."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from service.model.batcher import Batcher
from service.model.gate import Gate
from service.reading.decode import decode, decode_colours
from service.reading.picture import Page
from service.reading.reader import Reader
from service.reading.sheet import Sheet
from service.reading.types import Box
from tests.drawing import encoded, row_of
from tests.service.checks import Observed
from tests.service.notes import HEIGHT, LEFT, SIZE, TOP, WIDTH, about, lying, note, page_of, table


def test_what_is_on_a_sheet_and_what_is_beside_it() -> None:
    corners = np.array([(100, 100), (300, 100), (300, 300), (100, 300)], np.float32)
    whole = page_of(np.zeros((512, 512), np.uint8))
    found = Sheet(whole, np.ones((512, 512), np.uint8), corners, sure=True)
    assert found.holds(Box(150, 150, 40, 60))
    assert not found.holds(Box(90, 150, 20, 60))  # across the outline
    assert not found.holds(Box(102, 150, 10, 60))  # along it
    assert not found.holds(Box(320, 150, 20, 60))
    assert found.is_in(Box(98, 104, 203, 198)) and not found.is_in(Box(98, 104, 150, 198))
    assert replace(found, sure=False).holds(Box(320, 150, 20, 60))


def test_boxes_and_masks_of_a_part_are_those_of_the_picture() -> None:
    whole = Page(np.zeros((100, 200), np.uint8), 800, 400)
    part = whole.part(np.zeros((40, 60), np.uint8), np.array([[1, 0, 100], [0, 1, 50], [0, 0, 1.0]])).reduced(30)
    assert part.grey.shape == (20, 30)
    assert part.full_size_box(Box(0, 0, 30, 20)) == Box(400, 200, 240, 160)
    assert part.full_size_box(Box(15, 10, 3, 5)) == Box(520, 280, 24, 40)
    mask = np.zeros((20, 30), np.uint8)
    mask[10:15, 15:18] = 1
    shown = part.on_whole(mask)
    assert shown.shape == (50, 100)
    assert cv2.boundingRect(shown) == (65, 35, 3, 5)


def test_a_note_is_read_and_its_digits_are_boxed_where_they_are(released: Reader) -> None:
    picture = lying(note("4072", "351"), table(), 6)
    reading = released.number(encoded(picture, "JPEG", quality=85), explain=True)
    assert (reading.text, reading.status) == ("4072\n351", "ok")
    for line in reading.lines:
        for digit in line.digits:
            assert digit.box.x >= LEFT and digit.box.x + digit.box.width <= LEFT + WIDTH
            box = digit.box
            assert picture[box.y : box.y + box.height, box.x : box.x + box.width].min() < 90  # there is ink
    assert reading.explanation is not None
    mask = np.asarray(Image.open(io.BytesIO(reading.explanation.mask)))
    assert mask.shape[1] / mask.shape[0] == pytest.approx(SIZE[1] / SIZE[0], rel=0.02)  # of the whole picture
    assert mask.any()
    assert not mask[: round(TOP / SIZE[0] * mask.shape[0])].any()


@pytest.mark.parametrize("degrees", [-35, 25, 40])
def test_one_that_is_turned_is_read_and_boxed_where_it_is(released: Reader, degrees: float) -> None:
    picture = lying(note("4072", "351"), table(), degrees)
    reading = released.number(encoded(picture), explain=True)
    assert (reading.text, reading.status) == ("4072\n351", "ok")
    turn = cv2.getRotationMatrix2D((LEFT + WIDTH / 2, TOP + HEIGHT / 2), degrees, 1)
    for line, top in zip(reading.lines, (62, 142), strict=True):
        middles = np.array([(d.box.x + d.box.width / 2, d.box.y + d.box.height / 2, 1) for d in line.digits])
        upright = middles @ cv2.invertAffineTransform(turn).T
        np.testing.assert_allclose(upright[:, 1], TOP + top, atol=6)
        assert (np.diff(upright[:, 0]) > 20).all()
        for digit in line.digits:
            box = digit.box
            assert picture[box.y : box.y + box.height, box.x : box.x + box.width].min() < 90  # there is ink
    assert reading.explanation is not None
    mask = np.asarray(Image.open(io.BytesIO(reading.explanation.mask)))
    there = cv2.resize((picture < 60).astype(np.uint8), mask.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    near = cv2.dilate(there.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert mask.any() and (mask > 0)[near].sum() > 0.98 * (mask > 0).sum()


@pytest.mark.anyio
@pytest.mark.parametrize("texts", [("4072", "351"), ("8",)])
async def test_the_service_reads_the_same_as_the_command_line(
    released: Reader, observed: Observed, texts: tuple[str, ...]
) -> None:
    picture = encoded(lying(note(*texts), table(), 6), "JPEG", quality=85)
    batcher = Batcher(released, Gate(max_pictures=1000, refused=observed.refused), max_batch=64, observer=observed)
    reading = (await batcher.read_number(picture)).reading
    batcher.close()
    assert reading.text == "\n".join(texts)
    assert reading.lines == released.number(picture).lines


@pytest.mark.parametrize("digit", range(10))
def test_a_single_digit_on_a_note_is_read(released: Reader, digit: int) -> None:
    reading = released.digit(encoded(lying(note(str(digit)), table(seed=digit), -4), "JPEG", quality=85))
    assert (reading.digit, reading.status) == (digit, "ok")
    assert reading.box is not None
    assert about(reading.box, Box(LEFT + 60, TOP + 50, 35, 44), 40)


@pytest.mark.parametrize("shade", [150, 190])
def test_a_page_with_a_lit_patch_is_read_wholly(released: Reader, shade: int) -> None:
    """A patch of light is a sheet by its looks: what is beside it must not be lost."""
    ink = np.zeros(SIZE)
    for top, text in ((60, "8205"), (280, "4713"), (500, "9066")):
        row = row_of(text, 60, 14)
        ink[top : top + row.shape[0], 60 : 60 + row.shape[1]] = row / 255
    light = np.full(SIZE, float(shade))
    light[200:420, 30:440] = 235
    picture = np.round(light * (1 - 0.8 * ink)).astype(np.uint8)
    assert released.number(encoded(picture)).text == "8205\n4713\n9066"


def test_one_line_of_several_is_not_taken_for_all(released: Reader) -> None:
    """Half of the note is in a shadow, so that the whole picture shows one line of digits, and squares of the cloth."""
    cloth = np.full(SIZE, 120, np.uint8)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    cloth[(rows // 60 + columns // 60) % 2 == 0] = 35
    picture = lying(note("40721", "35126", paper=215), cloth, 5).astype(np.float32)
    picture[TOP + 130 :] *= 0.5
    assert released.number(encoded(picture.astype(np.uint8))).text == "40721\n35126"


def test_a_pen_beside_the_note_is_no_one(released: Reader) -> None:
    picture = lying(note("4072", "3512"), np.full(SIZE, 170, np.uint8), 4)
    cv2.line(picture, (150, 470), (160, 600), 60, 7, cv2.LINE_AA)
    reading = released.number(encoded(picture))
    assert (reading.text, reading.status) == ("4072\n3512", "ok")


def test_the_shadow_of_an_edge_beside_a_line_is_no_one_at_its_end(released: Reader) -> None:
    picture = lying(note("4072", paper=150), np.full(SIZE, 178, np.uint8), 0)
    cv2.line(picture, (LEFT + WIDTH, TOP + 36), (LEFT + WIDTH + 1, TOP + 92), 60, 5, cv2.LINE_AA)
    assert released.number(encoded(picture)).text == "4072"


@pytest.mark.parametrize(("left", "text"), [(11, "4072"), (32, "14072")])
def test_a_stroke_along_the_outline_is_a_bit_of_that(released: Reader, left: int, text: str) -> None:
    paper = note(" ", "4072")
    cv2.line(paper, (left, 118), (left + 2, 170), 45, 5, cv2.LINE_AA)
    assert released.number(encoded(lying(paper, table(), 3))).text == text


def test_a_digit_near_the_edge_of_the_paper_is_read(released: Reader) -> None:
    """Only mere strokes there are taken for bits of the outline."""
    paper = note(" ", "4072")
    row = row_of("8", 44)
    view = paper[30 : 30 + row.shape[0], 8 : 8 + row.shape[1]]
    view[:] = np.round(235 + (45 - 235) * (row / 255)).astype(np.uint8)
    assert released.number(encoded(lying(paper, table(), 3))).text == "8\n4072"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_colours_are_decoded_at_about_the_size_that_is_wanted(format: str) -> None:
    colours = np.zeros((300, 800, 3), np.uint8)
    colours[:150], colours[150:] = (200, 40, 60), (20, 120, 220)
    found = decode_colours(encoded(Image.fromarray(colours), format), 10**6, 100)
    assert found is not None
    assert 100 <= max(found.shape) <= 200
    assert np.abs(found[2, 5].astype(int) - (200, 40, 60)).max() < 12
    assert np.abs(found[-3, -5].astype(int) - (20, 120, 220)).max() < 12


def test_colours_are_upright_as_the_grey_picture_is() -> None:
    colours = np.zeros((64, 128, 3), np.uint8)
    colours[:, :64] = (220, 30, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(colours), "JPEG", exif=exif.tobytes(), quality=95)
    found = decode_colours(data, 10**6, 256)
    assert found is not None
    assert found.shape[:2] == decode(data, 10**6).grey.shape == (128, 64)
    assert found[5, 32, 0] > 180 and found[-5, 32, 0] < 60


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "LA", "RGBA"])
def test_grey_and_transparent_pictures_have_none(mode: str) -> None:
    assert decode_colours(encoded(Image.new(mode, (300, 300))), 10**6, 100) is None
    assert decode_colours(np.zeros((300, 300), np.uint8), 10**6, 100) is None
