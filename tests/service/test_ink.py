"""Ink: what is found on paper of every kind, and the 28×28 picture that is made of it."""

import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from service.reading.ink import find_digit
from service.reading.normalise import BOX, CANVAS, normalise, stroke_width
from tests.drawing import page, strokes
from trainer.canvas import to_canvas

Image = NDArray[np.uint8]


def seen(picture: Image) -> Image:
    found = find_digit(picture)
    assert found, "no ink was found"
    return normalise(found[0].ink)


def alike(a: Image, b: Image) -> float:
    """Correlation of two 28×28 pictures, the better of small shifts."""
    best = -1.0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            shifted = np.roll(b, (dy, dx), (0, 1))
            best = max(best, float(np.corrcoef(a.ravel(), shifted.ravel())[0, 1]))
    return best


def light(shape: tuple[int, int], darkest: float) -> NDArray[np.float64]:
    rows, columns = shape
    return 1 - (1 - darkest) * np.linspace(0, 1, columns)[None, :] * np.linspace(0.4, 1, rows)[:, None]


PLAIN = {digit: seen(page(digit)) for digit in range(10)}


@pytest.mark.parametrize("digit", range(10))
def test_light_on_dark_is_seen_like_dark_on_light(digit: int) -> None:
    assert np.abs(seen(255 - page(digit)).astype(int) - PLAIN[digit]).max() <= 2


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(
    "changed",
    [
        {"size": (400, 500), "place": (0.05, 0.95)},
        {"size": (500, 300), "height": 220, "pen": 22, "paper": 210, "colour": 90},
        {"paper": 250, "colour": 225},
        {"paper": 20, "colour": 60},
        {"size": (64, 64), "height": 20, "pen": 2, "place": (0.9, 0.1)},
    ],
    ids=["off-centre", "large grey", "faint", "faint light on dark", "tiny"],
)
def test_place_size_and_contrast_do_not_matter(digit: int, changed: dict[str, object]) -> None:
    assert alike(seen(page(digit, **changed)), PLAIN[digit]) > 0.85  # type: ignore[arg-type]


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("dark_ink", [True, False])
def test_uneven_light_does_not_matter(digit: int, dark_ink: bool) -> None:
    picture = page(digit, (200, 200), height=120, pen=12, paper=230 if dark_ink else 40, colour=50 if dark_ink else 220)
    noise = np.random.default_rng(digit).normal(0, 3, picture.shape)
    lit = np.clip(picture * light((200, 200), 0.5) + noise, 0, 255).astype(np.uint8)
    assert alike(seen(lit), PLAIN[digit]) > 0.85


@pytest.mark.parametrize("level", [0, 7, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (1, 300), (300, 200)])
def test_flat_pictures_hold_no_ink(level: int, size: tuple[int, int]) -> None:
    assert not find_digit(np.full(size, level, np.uint8))


@pytest.mark.parametrize("sigma", [1, 3, 8])
@pytest.mark.parametrize("darkest", [1.0, 0.5])
def test_empty_paper_holds_no_ink_however_lit_and_noisy(sigma: float, darkest: float) -> None:
    rng = np.random.default_rng(int(sigma))
    for size in ((40, 40), (150, 220), (600, 400)):
        paper = 220 * light(size, darkest) + rng.normal(0, sigma, size)
        assert not find_digit(np.clip(paper, 0, 255).astype(np.uint8)), size


def test_the_box_is_where_the_ink_is() -> None:
    picture = np.full((200, 300), 255, np.uint8)
    picture[50:120, 100:110] = 0
    (found,) = find_digit(picture)
    assert (found.box.x, found.box.y, found.box.width, found.box.height) == (100, 50, 10, 70)


@pytest.mark.parametrize("digit", range(10))
def test_a_cells_frame_is_left_out(digit: int) -> None:
    cell = page(digit, (100, 100), height=60)
    cell[:4], cell[:, 3:6] = 0, 0
    assert alike(seen(cell), PLAIN[digit]) > 0.95


def test_a_frame_without_a_digit_holds_no_ink() -> None:
    cell = np.full((80, 80), 225, np.uint8)
    cell[-5:], cell[:, :4] = 40, 60
    assert not find_digit(cell)


def test_dirt_beside_the_digit_is_left_out_and_a_bar_apart_is_kept() -> None:
    dirty = page(3, (120, 120), place=(0.3, 0.5))
    cv2.circle(dirty, (105, 100), 3, 0, -1)
    assert alike(seen(dirty), PLAIN[3]) > 0.95
    barred = page(1, (120, 120), height=60, place=(0.3, 0.7))
    (found,) = find_digit(barred)
    cv2.rectangle(barred, (found.box.x + 8, found.box.y - 14), (found.box.x + 60, found.box.y - 8), 0, -1)
    (both,) = find_digit(barred)
    assert both.box.width >= 50


def test_two_digits_are_both_seen_so_that_they_are_not_taken_for_one() -> None:
    two = np.hstack([page(4, (100, 80)), page(2, (100, 80))])
    (found,) = find_digit(two)
    assert found.box.width > 90


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=60)))
@settings(max_examples=150, deadline=None)
def test_any_picture_gives_ink_within_it_or_none(picture: Image) -> None:
    for found in find_digit(picture):
        box = found.box
        assert 0 <= box.x < box.x + box.width <= picture.shape[1]
        assert 0 <= box.y < box.y + box.height <= picture.shape[0]
        assert found.ink.shape == (box.height, box.width)
        assert normalise(found.ink).shape == (CANVAS, CANVAS)


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=120)).filter(lambda a: a.max() > 0))
@settings(max_examples=150, deadline=None)
def test_any_ink_is_normalised_within_the_canvas(ink: Image) -> None:
    canvas = normalise(ink)
    assert canvas.shape == (CANVAS, CANVAS)
    assert canvas.max() == 255


@pytest.mark.parametrize("digit", range(10))
def test_normalising_agrees_with_the_trainers_contract(digit: int) -> None:
    drawn = strokes(digit, 60, 7)
    y, x = np.nonzero(drawn)
    cut = drawn[y.min() : y.max() + 1, x.min() : x.max() + 1]
    assert np.abs(normalise(cut).astype(int) - to_canvas(drawn)).max() <= 2


@pytest.mark.parametrize("digit", range(10))
def test_the_normalised_picture_is_boxed_and_centred_by_mass(digit: int) -> None:
    canvas = PLAIN[digit].astype(float)
    rows, columns = np.nonzero(canvas.max(1))[0], np.nonzero(canvas.max(0))[0]
    assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - BOX) <= 1
    y, x = np.mgrid[:CANVAS, :CANVAS]
    assert abs((canvas * y).sum() / canvas.sum() - 14) <= 0.75
    assert abs((canvas * x).sum() / canvas.sum() - 14) <= 0.75


def test_a_normalised_picture_stays_as_it_is() -> None:
    for canvas in PLAIN.values():
        assert np.abs(seen(canvas).astype(int) - canvas).max() <= 40


@pytest.mark.parametrize("width", [2, 5, 12, 30])
def test_stroke_width_is_measured(width: int) -> None:
    bar = np.zeros((200, 60), np.uint8)
    bar[10:190, 10 : 10 + width] = 255
    assert stroke_width(bar) == pytest.approx(width, rel=0.25, abs=1)


def test_thin_strokes_of_a_large_drawing_stay_visible() -> None:
    thin = seen(page(7, (600, 600), height=500, pen=2))
    assert (thin > 150).sum() > 25


@pytest.mark.parametrize("side", [512, 1024])
def test_thousands_of_dots_are_searched_in_bounded_time(side: int) -> None:
    dots = np.full((side, side), 255, np.uint8)
    dots[::2, ::2] = 0
    salt = np.where(np.random.default_rng(0).random((side, side)) < 0.1, 0, 255).astype(np.uint8)
    for picture in (dots, salt):
        started = time.perf_counter()
        find_digit(picture)
        assert time.perf_counter() - started < 0.5
