"""Where the page runs: behind a prefix, without internet access, on small screens and in dark rooms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_S, OpenPage
from tests.browser.looks import expect_digit, file
from tests.browser.pen import STROKES, draw
from tests.browser.proxy import Proxy
from tests.drawing import encoded, page

STATIC = Path(__file__).resolve().parent.parent.parent / "service" / "static"


@pytest.fixture
def prefixed(service: str) -> Iterator[Proxy]:
    proxy = Proxy(service, "/some/digits")
    yield proxy
    proxy.stop()


def test_behind_a_prefix_and_under_a_strict_policy(open_page: OpenPage, prefixed: Proxy) -> None:
    shown = open_page(prefixed.url)
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    shown.set_input_files("#file", file(encoded(page(3))))
    expect_digit(shown, 3)
    expect(shown.locator(".boxes div")).to_be_visible()
    links = shown.get_by_role("contentinfo").get_by_role("link").evaluate_all("links => links.map(link => link.href)")
    assert links == [f"{prefixed.url}docs", f"{prefixed.url}redoc"]


@pytest.mark.parametrize(("path", "text"), [("docs", "/v1/digit"), ("redoc", "Reads handwritten digits.")])
def test_the_documentation_needs_no_internet(open_page: OpenPage, service: str, path: str, text: str) -> None:
    """`open_page` sees to it that no other host is asked."""
    shown = open_page(f"{service}/{path}")
    expect(shown.get_by_text(text, exact=True).first).to_be_visible()
    shown.wait_for_load_state("networkidle")


def test_swagger_ui_reads_a_picture(open_page: OpenPage, service: str) -> None:
    shown = open_page(f"{service}/docs")
    operation = shown.locator(".opblock").filter(has=shown.get_by_text("/v1/digit", exact=True))
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("input[type=file]").set_input_files(file(encoded(page(3))))
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text('"digit": 3')


def test_light_and_dark(open_page: OpenPage) -> None:
    light, dark = (open_page(color_scheme=scheme) for scheme in ("light", "dark"))
    for shown in (light, dark):
        draw(shown, STROKES[7])
        expect_digit(shown, 7)
    assert light.screenshot() != dark.screenshot()
    brightness = """() => {
        const copy = new OffscreenCanvas(100, 100).getContext("2d", { willReadFrequently: true });
        copy.drawImage(document.getElementById("pad"), 0, 0, 100, 100);
        const { data } = copy.getImageData(0, 0, 100, 100);
        let brightest = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) brightest = Math.max(brightest, data[i]);
        return brightest;
    }"""
    assert light.evaluate(brightness) < 80
    assert dark.evaluate(brightness) > 180
    dark.emulate_media(color_scheme="light")
    deadline = (
        time.monotonic() + PATIENCE_S
    )  # not wait_for_function: it evaluates strings, which the page's policy forbids
    while dark.evaluate(brightness) >= 80:
        assert time.monotonic() < deadline
        dark.wait_for_timeout(50)


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_no_width_needs_scrolling_sideways(open_page: OpenPage, width: int) -> None:
    shown = open_page(viewport={"width": width, "height": 700})
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    assert shown.evaluate("document.documentElement.scrollWidth") == width


def test_a_turned_phone_keeps_the_drawing(open_page: OpenPage) -> None:
    shown = open_page(viewport={"width": 390, "height": 844})
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    shown.set_viewport_size({"width": 844, "height": 390})
    shown.get_by_role("button", name="Read").click()
    expect_digit(shown, 7)


def test_every_control_has_a_name_and_room_for_a_finger(open_page: OpenPage) -> None:
    shown = open_page(viewport={"width": 320, "height": 700})
    for button in shown.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        expect(button).to_have_accessible_name(button.inner_text())
    expect(shown.get_by_role("img", name="Drawing area for mouse, finger or pen")).to_be_visible()
    expect(shown.get_by_role("list", name="Probability of each digit")).to_be_visible()


def test_the_page_has_no_inline_code_and_no_absolute_link() -> None:
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "://" not in text, path.name
        assert ' style="' not in text, path.name
        assert 'href="/' not in text, path.name
        assert 'src="/' not in text, path.name
        assert path.suffix == ".css" or len(text.splitlines()) <= 250, path.name
