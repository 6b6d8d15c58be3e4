"""The two modes of the page, drawing a number, and numbers that the real service reads."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.looks import expect_digit, file, sent
from tests.browser.numbers import (
    QUESTION,
    answer,
    digits,
    expect_bars,
    expect_boxes,
    expect_number,
    nothing,
    number,
    opened,
    reading,
)
from tests.browser.pen import STROKES, draw, draw_by_touch
from tests.browser.proxy import Proxy
from tests.drawing import encoded, page, row_of

TWO_LINES = number("407", "1296")


def test_the_mode_is_in_the_address(open_page: OpenPage, service: str) -> None:
    shown = open_page()
    one, number_ = (shown.get_by_role("radio", name=name) for name in ("One digit", "Number"))
    expect(one).to_be_checked()
    expect(shown.get_by_text("Draw a digit here")).to_be_visible()
    one.focus()
    shown.keyboard.press("ArrowRight")
    expect(number_).to_be_checked()
    expect(number_).to_be_focused()
    expect(shown).to_have_url(f"{service}/#number")
    shown.reload()
    expect(number_).to_be_checked()
    assert shown.evaluate("scrollY") == 0
    expect(shown.get_by_text("Draw a number here")).to_be_visible()
    shown.get_by_text("One digit", exact=True).click()
    expect(shown).to_have_url(f"{service}/")
    shown.evaluate("location.hash = 'number'")
    expect(number_).to_be_checked()
    expect(shown.get_by_text("Draw a number here")).to_be_visible()


def test_a_number_given_as_a_digit_is_a_click_away(open_page: OpenPage, service: str) -> None:
    shown = open_page()
    link = shown.get_by_role("link", name="Read a number")
    shown.set_input_files("#file", file(encoded(page(3))))
    expect_digit(shown, 3)
    expect(link).to_be_hidden()
    shown.set_input_files("#file", file(encoded(np.pad(255 - row_of("40827"), 40, constant_values=255))))
    expect(shown.get_by_text("it is not one digit")).to_be_visible()
    link.click()
    expect_number(shown, "40827")
    expect(link).to_be_hidden()
    expect(shown).to_have_url(f"{service}/#number")
    shown.get_by_text("One digit", exact=True).click()
    expect(link).to_be_visible()


def test_a_picture_is_read_anew_in_the_other_mode(open_page: OpenPage) -> None:
    shown = open_page()
    answer(shown, reading(TWO_LINES))
    shown.set_input_files("#file", file(encoded(page(3))))
    expect_digit(shown, 3)
    shown.get_by_text("Number", exact=True).click()
    expect_number(shown, "407\n1296")
    expect(shown.locator("#digit")).to_be_hidden()
    shown.get_by_text("One digit", exact=True).click()
    expect_digit(shown, 3)
    expect(shown.locator("#text")).to_be_hidden()
    expect(shown.locator(".boxes div")).to_have_count(1)


def test_a_late_answer_of_the_other_mode_is_not_shown(open_page: OpenPage, service: str) -> None:
    shown = open_page(f"{service}/#number")
    held: list[Route] = []
    shown.route(QUESTION, lambda route: held.append(route))
    with shown.expect_event("requestfailed") as failed:
        shown.set_input_files("#file", file(encoded(page(3))))
        expect(shown.get_by_role("status")).to_contain_text("Reading…")
        shown.get_by_text("One digit", exact=True).click()
    assert failed.value == held[0].request
    expect_digit(shown, 3)


def test_a_number_is_drawn_on_a_wider_pad(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(f"{proxy.url}#number")
    draw(shown, [[(0.1, 0.2), (0.1, 0.8)], [(0.9, 0.2), (0.9, 0.8)]])
    expect_number(shown, "11")
    expect(digits(shown)).to_have_count(2)
    area = shown.locator("#pad").bounding_box()
    assert area is not None
    assert area["width"] / area["height"] == pytest.approx(2, rel=0.02)
    picture = sent(proxy)
    assert picture.size == (896, 448)
    rows, columns = np.nonzero(np.asarray(picture.convert("L")) < 128)
    assert (columns.min() / 896, columns.max() / 896) == pytest.approx((0.1, 0.9), abs=0.02)
    assert (rows.min() / 448, rows.max() / 448) == pytest.approx((0.2, 0.8), abs=0.03)


def test_a_drawing_of_one_digit_stays_in_the_middle(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(proxy.url)
    answer(shown, nothing("blank"))
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    before = sent(proxy)
    shown.get_by_text("Number", exact=True).click()
    expect(shown.locator("#sentence")).to_contain_text("the picture is empty")
    draw(shown, [[(0.05, 0.2), (0.05, 0.8)]])  # outside of the square
    expect(shown.locator("#result")).to_have_attribute("data-status", "blank")
    shown.get_by_text("One digit", exact=True).click()
    expect_digit(shown, 7)
    assert sent(proxy).tobytes() == before.tobytes()


@pytest.mark.parametrize("finger", [False, True])
def test_on_the_pad_a_tap_selects_and_a_stroke_draws(open_page: OpenPage, service: str, finger: bool) -> None:
    drawn = number("407", "1296", size=(448, 896), height=130, pen=14, gap=30)
    shown = open_page(f"{service}/#number", has_touch=finger)
    answer(shown, reading(drawn))
    by = draw_by_touch if finger else draw
    undo = shown.get_by_role("button", name="Undo")
    by(shown, STROKES[7])
    expect(digits(shown)).to_have_count(7)
    expect_boxes(shown, drawn)
    box = drawn.boxes[1][2]
    inside = [((box["x"] + box["width"] / 2) / 896, (box["y"] + box["height"] / 2) / 448)]
    by(shown, [inside])
    expect(shown.locator("#which")).to_contain_text("Digit 6 of 7")
    expect(digits(shown)).to_have_count(7)
    with shown.expect_request(QUESTION):
        by(shown, [[*inside, (0.6, 0.9)]])
    expect(digits(shown)).to_have_count(7)
    with shown.expect_request(QUESTION):
        by(shown, [[(0.95, 0.1)]])  # where no digit is a tap is a dot
    for _ in range(3):
        undo.click()
    expect(undo).to_have_attribute("aria-disabled", "true")


def test_a_picture_without_a_preview(open_page: OpenPage, service: str) -> None:
    shown = open_page(f"{service}/#number")
    answer(shown, reading(TWO_LINES))
    shown.set_input_files("#file", file(encoded(TWO_LINES.picture, "TIFF"), "number.tiff", "image/tiff"))
    expect_number(shown, "407\n1296")
    expect(shown.get_by_text("No preview")).to_be_visible()
    expect(digits(shown)).to_have_count(0)
    expect_bars(shown, 4, "98%")


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_a_long_number_fits_every_width(open_page: OpenPage, service: str, width: int) -> None:
    drawn = number("407129635814" * 2, "12", size=(120, 1200), height=40, pen=4, gap=6)
    shown = opened(open_page, service, reading(drawn), drawn, viewport={"width": width, "height": 700})
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    for button in (*shown.get_by_role("radio").all(), shown.get_by_role("button", name="Copy")):
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44


# ---- the real service --------------------------------------------------------------------------------------------


def test_the_service_reads_a_number(open_page: OpenPage, proxy: Proxy) -> None:
    drawn = number("2963", "1072", size=(300, 400), height=80, pen=9, gap=24)
    shown = open_page(f"{proxy.url}#number")
    shown.set_input_files("#file", file(drawn.content))
    expect_number(shown, "2963\n1072")
    expect_boxes(shown, drawn, within=4)
    expect(shown.locator("#mask")).to_be_visible()
    expect(shown.locator("#about")).to_have_text(re.compile(r"^Model digits, version \d+ · read in [\d.]+ ms \("))
    digits(shown).nth(1).click()
    expect(shown.locator(".bars .best .label")).to_have_text("9")


def test_the_service_reads_a_drawn_number(open_page: OpenPage, service: str) -> None:
    shown = open_page(f"{service}/#number")
    for i, digit in enumerate((1, 7, 1)):
        draw(shown, [[(0.15 + 0.5 * x + 0.2 * i - 0.1, y) for x, y in stroke] for stroke in STROKES[digit]])
    expect_number(shown, "171")
    expect(digits(shown)).to_have_text(["1", "7", "1"])


def test_the_service_finds_no_number(open_page: OpenPage, service: str) -> None:
    shown = open_page(f"{service}/#number", failures=True)
    shown.set_input_files("#file", file(encoded(page(None))))
    expect(shown.locator("#sentence")).to_have_text("There is no number here: the picture is empty.")
    shown.set_input_files("#file", file(b"Not a picture at all.", "notes.png"))
    expect(shown.get_by_role("alert")).to_contain_text("This is not a picture that Digits can read.")
