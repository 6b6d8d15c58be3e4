"""A gallery of difficulties, drawn here, one kind each: light, pens, sizes and frames. `gallery_paper` adds those on the paper."""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
def broad_marker(digit: int) -> Picture:
    return page(digit, (300, 300), height=220, pen=42)


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
def faint_end_of_a_stroke(digit: int) -> Picture:
    """A pencil that is pressed less and less, on paper that is white."""
    pressed = np.linspace(1.0, 0.22, 56)[:, None]
    return (255 - pressed * (255 - page(digit, (56, 56), height=40, pen=4, paper=255, colour=60))).astype(np.uint8)
