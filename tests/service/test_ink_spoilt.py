"""Ink on spoilt pictures: lines across, borders, paper in bands, specks and grain, digits without a margin."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading import grain, paper
from service.reading.ink import find_digit
from service.reading.normalise import normalise
from service.reading.rules import lines_across
from tests.drawing import page, strokes

Image = NDArray[np.uint8]
LINE = 77  # of 255


def seen(picture: Image) -> Image:
    found = find_digit(picture)
    assert found, "no ink was found"
    return normalise(found[0].ink)


def alike(a: Image, b: Image) -> float:
    """Correlation of two 28×28 pictures, the better of small shifts."""
    shifted = (np.roll(b, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1))
    return max(float(np.corrcoef(a.ravel(), other.ravel())[0, 1]) for other in shifted)


def tight(digit: int, height: int = 60, pen: float = 7) -> Image:
    drawn = strokes(digit, height, pen)
    x, y, w, h = cv2.boundingRect((drawn > 100).astype(np.uint8))
    return np.ascontiguousarray(drawn[y : y + h, x : x + w])


PLAIN = {digit: seen(page(digit)) for digit in range(10)}


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("ends", [((0, 80), (199, 80)), ((0, 120), (199, 96)), ((0, 70), (199, 100))])
def test_a_line_across_is_taken_out_and_strokes_that_cross_it_stay(
    digit: int, ends: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    picture = page(digit, (200, 200), height=120, pen=12)
    cv2.line(picture, *ends, 0, 3, cv2.LINE_AA)
    assert alike(seen(picture), PLAIN[digit]) > 0.85


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("dark", [True, False])
def test_a_digit_without_a_margin_holds_no_lines_and_keeps_its_polarity(digit: int, dark: bool) -> None:
    cut = tight(digit)
    assert lines_across(np.pad(cut, 14), LINE) is None
    assert alike(seen(255 - cut if dark else cut), PLAIN[digit]) > 0.85


def test_lines_of_squared_paper_are_found_and_the_digit_is_not_among_them() -> None:
    ink = 255 - page(5, (200, 200), height=110, pen=10)
    squared = ink.copy()
    squared[10::30], squared[:, 10::30] = 120, 120
    lines = lines_across(np.maximum(ink, squared), LINE)
    assert lines is not None
    assert lines[10::30].mean() > 0.75
    assert (lines & (ink > 200)).sum() < 0.1 * (ink > 200).sum()


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("digit", range(10))
def test_paper_in_bands_has_a_level_in_each(digit: int, upright: bool) -> None:
    picture = page(digit, (60, 60), height=40, pen=5)
    half = np.s_[:, 20:40] if upright else np.s_[20:40]
    picture[half] = 255 - picture[half]
    assert alike(seen(picture), PLAIN[digit]) > 0.85


def test_specks_are_taken_out_and_thin_lines_stay() -> None:
    thin = page(7, (60, 60), height=44, pen=1)
    assert grain.without_specks(thin) is thin
    chance = np.random.default_rng(0).random(thin.shape)
    noisy = np.where(chance < 0.06, 0, thin).astype(np.uint8)
    clean = grain.without_specks(noisy)
    assert (clean != thin).mean() < 0.4 * (noisy != thin).mean()


@pytest.mark.parametrize("digit", range(10))
def test_only_grainy_strokes_are_pitted(digit: int) -> None:
    smooth = strokes(digit, 24, 5)
    photons = np.random.default_rng(digit).poisson(smooth / 85.0) * 85
    assert not grain.is_pitted(smooth)
    assert grain.is_pitted(np.minimum(photons, 255).astype(np.uint8))


@pytest.mark.parametrize("dark_ink", [True, False])
def test_relief_rises_towards_ink_and_is_flat_on_paper_under_a_shadow(dark_ink: bool) -> None:
    light = np.where(np.mgrid[:200, :200][1] + 0.4 * np.mgrid[:200, :200][0] < 140, 1.0, 0.55)
    picture = page(3, (200, 200), height=110, pen=10, paper=230 if dark_ink else 60, colour=50 if dark_ink else 240)
    relief = next(paper.reliefs((picture * light).astype(np.uint8))).values
    cover = 255 - page(3, (200, 200), height=110, pen=10)
    assert relief[cover > 250].min() > 3 * np.percentile(np.abs(relief[cover == 0]), 90)


@pytest.mark.parametrize("way", ["clear", "sloping", "light", "dark"])
def test_whatever_way_is_asked_for_there_is_a_relief(way: paper.Way) -> None:
    y, x = np.mgrid[:90, :70]
    stroke = (np.abs(x - 35) < 8) & (y > 4) & (y < 86)
    slope = 150.0 + x - 0.5 * y
    for picture in (slope, slope + 30 * (x > 50), np.full((90, 70), 200.0), 40.0 * (x // 8 % 2) + y):
        grey = np.where(stroke, picture * 0.4, picture).astype(np.uint8)
        found = list(paper.reliefs(grey, way))
        assert found
        assert all(relief.values.shape == grey.shape for relief in found)
