"""A sheet with something around it: a note on a table is found, and read as if there were nothing else."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.model.batcher import Batcher
from service.model.gate import Gate
from service.reading import sheet as sheets
from service.reading.decode import decode, decode_colours
from service.reading.picture import Page
from service.reading.reader import Reader
from service.reading.sheet import Sheet, is_roomy, sheet_of
from service.reading.types import Box
from tests.drawing import encoded, page, row_of
from tests.service.checks import Observed

Grey = NDArray[np.uint8]
SIZE = 640, 480
LEFT, TOP, WIDTH, HEIGHT = 90, 170, 310, 240
"""Of the note on the table, before it is turned."""
PINK, YELLOW = (190, 105, 130), (140, 134, 70)
"""Two colours that are equally bright."""


def note(*texts: str, paper: int = 235, ink: int = 45) -> Grey:
    """A note with lines of digits."""
    cover = np.zeros((HEIGHT, WIDTH))
    for place, text in enumerate(texts):
        row = row_of(text, 44, 10)
        top = 40 + 80 * place
        cover[top : top + row.shape[0], 50 : 50 + row.shape[1]] = row / 255
    return np.round(paper + (ink - paper) * cover).astype(np.uint8)


def table(level: int = 80, grain: float = 12, seed: int = 0) -> Grey:
    """A table of wood, of `level` on average."""
    rows = np.random.default_rng(seed).normal(level, grain, (SIZE[0], 6))
    return np.clip(cv2.resize(rows, SIZE[::-1], interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def lying(note: Grey, table: Grey, degrees: float = 5, left: int = LEFT) -> Grey:
    """The note on the table."""
    place = np.array([[1, 0, left], [0, 1, TOP]], np.float64)
    turn = cv2.getRotationMatrix2D((left + WIDTH / 2, TOP + HEIGHT / 2), degrees, 1)
    to = (turn @ np.vstack([place, [0, 0, 1]])).astype(np.float64)
    there = cv2.warpAffine(np.ones(note.shape, np.float32), to, SIZE[::-1])
    laid = cv2.warpAffine(note, to, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.round(table + there * (laid - table.astype(np.float32))).astype(np.uint8)


def page_of(grey: Grey) -> Page:
    return Page(grey, grey.shape[1], grey.shape[0])


def about(box: Box, other: Box, pixels: int) -> bool:
    edges = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in (box, other)]
    return all(abs(one - two) <= pixels for one, two in zip(*edges, strict=True))


@pytest.mark.parametrize(("paper", "ground"), [(235, 80), (120, 190), (25, 150)])
def test_a_note_is_found_whether_it_is_lighter_or_darker_than_the_table(paper: int, ground: int) -> None:
    picture = lying(note(paper=paper), table(ground), 0)
    found = sheet_of(page_of(picture), None)
    assert found is not None and found.page.area is not None
    assert about(found.page.area, Box(LEFT, TOP, WIDTH, HEIGHT), 12)
    assert found.page.grey.shape == (found.page.area.height, found.page.area.width)
    assert np.abs(found.page.grey.astype(int) - paper).max() <= 3  # nothing of the table is left


def test_one_that_is_turned_is_cut_out_and_its_corners_are_painted_like_paper() -> None:
    found = sheet_of(page_of(lying(note(), table(), 12)), None)
    assert found is not None
    assert found.page.grey.shape > (HEIGHT, WIDTH)
    assert found.page.grey.min() > 200


def test_one_that_runs_out_of_the_picture_is_found() -> None:
    found = sheet_of(page_of(lying(note(), table(), 0, left=-40)), None)
    assert found is not None and found.page.area is not None
    assert about(found.page.area, Box(0, TOP, WIDTH - 40, HEIGHT), 12)


def test_one_as_bright_as_the_table_is_found_by_its_colour() -> None:
    there = lying(np.full((HEIGHT, WIDTH), 255, np.uint8), np.zeros(SIZE, np.uint8), 0) > 127
    colours = np.where(there[..., None], np.array(YELLOW), np.array(PINK)).astype(np.uint8)
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.ptp(grey) <= 5
    assert sheet_of(page_of(grey), None) is None
    found = sheet_of(page_of(grey), colours[::2, ::2])
    assert found is not None and found.page.area is not None
    assert about(found.page.area, Box(LEFT, TOP, WIDTH, HEIGHT), 14)


def test_a_shadow_across_a_coloured_note_does_not_cut_it_in_two() -> None:
    there = lying(np.full((HEIGHT, WIDTH), 255, np.uint8), np.zeros(SIZE, np.uint8), 0) > 127
    colours = np.where(there[..., None], np.array(YELLOW), np.array(PINK)).astype(np.float32)
    colours[:, LEFT + WIDTH // 2 :] *= 0.45
    picture = colours.astype(np.uint8)
    found = sheet_of(page_of(np.asarray(Image.fromarray(picture).convert("L"))), picture)
    assert found is not None and found.page.area is not None
    assert about(found.page.area, Box(LEFT, TOP, WIDTH, HEIGHT), 14)


@pytest.mark.parametrize("grey", [np.full(SIZE, 230, np.uint8), page(5, SIZE, height=300, pen=30), table()])
def test_a_page_a_digit_and_an_empty_table_are_no_sheets(grey: Grey) -> None:
    found = sheet_of(page_of(grey), None)
    assert found is None or found.page.grey.size < 0.5 * grey.size  # a plank may be


def test_small_pictures_show_no_table() -> None:
    small = cv2.resize(lying(note(), table()), (sheets._ROOMY - 1, 300))
    assert not is_roomy(page_of(np.asarray(small, np.uint8)))
    assert sheet_of(page_of(np.asarray(small, np.uint8)), None) is None


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
            assert found.page.area is not None
            assert found.page.grey.shape == (found.page.area.height, found.page.area.width)
            assert min(found.page.grey.shape) > 0


def test_a_strip_that_is_all_rim_is_no_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = page_of(lying(note(), table(), 0))
    assert sheet_of(picture, None) is not None
    monkeypatch.setattr(sheets, "_RIM", 100)
    assert sheet_of(picture, None) is None


def test_what_is_on_a_sheet_and_what_is_beside_it() -> None:
    corners = np.array([(100, 100), (300, 100), (300, 300), (100, 300)], np.float32)
    found = Sheet(page_of(np.zeros((512, 512), np.uint8)), corners, sure=True)
    assert found.holds(Box(150, 150, 40, 60))
    assert not found.holds(Box(90, 150, 20, 60))  # across the outline
    assert not found.holds(Box(102, 150, 10, 60))  # along it
    assert not found.holds(Box(320, 150, 20, 60))
    assert found.is_in(Box(98, 104, 203, 198)) and not found.is_in(Box(98, 104, 150, 198))
    assert replace(found, sure=False).holds(Box(320, 150, 20, 60))


def test_boxes_and_masks_of_a_part_are_those_of_the_picture() -> None:
    whole = Page(np.zeros((100, 200), np.uint8), 800, 400)
    part = whole.part(np.zeros((40, 60), np.uint8), Box(100, 50, 60, 40)).reduced(30)
    assert part.grey.shape == (20, 30)
    assert part.area == Box(400, 200, 240, 160)
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
