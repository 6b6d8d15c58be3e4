"""A gallery of difficulties: pictures drawn here, one kind each, read by the released model through the whole way."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.reading.reader import Reader
from tests import drawing
from tests.drawing import encoded

Picture = NDArray[np.uint8]
Draw = Callable[[int], Picture | bytes]

NEAT = 14
"""A seed whose ten digits nobody would misread."""
page = functools.partial(drawing.page, seed=NEAT)
strokes = functools.partial(drawing.strokes, seed=NEAT)

GALLERY: dict[str, Draw] = {}


def shown(draw: Draw) -> Draw:
    """Hangs a drawing in the gallery under the name of its function."""
    GALLERY[draw.__name__.replace("_", " ")] = draw
    return draw


def grainy(picture: NDArray[np.floating] | Picture, sigma: float, seed: int) -> Picture:
    noisy = picture + np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def dark(digit: int) -> Picture:
    """Dark pen of usual width on light paper, 200×200."""
    return page(digit, (200, 200), height=120, pen=12, paper=235, colour=45)


def tight(digit: int, height: int, pen: float) -> Picture:
    """The digit alone, bright on dark, without any margin."""
    drawn = strokes(digit, height, pen)
    x, y, w, h = cv2.boundingRect((drawn > 100).astype(np.uint8))
    return np.ascontiguousarray(drawn[y : y + h, x : x + w])


@shown
def light_that_fades(digit: int) -> Picture:
    return grainy(dark(digit) * np.linspace(1.0, 0.35, 200), 3, digit)


@shown
def edge_of_a_shadow(digit: int) -> Picture:
    y, x = np.mgrid[:200, :200]
    shade = cv2.GaussianBlur(np.where(x + 0.3 * y < 120, 1.0, 0.55), (0, 0), 3)
    return grainy(dark(digit) * shade, 3, digit)


@shown
def pencil_across_the_edge_of_a_shadow(digit: int) -> Picture:
    """The edge closes the gaps between strokes, which look like light ink then, and is upright, as stripes of paper would be."""
    shade = cv2.GaussianBlur(np.where(np.arange(420) < 240, 1.0, 0.6)[None], (0, 0), 1.5)
    written = page(digit, (420, 420), height=150, pen=12, paper=225, colour=165)
    return grainy(written * shade, 3, digit)


@shown
def pencil_beside_a_lit_corner(digit: int) -> Picture:
    y, x = np.mgrid[:200, :200]
    lit = np.clip((x + 0.6 * y - 215) / 2, 0, 1)
    written = page(digit, (200, 200), height=90, pen=8, paper=228, colour=150, place=(0.4, 0.45))
    return grainy(written * (0.62 + 0.38 * lit), 2, digit)


@shown
def faint_pencil(digit: int) -> Picture:
    return grainy(page(digit, (200, 200), height=120, pen=8, paper=232, colour=208), 2, digit)


@shown
def blue_pen(digit: int) -> bytes:
    return coloured(digit, (35, 60, 165))


@shown
def red_pen(digit: int) -> bytes:
    return coloured(digit, (200, 40, 50))


def coloured(digit: int, ink: tuple[int, int, int]) -> bytes:
    cover = (255 - page(digit, (160, 140), height=100, pen=8)[..., None].astype(float)) / 255
    paper = np.array([243, 240, 230])
    return encoded(
        Image.fromarray((paper + (np.array(ink) - paper) * cover).astype(np.uint8), "RGB"), "JPEG", quality=80
    )


@shown
def picture_filled_in_uneven_light(digit: int) -> Picture:
    """The holes and corners that it leaves are no wider than its strokes."""
    cover = np.pad(tight(digit, 120, 14), 3).astype(np.float64) / 255
    y, x = (np.arange(side) / side for side in cover.shape)
    light = 0.72 + 0.28 * (x[None, :] + 0.6 * y[:, None]) / 1.6
    return grainy(cv2.GaussianBlur(225 * light * (1 - 0.6 * cover), (0, 0), 1.2), 3, digit)


@shown
def pencil_across_the_lines_of_squared_paper(digit: int) -> Picture:
    """A line each way, and both through the digit."""
    written = 255.0 - page(digit, (170, 130), height=88, pen=8, paper=255, colour=125, place=(0.55, 0.5))
    lines = np.zeros((170, 130))
    lines[96:99], lines[:, 52:55] = 70, 70
    return grainy(cv2.GaussianBlur(230 - np.maximum(written, lines), (0, 0), 0.8), 3, digit)


@shown
def broad_marker(digit: int) -> Picture:
    return page(digit, (300, 300), height=220, pen=42)


@shown
def ruled_paper(digit: int) -> Picture:
    paper = np.full((200, 200), 235.0)
    paper[14::36] = paper[15::36] = 150
    return grainy(np.minimum(paper, dark(digit)), 3, digit)


@shown
def squared_paper(digit: int) -> Picture:
    paper = np.full((200, 200), 235.0)
    for lines in (paper, paper.T):
        lines[10::30] = lines[11::30] = 165
    return grainy(np.minimum(paper, dark(digit)), 3, digit)


@shown
def pencil_hardly_darker_than_the_squares(digit: int) -> Picture:
    y, x = np.mgrid[:260, :260]
    squares = np.full((260, 260), 236.0)
    for along in (y + 0.03 * x, x - 0.03 * y):
        squares = np.minimum(squares, 236 - 51 * np.clip(1.3 - np.abs(along % 30 - 15), 0, 1))
    written = page(digit, (260, 260), height=110, pen=9, paper=236, colour=170)
    return grainy(np.minimum(squares, written) * (1 - 0.3 * x / 260), 2, digit)


@shown
def borders_of_a_cell(digit: int) -> Picture:
    cell = page(digit, (90, 90), height=56, pen=6, paper=210, colour=70)
    cell[:5], cell[-3:], cell[:, :7], cell[:, -2:] = 30, 60, 25, 60
    return grainy(np.asarray(cv2.GaussianBlur(cell, (0, 0), 0.9), np.uint8), 3, digit)


@shown
def digit_on_its_cells_border(digit: int) -> Picture:
    cell = page(digit, (90, 90), height=62, pen=6, paper=210, colour=70, place=(0.5, 0.92))
    cell[-5:], cell[:, :6] = 40, 30
    return grainy(cell, 3, digit)


@shown
def patterned_ground(digit: int) -> Picture:
    y, x = np.mgrid[:200, :200]
    pattern = 14 * np.sin(0.5 * x + 0.3 * y) + 14 * np.sin(0.3 * x - 0.55 * y)
    return grainy(0.8 * dark(digit) + 20 + pattern, 3, digit)


@shown
def blocks_of_a_strong_jpeg(digit: int) -> bytes:
    return encoded(dark(digit), "JPEG", quality=8)


@shown
def white_on_black(digit: int) -> Picture:
    return page(digit, paper=0, colour=255)


@shown
def chalk_on_a_board(digit: int) -> Picture:
    rng = np.random.default_rng(digit)
    cover = page(digit, (240, 240), height=150, pen=14, paper=0, colour=1).astype(float)
    cover = np.where(cv2.GaussianBlur(rng.random(cover.shape), (0, 0), 1) > 0.46, cover, 0.4 * cover)
    smears = cv2.GaussianBlur(rng.normal(0, 40, cover.shape), (0, 0), 8)
    return grainy(55 + smears + 160 * cover, 5, digit)


@shown
def thin_digital_pen(digit: int) -> Picture:
    return page(digit, (600, 600), height=440, pen=2)


@shown
def eight_pixels(digit: int) -> Picture:
    return np.asarray(
        cv2.resize(page(digit, (56, 56), height=48, pen=6), (8, 8), interpolation=cv2.INTER_AREA), np.uint8
    )


@shown
def sixteen_pixels(digit: int) -> Picture:
    return np.asarray(
        cv2.resize(page(digit, (64, 64), height=52, pen=6), (16, 16), interpolation=cv2.INTER_AREA), np.uint8
    )


@shown
def eight_thousand_pixels(digit: int) -> bytes:
    large = cv2.resize(page(digit, (155, 200), height=110, pen=11), (8000, 6200), interpolation=cv2.INTER_LINEAR)
    return encoded(np.asarray(large, np.uint8), compress_level=1)


@shown
def no_margin_dark_on_light(digit: int) -> Picture:
    return 255 - tight(digit, 100, 12)


@shown
def no_margin_light_on_dark(digit: int) -> Picture:
    return tight(digit, 40, 5)


@shown
def pure_black_and_white(digit: int) -> Picture:
    return np.where(page(digit, (40, 40), height=28, pen=3) > 127, 255, 0).astype(np.uint8)


@shown
def strokes_apart(digit: int) -> Picture:
    broken = page(digit, (120, 120), height=80, pen=7)
    broken[58:62] = 255
    return broken


@shown
def dirt_and_dots(digit: int) -> Picture:
    rng = np.random.default_rng(digit)
    dirty = page(digit, (240, 240), height=120, pen=12)
    for x, y in ((20, 30), (220, 15), (25, 215), (212, 205), (225, 120), (14, 120), (120, 14), (118, 228)):
        cv2.circle(dirty, (x, y), int(rng.integers(1, 5)), int(rng.integers(0, 150)), -1)
    return dirty


@shown
def cell_whose_soft_borders_cross(digit: int) -> Picture:
    """They reach all edges of the picture, as a digit may that fills it, and are too soft to be found as lines."""
    cell = page(digit, (64, 64), height=34, pen=4, paper=200, colour=120)
    borders = np.full((64, 64), 200, np.uint8)
    borders[:, 5:11] = borders[4:10] = 120
    return grainy(np.minimum(cv2.GaussianBlur(borders, (0, 0), 2.5), cell), 2, digit)


@shown
def faint_end_of_a_stroke(digit: int) -> Picture:
    """A pencil that is pressed less and less, on paper that is white."""
    pressed = np.linspace(1.0, 0.22, 56)[:, None]
    return (255 - pressed * (255 - page(digit, (56, 56), height=40, pen=4, paper=255, colour=60))).astype(np.uint8)


@shown
def salt_and_pepper(digit: int) -> Picture:
    picture, chance = dark(digit), np.random.default_rng(digit).random((200, 200))
    picture[chance < 0.05], picture[chance > 0.95] = 0, 255
    return picture


@shown
def salt_and_pepper_on_28_pixels(digit: int) -> Picture:
    picture = page(digit, (28, 28), height=20, pen=3, paper=0, colour=255)
    chance = np.random.default_rng(digit).random((28, 28))
    picture[chance < 0.04], picture[chance > 0.96] = 0, 255
    return picture


@shown
def line_across(digit: int) -> Picture:
    picture = dark(digit)
    cv2.line(picture, (0, 84), (199, 108), 45, 3, cv2.LINE_AA)
    return picture


@shown
def half_black_half_white_paper(digit: int) -> Picture:
    picture = page(digit, (56, 56), height=40, pen=5)
    picture[:, 14:42] = 255 - picture[:, 14:42]
    return picture


@shown
def grainy_sensor(digit: int) -> Picture:
    return grainy(dark(digit) * 0.5 + 60, 25, digit)


MISREAD = {"eight pixels": {1: ("not_a_digit", None)}}  # a stroke of eight pixels is too little to call it a digit


@pytest.mark.parametrize("name", GALLERY)
def test_each_difficulty_is_read_right(released: Reader, name: str) -> None:
    readings = {digit: released.digit(GALLERY[name](digit)) for digit in range(10)}
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
