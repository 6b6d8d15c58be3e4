"""Numbers as people send them, each difficulty drawn here and read right by the released model."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.reading.reader import Reader
from tests.drawing import encoded, row_of

Grey = NDArray[np.uint8]
RANDOM = np.random.default_rng(8)


def ink(*texts: str, height: int = 44, gap: int = 14, margin: int = 36, lead: int = 30) -> Grey:
    """Lines of digits, bright on black."""
    rows = [row_of(text, height, gap) for text in texts]
    page = np.zeros(
        (sum(r.shape[0] + lead for r in rows) - lead + 2 * margin, max(r.shape[1] for r in rows) + 2 * margin)
    )
    top = margin
    for row in rows:
        page[top : top + row.shape[0], margin : margin + row.shape[1]] = row
        top += row.shape[0] + lead
    return page.astype(np.uint8)


def paper(ink: Grey, light: float = 245, dark: float = 40) -> Grey:
    return np.round(light + (dark - light) * (ink / 255)).astype(np.uint8)


def warped(ink: Grey, matrix: list[list[float]], room: int = 60) -> Grey:
    wide = cv2.copyMakeBorder(ink, room, room, room, room, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.warpAffine(wide, np.array(matrix, np.float64), (wide.shape[1], wide.shape[0])), np.uint8)


def turned(ink: Grey, degrees: float) -> Grey:
    wide = cv2.copyMakeBorder(ink, 90, 90, 60, 60, cv2.BORDER_CONSTANT)
    turn = cv2.getRotationMatrix2D((wide.shape[1] / 2, wide.shape[0] / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(wide, turn, (wide.shape[1], wide.shape[0])), np.uint8)


def ruled(grey: Grey, *rows: int, level: int = 120) -> Grey:
    for row in rows:
        grey[row : row + 2] = np.minimum(grey[row : row + 2], level)
    return grey


def marked(grey: Grey, draw: Callable[[Grey], object]) -> Grey:
    draw(grey)
    return grey


def point(grey: Grey) -> None:
    cv2.circle(grey, (36 + 2 * 42 - 4, 36 + 42), 3, 40, -1, cv2.LINE_AA)


def closing(grey: Grey) -> None:
    right = grey.shape[1]
    for y in (50, 62):
        cv2.line(grey, (right - 34, y), (right - 8, y), 40, 3, cv2.LINE_AA)


def shadow(grey: Grey) -> Grey:
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    return np.round(grey * np.where(x + y > grey.shape[1] * 0.6, 0.5, 1.0)).astype(np.uint8)


def shaded(grey: Grey, share: float, beyond: int) -> Grey:
    """With a hard shadow over all columns from `beyond` on."""
    return np.round(grey * np.where(np.arange(grey.shape[1]) >= beyond, share, 1.0)).astype(np.uint8)


def squared(grey: Grey, pitch: int, level: int) -> Grey:
    grid = np.full_like(grey, 255)
    grid[7::pitch], grid[:, 9::pitch] = level, level
    return np.asarray(np.minimum(grey, grid), np.uint8)


def broken() -> Grey:
    """600, of which the first digit is in two pieces and the last one larger than the others."""
    page = np.zeros((140, 230), np.uint8)
    for digit, height, left, top in (("6", 58, 36, 40), ("0", 40, 100, 52), ("0", 56, 160, 36)):
        part = row_of(digit, height, 0)
        page[top : top + part.shape[0], left : left + part.shape[1]] = part
    page[58:63, :96] = 0
    return page


def pattern(grey: Grey) -> Grey:
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    return np.asarray(
        np.clip(grey - 35.0 * (np.sin(x / 3 + np.sin(y / 9) * 3) > 0.4), 0, 255).astype(np.uint8), np.uint8
    )


def noisy(grey: Grey) -> Grey:
    return np.asarray(np.clip(grey + RANDOM.normal(0, 14, grey.shape), 0, 255), np.uint8)


def jpeg(grey: Grey, quality: int) -> bytes:
    return encoded(grey, "JPEG", quality=quality)


def in_colour(grey: Grey, pen: tuple[int, int, int]) -> bytes:
    cover = (255 - grey[..., None].astype(np.float64)) / 255
    return encoded(np.round(250 + (np.array(pen) - 250) * cover).astype(np.uint8))


def sideways(grey: Grey) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(np.rot90(grey)))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


GALLERY: dict[str, tuple[Grey | bytes, str]] = {
    "dark on light": (paper(ink("2306")), "2306"),
    "white on black": (ink("8053"), "8053"),
    "two lines": (paper(ink("206", "8530")), "206\n8530"),
    "four lines": (paper(ink("26", "380", "5", "9032")), "26\n380\n5\n9032"),
    "spaces": (paper(ink("20 830")), "20830"),
    "a thousands point": (marked(paper(ink("2830")), point), "2830"),
    "closing strokes": (marked(paper(ink("2830", margin=44)), closing), "2830"),
    "touching": (paper(ink("3020", gap=-2)), "3020"),
    "slanted": (paper(warped(ink("2603"), [[1, -0.35, 60], [0, 1, 0]])), "2603"),
    "climbing": (paper(turned(ink("263085"), 10)), "263085"),
    "falling": (paper(turned(ink("263085"), -14)), "263085"),
    "ruled below": (ruled(paper(ink("2306")), 36 + 52), "2306"),
    "ruled through the feet": (ruled(paper(ink("2306")), 36 + 40), "2306"),
    "a hard shadow": (shadow(paper(ink("20836"))), "20836"),
    "a shadow at the edge": (shaded(paper(ink("20", "63", "85"), 230, 185), 0.55, 143), "20\n63\n85"),
    "chalk in the shadow": (shaded(paper(ink("20836"), 40, 240), 0.4, 190), "20836"),
    "squared, in pencil": (squared(paper(ink("2083"), 235, 150), 20, 185), "2083"),
    "a digit in pieces": (paper(broken()), "600"),
    "a security pattern": (pattern(paper(ink("2083", height=60), 225, 70)), "2083"),
    "noise": (noisy(paper(ink("2083", height=60))), "2083"),
    "faint pencil": (paper(ink("2083"), 230, 185), "2083"),
    "low resolution": (
        np.asarray(cv2.resize(paper(ink("2083")), None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)),
        "2083",
    ),
    "large": (np.asarray(cv2.resize(paper(ink("2083")), None, fx=9, fy=9, interpolation=cv2.INTER_CUBIC)), "2083"),
    "a bad JPEG": (jpeg(paper(ink("2083", height=60)), 18), "2083"),
    "blue pen": (in_colour(255 - ink("2083"), (40, 60, 190)), "2083"),
    "red pen": (in_colour(255 - ink("2083"), (200, 30, 40)), "2083"),
    "turned by EXIF": (sideways(paper(ink("2083"))), "2083"),
    "black and white": (np.where(ink("2083") > 127, 0, 255).astype(np.uint8), "2083"),
    "no margin": (paper(ink("2083", margin=0)), "2083"),
    "one digit": (paper(ink("3")), "3"),
}


@pytest.mark.parametrize("name", GALLERY)
def test_numbers_are_read(released: Reader, name: str) -> None:
    picture, text = GALLERY[name]
    reading = released.number(picture)
    assert reading.text == text
    assert reading.status in ("ok", "uncertain")


def test_boxes_lie_on_their_digits(released: Reader) -> None:
    grey = paper(ink("2083", gap=24))
    (line,) = released.number(grey).lines
    rights = [digit.box.x + digit.box.width for digit in line.digits]
    lefts = [digit.box.x for digit in line.digits]
    assert all(right <= left for right, left in zip(rights, lefts[1:], strict=False))
    inked = grey < 128
    for digit in line.digits:
        box = digit.box
        assert 30 <= box.height <= 60
        inked[box.y : box.y + box.height, box.x : box.x + box.width] = False
    assert inked.sum() < 0.02 * (grey < 128).sum()


def test_boxes_are_in_pixels_of_the_picture_that_was_sent(released: Reader) -> None:
    small, large = (released.number(np.asarray(cv2.resize(paper(ink("2083")), None, fx=f, fy=f))) for f in (1.0, 12.0))
    for one, other in zip(small.lines[0].digits, large.lines[0].digits, strict=True):
        assert other.box.x / 12 == pytest.approx(one.box.x, abs=4)
        assert other.box.height / 12 == pytest.approx(one.box.height, abs=6)


def letters() -> Grey:
    page = np.full((300, 700), 255, np.uint8)
    for k, words in enumerate(("the quick brown fox", "jumps over the dark", "and heavy wardrobe")):
        cv2.putText(page, words, (20, 70 + 80 * k), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.8, 0, 3, cv2.LINE_AA)
    return page


@pytest.mark.parametrize(
    "name",
    [
        "letters",
        "noise",
        "soft noise",
        "a wide strip of noise",
        "a grid",
        "blank",
    ],
)
def test_what_holds_no_number_is_refused(released: Reader, name: str) -> None:
    grid = np.full((400, 400), 255, np.uint8)
    grid[::40] = grid[:, ::40] = 0
    pictures: dict[str, NDArray[np.uint8]] = {
        "letters": letters(),
        "noise": RANDOM.integers(0, 256, (300, 300)).astype(np.uint8),
        "soft noise": np.asarray(
            cv2.GaussianBlur(RANDOM.integers(0, 256, (300, 300)).astype(np.uint8), (0, 0), 1.0), np.uint8
        ),
        "a wide strip of noise": np.clip(RANDOM.normal(128, 40, (150, 600)), 0, 255).astype(np.uint8),
        "a grid": grid,
        "blank": np.full((200, 300), 230, np.uint8),
    }
    reading = released.number(pictures[name])
    assert reading.status in ("blank", "not_a_digit")
    assert (reading.text, reading.lines, reading.confidence) == ("", (), 0.0)


def test_the_explanation_shows_ink_and_candidates(released: Reader) -> None:
    grey = paper(ink("2083"))
    reading = released.number(grey, explain=True)
    assert reading.explanation is not None
    mask = np.asarray(Image.open(io.BytesIO(reading.explanation.mask)))
    assert mask.shape == grey.shape
    assert ((mask > 0) == (grey < 140)).mean() > 0.97
    chosen = [c for c in reading.explanation.candidates if c.chosen]
    assert [c.digit for c in chosen] == [2, 0, 8, 3]
    assert [c.box for c in chosen] == [d.box for d in reading.lines[0].digits]
    assert len(reading.explanation.candidates) >= len(chosen)
