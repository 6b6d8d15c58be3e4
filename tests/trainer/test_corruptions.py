"""Each corruption does what its name says, at the published strength, to digits of the project's own pen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.corruptions import KINDS, corrupt
from trainer.pens import draw_digits
from trainer.survey import measure_ink

Images = NDArray[np.uint8]
UNCHANGED_WHERE_BLACK = (
    "shot_noise",
    "glass_blur",
    "motion_blur",
    "shear",
    "scale",
    "rotate",
    "translate",
    "canny_edges",
)


@pytest.fixture(scope="module")
def digits() -> Images:
    return draw_digits(np.arange(200) % 10, [5])


def columns_of(image: Images, below: int, above: int) -> NDArray[np.int64]:
    """The columns with a value in that range."""
    return np.flatnonzero(((image >= below) & (image <= above)).any(axis=0))


def test_there_are_the_fifteen_of_the_paper() -> None:
    assert len(KINDS) == len(set(KINDS)) == 15


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_shape_and_depends_on_its_seed_alone(digits: Images, kind: str) -> None:
    before = digits.copy()
    spoilt = corrupt(digits, kind, 1)
    assert spoilt.shape == digits.shape
    assert spoilt.dtype == np.uint8
    np.testing.assert_array_equal(digits, before)
    np.testing.assert_array_equal(corrupt(digits, kind, 1), spoilt)
    changed = (spoilt != digits).any(axis=(1, 2))
    assert changed.mean() > 0.97  # spatter may miss a thin digit; nothing else leaves one as it was
    by_chance = kind not in ("scale", "brightness", "stripe", "canny_edges")
    assert (corrupt(digits, kind, 2) != spoilt).any() == by_chance


@pytest.mark.parametrize("kind", KINDS)
def test_no_picture_and_a_black_one(kind: str) -> None:
    assert corrupt(np.zeros((0, 28, 28), np.uint8), kind, 1).shape == (0, 28, 28)
    black = corrupt(np.zeros((3, 28, 28), np.uint8), kind, 1)
    if kind in UNCHANGED_WHERE_BLACK:
        assert not black.any()


def test_what_cannot_be_corrupted_is_refused() -> None:
    with pytest.raises(ValueError, match="no corruption is called 'snow'"):
        corrupt(np.zeros((1, 28, 28), np.uint8), "snow", 0)
    wrong: Any
    for wrong in (np.zeros((28, 28), np.uint8), np.zeros((1, 28, 28), np.float32), np.zeros((1, 32, 32), np.uint8)):
        with pytest.raises(ValueError, match="wanted: uint8"):
            corrupt(wrong, "fog", 0)


def test_shot_noise_has_three_photons_for_white() -> None:
    for grey, levels in ((255, [0, 85, 170, 255]), (85, [0, 85, 170, 255])):
        spoilt = corrupt(np.full((50, 28, 28), grey, np.uint8), "shot_noise", 1)
        assert sorted(set(spoilt.ravel().tolist())) == levels
        dark = np.mean(spoilt == 0)
        assert dark == pytest.approx(np.exp(-3 * grey / 255), abs=0.01)  # Poisson's chance of no photon


def test_impulse_noise_hits_17_of_100_pixels() -> None:
    spoilt = corrupt(np.full((100, 28, 28), 100, np.uint8), "impulse_noise", 1)
    assert np.mean(spoilt == 255) == pytest.approx(0.085, abs=0.003)
    assert np.mean(spoilt == 0) == pytest.approx(0.085, abs=0.003)
    assert np.mean(spoilt == 100) == pytest.approx(0.83, abs=0.005)


def test_blurs_keep_the_ink_and_spread_it(digits: Images) -> None:
    ink = measure_ink(digits).mass
    for kind in ("glass_blur", "motion_blur"):
        spoilt = corrupt(digits, kind, 1)
        np.testing.assert_allclose(measure_ink(spoilt).mass, ink, rtol=0.12)
        assert (spoilt > 0).sum() > 1.2 * (digits > 0).sum()
        assert spoilt.max(axis=(1, 2)).mean() < 250


def test_motion_blur_pulls_a_dot_to_one_side() -> None:
    dot = np.zeros((40, 28, 28), np.uint8)
    dot[:, 14, 20] = 255
    spoilt = corrupt(dot, "motion_blur", 1)
    assert not spoilt[:, :, 21:].any()
    brightest = spoilt.max(axis=1).argmax(axis=1)
    assert np.median(brightest) == 20  # where it was; steeply tilted, two steps may meet a little further on
    assert (brightest >= 17).all()
    assert (measure_ink(spoilt).width >= 5).all()
    heights = measure_ink(spoilt).y - 14
    assert heights.min() < -0.5
    assert heights.max() > 0.5  # −45° to 45°
    assert np.abs(heights).max() <= 20 - measure_ink(spoilt).x.min() + 0.1


def test_warps_do_what_they_are_called() -> None:
    dot = np.zeros((30, 28, 28), np.uint8)
    dot[:, 4, 13:15] = 255  # on the middle's vertical, 9.5 above the middle

    def moved(kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ink = measure_ink(corrupt(dot, kind, 1))
        return ink.x - 13.5, ink.y - 13.5

    for kind, x, y in (
        ("translate", 3, -9.5),
        ("rotate", 9.5 * np.sin(0.4), -9.5 * np.cos(0.4)),
        ("shear", 9.5 * np.tan(0.4), -9.5 / np.cos(0.4)),
    ):
        right, down = moved(kind)
        assert {-1, 1} == set(np.sign(right).astype(int).tolist())
        np.testing.assert_allclose(np.abs(right), x, atol=0.25)
        if kind == "translate":
            assert set(np.round(down - y).astype(int).tolist()) == {-3, 3}
        else:
            np.testing.assert_allclose(down, y, atol=0.25)
    right, down = moved("scale")
    np.testing.assert_allclose(right, 0, atol=0.2)
    np.testing.assert_allclose(down, -9.5 * 0.7, atol=0.25)


def test_scale_shrinks_the_ink_to_half_its_area(digits: Images) -> None:
    before, after = measure_ink(digits), measure_ink(corrupt(digits, "scale", 1))
    assert after.mass.sum() / before.mass.sum() == pytest.approx(0.49, abs=0.02)


def test_brightness_adds_half_of_white(digits: Images) -> None:
    spoilt = corrupt(digits, "brightness", 1).astype(int)
    np.testing.assert_allclose(spoilt, np.minimum(digits + 127.5, 255), atol=0.51)


def test_stripe_inverts_the_outer_quarters(digits: Images) -> None:
    spoilt = corrupt(digits, "stripe", 1)
    np.testing.assert_array_equal(spoilt[:, :, 7:21], digits[:, :, 7:21])
    np.testing.assert_array_equal(spoilt[:, :, :7], 255 - digits[:, :, :7])
    np.testing.assert_array_equal(spoilt[:, :, 21:], 255 - digits[:, :, 21:])


def test_fog_greys_and_flattens(digits: Images) -> None:
    spoilt = corrupt(digits, "fog", 1)
    contrast = np.array(
        [[image[d > 200].mean() - image[d == 0].mean() for image, d in zip(spoilt, digits, strict=True)]]
    )
    assert contrast.mean() == pytest.approx(255 / 4, abs=12)  # white + three times as much fog, scaled back
    darkest = spoilt.min(axis=(1, 2))
    assert darkest.std() > 15  # each has a fog of its own
    neighbours = np.abs(np.diff(spoilt[digits.sum(axis=(1, 2)) > 0].astype(int), axis=2))
    assert np.median(neighbours) <= 4  # and it is smooth


def test_spatter_is_mud_of_one_colour_at_most(digits: Images) -> None:
    spoilt = corrupt(digits, "spatter", 1)
    assert spoilt[digits == 0].max() <= 63
    wet = spoilt[digits == 0] > 0
    assert 0.1 < wet.mean() < 0.5
    assert (spoilt[digits == 255] < 100).any()  # some ink is hidden


def test_dotted_line_crosses_the_picture_two_on_two_off() -> None:
    spoilt = corrupt(np.zeros((50, 28, 28), np.uint8), "dotted_line", 1)
    for image in spoilt:
        drawn = columns_of(image, 1, 255)
        assert set(drawn % 4) == {2, 3}
        assert drawn[0] == 2
        assert len(drawn) == 13  # the last column is left out
    assert measure_ink(spoilt).height.max() > 15


def test_zigzag_has_six_teeth_between_the_margins() -> None:
    spoilt = corrupt(np.zeros((50, 28, 28), np.uint8), "zigzag", 1)
    inside = [image for image in spoilt if (columns_of(image, 1, 255).size == 23) and not image[[0, -1]].any()]
    assert len(inside) > 10
    for image in inside:
        assert columns_of(image, 1, 255).tolist()[::22] == [2, 24]
        height = (image * np.arange(28)[:, None]).sum(axis=0)[2:25] / image.sum(axis=0)[2:25]
        level = height - np.polyval(np.polyfit(np.arange(23), height, 1), np.arange(23))
        turns = np.flatnonzero(np.diff(np.sign(np.diff(level))))
        assert 5 <= len(turns) <= 9


def test_canny_leaves_edges_only() -> None:
    square = np.zeros((1, 28, 28), np.uint8)
    square[0, 8:20, 8:20] = 255
    edges = corrupt(square, "canny_edges", 0)[0]
    assert set(edges.ravel().tolist()) == {0, 255}
    assert not edges[11:17, 11:17].any()
    assert not edges[:6].any()
    assert 36 <= (edges > 0).sum() <= 60
    # A step of h, smoothed with sigma 1, has a Sobel sum of about 2.7 h: 0.2 is passed from 0.073 of white on.
    for grey, found in ((15, False), (22, True)):
        faint = np.where(square > 0, grey, 0).astype(np.uint8)
        assert corrupt(faint, "canny_edges", 0).any() == found
