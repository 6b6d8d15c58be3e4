"""How the page shows a number; the answers are made up here."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.looks import file
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

TWO_LINES = number("407", "1296")
WITHOUT_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
UNSURE = {1: 0.62, 5: 0.4}  # the 0 and the 9


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(1280, 800, (200, 400)), (390, 844, (200, 400)), (1280, 800, (600, 300)), (700, 700, (120, 1000))],
    ids=["desktop", "phone", "tall", "strip"],
)
def test_each_digit_has_its_box_at_its_place(
    open_page: OpenPage, service: str, width: int, height: int, size: tuple[int, int]
) -> None:
    drawn = number("407", size=size) if size[0] < 200 else number("407", "1296", size=size)
    viewport = {"width": width, "height": height}
    shown = opened(open_page, service, reading(drawn), drawn, viewport=viewport)
    expect_boxes(shown, drawn)
    expect(digits(shown)).to_have_text(list("".join(drawn.lines)))
    expect(digits(shown).first).to_have_accessible_name("4, 98% sure")
    shown.set_viewport_size({"width": height, "height": width})
    expect_boxes(shown, drawn)
    assert shown.evaluate("document.documentElement.scrollWidth") == height


def test_what_is_unsure_is_marked_and_shown_first(open_page: OpenPage, service: str) -> None:
    shown = opened(open_page, service, reading(TWO_LINES, "uncertain", UNSURE), TWO_LINES)
    expect(shown.locator("#boxes .low")).to_have_text(["0", "9"])
    expect(shown.locator("#text .low")).to_have_text(["0", "9"])
    colours = [
        digits(shown).nth(i).locator("span").evaluate("e => getComputedStyle(e).backgroundColor") for i in (0, 1)
    ]
    assert colours[0] != colours[1]
    status = shown.get_by_role("status")
    expect(status).to_contain_text("407, 1296")
    expect(status).to_contain_text("7 digits in 2 lines, 2 of them unsure: see the dashed boxes.")
    expect(status).to_contain_text("87.5% sure that all of it is right")
    expect_bars(shown, 9, "40%")
    expect(shown.locator("#which")).to_contain_text("Digit 6 of 7, the least sure")
    expect(shown.locator("#mask")).to_have_js_property("naturalWidth", 400)
    expect(shown.locator("#about")).to_have_text("Model digits, version 7")


def test_no_manifest_and_only_a_slight_doubt(open_page: OpenPage, service: str) -> None:
    shown = open_page(f"{service}/#number", failures=True)
    answer(shown, reading(TWO_LINES, "uncertain", {2: 0.93}), manifest=False)
    shown.set_input_files("#file", file(TWO_LINES.content))
    expect(shown.locator("#boxes .low")).to_have_text(["7"])  # 0.93 is above 0.9, but something has to be unsure


def test_nothing_is_marked_in_a_sure_reading(open_page: OpenPage, service: str) -> None:
    shown = opened(open_page, service, reading(TWO_LINES, unsure={2: 0.8}), TWO_LINES)
    expect(digits(shown)).to_have_count(7)
    expect(shown.locator(".low")).to_have_count(0)
    expect(shown.locator("#sentence")).to_have_text("7 digits in 2 lines.")


def test_a_click_shows_the_ten_probabilities(open_page: OpenPage, service: str) -> None:
    shown = opened(open_page, service, reading(TWO_LINES, "uncertain", UNSURE), TWO_LINES)
    digits(shown).nth(1).click()
    expect_bars(shown, 0, "62%")
    expect(shown.locator(".bars li").nth(1).locator(".value")).to_have_text("38%")
    expect(shown.locator("#which")).to_have_text("Digit 2 of 7: 0, 62% sure")
    expect(digits(shown).nth(1)).to_have_attribute("aria-pressed", "true")
    expect(shown.locator('#boxes [aria-pressed="true"]')).to_have_count(1)
    digits(shown).nth(6).click()
    expect_bars(shown, 6, "98%")


def test_the_digits_by_keyboard(open_page: OpenPage, service: str) -> None:
    """One stop of the Tab key, and the arrows from digit to digit."""
    shown = opened(open_page, service, reading(TWO_LINES, "uncertain", UNSURE), TWO_LINES)
    shown.get_by_role("radio", name="Number").focus()
    shown.keyboard.press("Tab")
    expect(digits(shown).nth(5)).to_be_focused()
    for key, at, digit in (("ArrowLeft", 4, 2), ("ArrowUp", 3, 1), ("Home", 0, 4), ("ArrowLeft", 0, 4), ("End", 6, 6)):
        shown.keyboard.press(key)
        expect(digits(shown).nth(at)).to_be_focused()
        expect_bars(shown, digit, "98%")
    expect(digits(shown).nth(6)).to_have_css("outline-style", "solid")
    shown.keyboard.press("Enter")
    expect_bars(shown, 6, "98%")
    shown.keyboard.press("Tab")
    expect(shown.get_by_role("button", name="Draw instead")).to_be_focused()


@pytest.mark.parametrize("way", ["allowed", "without a clipboard", "refused"])
def test_copy(open_page: OpenPage, service: str, way: str) -> None:
    scripts = {
        "allowed": "",
        "without a clipboard": WITHOUT_CLIPBOARD,
        "refused": f"{WITHOUT_CLIPBOARD} document.execCommand = () => false;",
    }
    shown = opened(open_page, service, reading(TWO_LINES), TWO_LINES, script=scripts[way])
    shown.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
    shown.get_by_role("button", name="Copy").click()
    said = "This browser does not allow it: select the text." if way == "refused" else "Copied."
    expect(shown.locator("#copied")).to_have_text(said)
    if way == "refused":
        return
    shown.evaluate(
        """() => {
            document.body.append(Object.assign(document.createElement("textarea"), { id: "target" }));
            document.getElementById("target").focus();
        }"""
    )
    shown.keyboard.press("Control+v")
    expect(shown.locator("#target")).to_have_value("407\n1296")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("blank", "There is no number here: the picture is empty."), ("not_a_digit", "There is ink, but no digit in it.")],
)
def test_where_there_is_no_number(open_page: OpenPage, service: str, status: str, sentence: str) -> None:
    shown = opened(open_page, service, reading(TWO_LINES), TWO_LINES)
    shown.unroute(QUESTION)
    answer(shown, nothing(status))
    shown.get_by_role("button", name="Read").click()
    expect(shown.locator("#sentence")).to_have_text(sentence)
    expect_number(shown, "")
    expect(digits(shown)).to_have_count(0)
    expect(shown.locator(".bars .best")).to_have_count(0)
    for name in ("#which", "#confidence", "#spoken"):
        expect(shown.locator(name)).to_be_empty()
    for name in ("#copying", "#mask"):
        expect(shown.locator(name)).to_be_hidden()


def test_a_problem_and_another_try(open_page: OpenPage, service: str) -> None:
    shown = opened(open_page, service, reading(TWO_LINES), TWO_LINES, failures=True)
    body = '{"detail": "An error of ours.", "request_id": "r-3"}'
    shown.route(QUESTION, lambda route: route.fulfill(status=500, body=body), times=1)
    shown.get_by_role("button", name="Read").click()
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("Something went wrong on the server.")
    expect(alert).to_contain_text("Request r-3")
    for gone in (shown.locator("#text"), shown.locator("#copying"), digits(shown).first):
        expect(gone).to_be_hidden()
    alert.get_by_role("button", name="Try again").click()
    expect_number(shown, "407\n1296")
