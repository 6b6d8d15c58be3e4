"""The ways in which a picture reaches the page, each read by the real service."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FileChooser, Page, expect

from tests.browser.conftest import PATIENCE_S, OpenPage
from tests.browser.looks import expect_box_around_ink, expect_digit, file, sent
from tests.browser.pen import STROKES, Stroke, draw, draw_by_touch
from tests.browser.proxy import Proxy
from tests.drawing import BLACK, WHITE, encoded, page

FROM_BASE64 = "bytes => new Uint8Array(atob(bytes).split('').map(c => c.charCodeAt(0)))"


def test_a_chosen_file_is_read_and_explained(open_page: OpenPage) -> None:
    picture = page(3, (200, 300), height=110, pen=11, place=(0.3, 0.6))
    shown = open_page()
    expect(shown.locator("#sentence")).to_have_text("Nothing to read yet.")
    shown.set_input_files("#file", file(encoded(picture)))
    expect_digit(shown, 3)
    expect(shown.get_by_role("status")).to_contain_text(re.compile(r"This is a 3\.\s+(> )?[\d.]+% sure"))
    expect(shown.locator(".bars li")).to_have_count(10)
    expect(shown.locator(".bars .value").last).to_have_text(re.compile(r"^(< )?[\d.]+%$"))
    expect(shown.locator("#whole")).to_have_text(re.compile(r"^(> )?[\d.]+%$"))
    expect(shown.locator("#about")).to_have_text(
        re.compile(r"^Model digits, version \d+ · read in [\d.]+ ms \(decode [\d.]+, ink [\d.]+, queue .+, model .+\)$")
    )
    for name in ("normalised", "saliency"):
        image = shown.locator(f"#{name}")
        expect(image).to_be_visible()
        expect(image).to_have_js_property("naturalWidth", 28)
        expect(image).to_have_css("image-rendering", "pixelated")
    expect_box_around_ink(shown, Image.fromarray(picture))


@pytest.mark.parametrize("digit", [1, 4, 7])
def test_a_digit_drawn_with_the_mouse_is_read_by_itself(open_page: OpenPage, proxy: Proxy, digit: int) -> None:
    shown = open_page(proxy.url)
    draw(shown, STROKES[digit])
    expect_digit(shown, digit)
    expect_box_around_ink(shown, sent(proxy))


def test_strokes_in_quick_succession_are_read_once(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(proxy.url)
    shown.clock.install()
    for stroke in STROKES[4]:
        draw(shown, [stroke])
        shown.clock.run_for(200)
    assert proxy.bodies == []
    shown.clock.run_for(100)
    expect_digit(shown, 4)
    assert len(proxy.bodies) == 1


def test_a_digit_drawn_with_a_finger(open_page: OpenPage) -> None:
    shown = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    draw_by_touch(shown, STROKES[7])
    expect_digit(shown, 7)
    assert shown.evaluate("scrollY") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_is_sent_dark_on_white_and_opaque(open_page: OpenPage, proxy: Proxy, scheme: str) -> None:
    shown = open_page(proxy.url, color_scheme=scheme)
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    picture = sent(proxy)
    assert picture.format == "PNG"
    alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    assert alpha.min() == 255
    grey = np.asarray(picture.convert("L"))
    assert (grey[0, 0], grey.min()) == (WHITE, BLACK)


def test_undo_and_clear(open_page: OpenPage) -> None:
    shown = open_page()
    undo, clear = shown.get_by_role("button", name="Undo"), shown.get_by_role("button", name="Clear")
    expect(undo).to_have_attribute("aria-disabled", "true")
    draw(shown, STROKES[1])
    expect_digit(shown, 1)
    draw(shown, [[(0.2, 0.4), (0.8, 0.6), (0.2, 0.7), (0.9, 0.2)]])
    expect(shown.locator("#digit")).not_to_have_text("1")
    undo.click()
    expect_digit(shown, 1)
    clear.click()
    expect(shown.locator("#sentence")).to_have_text("Nothing to read yet.")
    expect(shown.locator(".boxes div")).to_have_count(0)
    shown.keyboard.press("Control+z")
    expect_digit(shown, 1)


def test_paste(open_page: OpenPage, service: str) -> None:
    shown = open_page()
    shown.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
    shown.evaluate(
        f"""async bytes => {{
            const blob = new Blob([({FROM_BASE64})(bytes)], {{type: "image/png"}});
            await navigator.clipboard.write([new ClipboardItem({{"image/png": blob}})]);
        }}""",
        _base64(encoded(page(5))),
    )
    shown.keyboard.press("Control+v")
    expect_digit(shown, 5)
    shown.evaluate("navigator.clipboard.writeText('five')")
    shown.keyboard.press("Control+v")
    expect(shown.get_by_role("alert")).to_contain_text("There is no picture in the clipboard.")


def test_drop_anywhere(open_page: OpenPage) -> None:
    shown = open_page()
    transfer = shown.evaluate_handle(
        f"""bytes => {{
            const transfer = new DataTransfer();
            transfer.items.add(new File([({FROM_BASE64})(bytes)], "two.png", {{type: "image/png"}}));
            transfer.items.add(new File(["not read"], "other.txt"));
            return transfer;
        }}""",
        _base64(encoded(page(2))),
    )
    shown.dispatch_event("footer", "dragover", {"dataTransfer": transfer})
    expect(shown.get_by_text("Drop the picture")).to_be_visible()
    shown.dispatch_event("footer", "drop", {"dataTransfer": transfer})
    expect_digit(shown, 2)
    expect(shown.get_by_text("Drop the picture")).to_be_hidden()
    expect(shown.locator("#sentence")).to_contain_text("Only the first of 2 files was read.")


def test_a_picture_takes_the_place_of_the_drawing_and_gives_it_back(open_page: OpenPage) -> None:
    shown = open_page()
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    shown.set_input_files("#file", file(encoded(page(3))))
    expect_digit(shown, 3)
    expect(shown.locator("#pad")).to_be_hidden()
    shown.get_by_role("button", name="Draw instead").click()
    expect_digit(shown, 7)
    expect(shown.locator("#pad")).to_be_visible()


@pytest.mark.parametrize("name", ["drawing", "picture"])
def test_an_empty_picture_has_no_digit(open_page: OpenPage, name: str) -> None:
    shown = open_page()
    if name == "picture":
        shown.set_input_files("#file", file(encoded(page(None))))
    else:
        shown.get_by_role("button", name="Read").click()
    expect(shown.locator("#sentence")).to_have_text("There is no digit here: the picture is empty.")
    expect(shown.locator(".bars .value").first).to_be_empty()
    for image in ("normalised", "saliency"):
        expect(shown.locator(f"#{image}")).to_be_hidden()
    expect(shown.locator("#about")).to_contain_text("version")


def test_a_photo_that_lies_on_its_side(open_page: OpenPage) -> None:
    upright = Image.fromarray(page(4, (300, 200), height=120, pen=12, place=(0.8, 0.2)))
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    shown = open_page()
    shown.set_input_files("#file", file(encoded(turned, "JPEG", exif=exif), "photo.jpg", "image/jpeg"))
    expect_digit(shown, 4)
    expect_box_around_ink(shown, upright)


def test_a_tiff_is_read_although_the_browser_cannot_show_it(open_page: OpenPage) -> None:
    shown = open_page()
    shown.set_input_files("#file", file(encoded(page(6), "TIFF"), "six.tiff", "image/tiff"))
    expect_digit(shown, 6)
    expect(shown.get_by_text("No preview")).to_be_visible()
    expect(shown.locator("#name")).to_have_text("six.tiff")


def large(digit: int) -> Image.Image:
    """More than 10 MB as an uncompressed BMP."""
    return Image.fromarray(page(digit, (1900, 2000), height=1000, pen=100)).convert("RGB")


def test_a_file_that_is_too_large_to_send_is_made_smaller(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(proxy.url)
    shown.set_input_files("#file", file(encoded(large(5), "BMP"), "five.bmp", "image/bmp"))
    expect_digit(shown, 5)
    assert len(proxy.bodies) == 1
    assert len(proxy.bodies[0]) < 2_000_000
    assert sent(proxy).format == "JPEG"
    expect_box_around_ink(shown, large(5))


def test_a_large_file_that_the_browser_cannot_decode_is_not_sent(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(proxy.url)
    shown.set_input_files("#file", file(encoded(large(5), "TIFF"), "five.tiff", "image/tiff"))
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("The picture is too large.")
    expect(alert).to_contain_text("12 MB is more than can be sent. This browser cannot make it smaller.")
    expect(alert.get_by_role("button")).to_be_hidden()
    assert proxy.bodies == []


@pytest.mark.parametrize("way", [draw, draw_by_touch])
def test_the_keyboard_and_the_pen_share_one_page(
    open_page: OpenPage, way: Callable[[Page, list[Stroke]], None]
) -> None:
    """All but drawing can be done without a pointer, and the focus is never lost."""
    shown = open_page(has_touch=True)
    choosers: list[FileChooser] = []  # listened for from the start: chromium takes a while to hand them over
    shown.on("filechooser", lambda chooser: choosers.append(chooser))
    way(shown, STROKES[7])
    expect_digit(shown, 7)
    reach(shown, "Clear")
    shown.keyboard.press("Enter")
    expect(shown.locator("#sentence")).to_have_text("Nothing to read yet.")
    reach(shown, "Undo")
    shown.keyboard.press("Space")
    expect_digit(shown, 7)
    reach(shown, "Choose picture")
    shown.keyboard.press("Enter")
    deadline = time.monotonic() + PATIENCE_S
    while not choosers:
        assert time.monotonic() < deadline
        shown.wait_for_timeout(50)
    choosers[0].set_files(file(encoded(page(8))))
    expect_digit(shown, 8)
    expect(shown.locator("#sentence")).to_have_text("This is an 8.")
    reach(shown, "Draw instead")
    shown.keyboard.press("Enter")
    expect_digit(shown, 7)
    reach(shown, "Read")
    shown.keyboard.press("Enter")
    expect_digit(shown, 7)
    expect(shown.get_by_role("button", name="Read")).to_be_focused()


def reach(page: Page, name: str) -> None:
    """Moves the focus to a button with the Tab key; it has to be visible there."""
    wanted = page.get_by_role("button", name=name, exact=True)
    for _ in range(12):
        if wanted.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(wanted).to_be_focused()
    expect(wanted).to_have_css("outline-style", "solid")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
