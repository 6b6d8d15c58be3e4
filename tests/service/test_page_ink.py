"""The ink of a page and its lines: light, shadows, rules, skew and slant, large and small writing. No model is asked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service.reading.lines import Strip, find_lines
from service.reading.page import page_ink
from service.reading.rows import marks_of
from service.reading.ruling import without_rules
from tests.drawing import row_of

RANDOM = np.random.default_rng(4)


def written(texts: list[str], height: int = 40, gap: int = 14, lead: int = 40) -> NDArray[np.uint8]:
    """Lines of digits on black, ink bright, with room around."""
    rows = [row_of(text, height, gap) for text in texts]
    page = np.zeros((sum(r.shape[0] + lead for r in rows) + lead, max(r.shape[1] for r in rows) + 2 * lead), np.uint8)
    top = lead
    for row in rows:
        page[top : top + row.shape[0], lead : lead + row.shape[1]] = row
        top += row.shape[0] + lead
    return page


def on_paper(ink: NDArray[np.uint8], paper: float = 255, colour: float = 0) -> NDArray[np.uint8]:
    return np.round(paper + (colour - paper) * (ink / 255)).astype(np.uint8)


INK = written(["2047", "815"])
PAGE = on_paper(INK)


def overlap(mask: NDArray[np.uint8], ink: NDArray[np.uint8] = INK) -> float:
    """Intersection over union of a mask and what was written."""
    true = ink > 100
    return float(((mask > 0) & true).sum() / ((mask > 0) | true).sum())


def test_dark_on_light_and_light_on_dark_give_the_same_ink() -> None:
    dark, light = page_ink(PAGE), page_ink(255 - PAGE)
    assert dark is not None and light is not None
    assert overlap(dark.mask) > 0.8
    assert (dark.mask == light.mask).mean() > 0.999


@pytest.mark.parametrize("edge", ["soft", "hard"])
def test_a_shadow_is_no_ink(edge: str) -> None:
    x = np.arange(PAGE.shape[1])
    shade = np.interp(x, [0, PAGE.shape[1]], [1, 0.4]) if edge == "soft" else np.where(x > 120, 0.45, 1.0)
    found = page_ink(np.round(PAGE * shade).astype(np.uint8))
    assert found is not None
    assert overlap(found.mask) > 0.7


def test_a_pattern_printed_on_the_paper_is_no_ink() -> None:
    y, x = np.mgrid[: PAGE.shape[0], : PAGE.shape[1]]
    pattern = 30 * (np.sin(x / 2.5 + y / 7) > 0.3)
    found = page_ink(np.clip(on_paper(INK, 220, 60) - pattern, 0, 255).astype(np.uint8))
    assert found is not None
    assert overlap(found.mask) > 0.7


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (500, 1), (1, 500), (2, 2), (300, 400)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_page_of_any_size_has_no_ink(shape: tuple[int, int], level: int) -> None:
    assert page_ink(np.full(shape, level, np.uint8)) is None


def lines_of(grey: NDArray[np.uint8]) -> list[Strip]:
    found = page_ink(grey)
    assert found is not None
    return find_lines(found, marks_of(found.mask))


def marks_in(strip: Strip) -> int:
    return cv2.connectedComponents(strip.mask, connectivity=8)[0] - 1


def test_lines_come_from_top_to_bottom_whole() -> None:
    lines = lines_of(PAGE)
    assert len(lines) == 2
    assert [strip.height for strip in lines] == pytest.approx([40, 40], abs=4)
    tops = [float((strip.to_page @ [0, 0, 1])[1]) for strip in lines]
    assert tops[0] < INK.shape[0] / 2 < tops[1] + 30


@pytest.mark.parametrize("angle", [-12, -5, 6, 14])
def test_a_skewed_page_has_as_many_lines(angle: int) -> None:
    ink = written(["20471", "81536", "93204"])
    wide = cv2.copyMakeBorder(ink, 120, 120, 40, 40, cv2.BORDER_CONSTANT)
    turn = cv2.getRotationMatrix2D((wide.shape[1] / 2, wide.shape[0] / 2), angle, 1)
    assert (
        len(lines_of(on_paper(np.asarray(cv2.warpAffine(wide, turn, (wide.shape[1], wide.shape[0])), np.uint8)))) == 3
    )


def test_slanted_writing_is_made_upright() -> None:
    upright = written(["1171"], gap=24)
    lean = np.array([[1, -0.4, 0.4 * upright.shape[0]], [0, 1, 0]])
    slanted = np.asarray(cv2.warpAffine(upright, lean, (upright.shape[1] + 100, upright.shape[0])), np.uint8)
    (strip,) = lines_of(on_paper(slanted))
    (_, down) = strip.to_page[:, :2].T  # where a step down in the strip leads on the page
    assert -0.6 < down[0] / down[1] < -0.2


def slope_of(strip: Strip) -> float:
    """How far down the page a step to the right in the strip leads."""
    return float(strip.to_page[1, 0] / strip.to_page[0, 0])


@pytest.mark.parametrize("text", ["52", "5", "8", "38"])
def test_upright_writing_stays_upright(text: str) -> None:
    (strip,) = lines_of(on_paper(written([text])))
    (_, down) = strip.to_page[:, :2].T
    assert abs(down[0] / down[1]) <= 0.3


def test_digits_that_hop_do_not_make_a_line_climb() -> None:
    rows = [np.roll(written([digit], gap=8), hop, 0) for digit, hop in zip("2064", (0, 5, -4, 1), strict=True)]
    (strip,) = lines_of(on_paper(np.concatenate([row[:, 30:-30] for row in rows], 1)))
    assert slope_of(strip) == 0


@pytest.mark.parametrize("angle", [-6, 4])
def test_a_line_that_climbs_is_made_level(angle: int) -> None:
    wide = np.pad(written(["2064859"]), ((60, 60), (0, 0)))
    turn = cv2.getRotationMatrix2D((wide.shape[1] / 2, wide.shape[0] / 2), angle, 1)
    (strip,) = lines_of(on_paper(np.asarray(cv2.warpAffine(wide, turn, (wide.shape[1], wide.shape[0])), np.uint8)))
    assert slope_of(strip) == pytest.approx(-np.tan(np.radians(angle)), abs=0.04)


def test_a_place_in_a_strip_is_found_again_on_the_page() -> None:
    for grey in (PAGE, on_paper(written(["47"], height=300, gap=60))):
        strip = lines_of(grey)[0]
        y, x = np.nonzero(strip.mask)
        places = np.round(strip.to_page[:, :2] @ np.stack([x, y]) + strip.to_page[:, 2:]).astype(int)
        inside = (places >= 0).all(0) & (places[0] < grey.shape[1]) & (places[1] < grey.shape[0])
        assert inside.mean() > 0.99
        assert (grey[places[1, inside], places[0, inside]] < 128).mean() > 0.8


@pytest.mark.parametrize("text", ["600", "0800", "3052"])
def test_a_broken_digit_stays_in_its_line(text: str) -> None:
    ink = written([text], gap=10)
    broken = text.index(max(text))
    columns = np.flatnonzero(ink.any(0))
    steps = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)[broken]
    ink[58:62, steps] = 0  # a little above its middle
    ink[: ink.shape[0] // 2, steps] = np.roll(ink[: ink.shape[0] // 2, steps], -2, 0)
    (strip,) = lines_of(on_paper(ink))
    assert marks_in(strip) >= len(text) + 1


@pytest.mark.parametrize("lead", [4, 10])
def test_lines_written_close_below_one_another_stay_apart(lead: int) -> None:
    assert len(lines_of(on_paper(written(["2047", "8159", "6302"], lead=lead)))) == 3


def test_large_writing_is_made_smaller() -> None:
    (strip,) = lines_of(on_paper(written(["47"], height=400, gap=60, lead=100)))
    assert strip.height <= 100


@pytest.mark.parametrize("down", [-6, 3])
def test_ruled_lines_are_left_out_and_what_crosses_them_stays(down: int) -> None:
    ruled = PAGE.copy()
    feet = 40 + 44 + down  # below the first line's digits, or through their feet
    ruled[feet : feet + 2] = 90
    lines = lines_of(ruled)
    assert len(lines) == 2
    assert [marks_in(strip) for strip in lines] == pytest.approx([marks_in(strip) for strip in lines_of(PAGE)], abs=1)


def test_what_is_written_along_a_rule_stays() -> None:
    ink = np.zeros((110, 420), np.uint8)
    for left in range(30, 380, 60):  # noughts with flat feet
        cv2.rectangle(ink, (left, 30), (left + 24, 70), 255, 3)
    ruled = on_paper(ink)
    rule = np.s_[69:72]
    ruled[rule] = np.minimum(ruled[rule], 140)
    (strip,) = lines_of(ruled)
    y, x = np.nonzero(strip.mask)
    kept = np.zeros_like(ink)
    at = np.round(strip.to_page[:, :2] @ np.stack([x, y]) + strip.to_page[:, 2:]).astype(int)
    kept[at[1], at[0]] = 255
    feet = np.zeros_like(ink)
    feet[rule] = ink[rule]
    assert (kept[feet > 0] > 0).mean() > 0.9
    between = np.ones_like(ink)
    between[:, np.flatnonzero(cv2.dilate(ink, np.ones((1, 7), np.uint8)).any(0))] = 0
    assert not (kept[between > 0] > 0).any()


def test_an_upright_stroke_that_leaves_the_picture_is_no_rule() -> None:
    mask = np.zeros((55, 150), np.uint8)
    mask[:34, 60:64] = 1
    assert without_rules(mask, mask * np.uint8(255), 55) is mask
    mask[:, 100:102] = 1
    left = without_rules(mask, mask * np.uint8(255), 55)
    assert left[:, 60:64].any() and not left[:, 100:102].any()


def test_points_and_dirt_do_not_make_a_line() -> None:
    dirty = PAGE.copy()
    for x, y in RANDOM.integers(5, 30, (12, 2)):
        dirty[y, x : x + 2] = 0
    assert len(lines_of(dirty)) == 2


def test_a_texture_has_no_lines() -> None:
    noise = np.where(RANDOM.random((1200, 1200)) < 0.5, 0, 255).astype(np.uint8)
    assert sum(marks_in(strip) for strip in lines_of(noise)) < 50
