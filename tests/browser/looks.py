"""What the tests give to the page and look for on it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.proxy import Proxy


def file(content: bytes, name: str = "digit.png", type_: str = "image/png") -> FilePayload:
    return FilePayload(name=name, mimeType=type_, buffer=content)


def expect_digit(page: Page, digit: int) -> None:
    expect(page.locator("#digit")).to_have_text(str(digit))
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".bars .best .label")).to_have_text(str(digit))
    expect(page.locator("#problem")).to_be_hidden()


def expect_box_around_ink(shown: Page, picture: Image.Image) -> None:
    """The box lies within 2 % of the picture's side around the ink that the test drew, darker than its paper."""
    rows, columns = np.nonzero(np.asarray(picture.convert("L")) < 128)
    ink = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
    ink /= [picture.width, picture.height, picture.width, picture.height]
    outline = shown.locator(".boxes div")
    expect(outline).to_have_count(1)
    frame, box = shown.locator("#frame").bounding_box(), outline.bounding_box()
    assert frame is not None
    assert box is not None
    left, top = (box["x"] - frame["x"]) / frame["width"], (box["y"] - frame["y"]) / frame["height"]
    found = [left, top, left + box["width"] / frame["width"], top + box["height"] / frame["height"]]
    assert found == pytest.approx(ink, abs=0.02)
    assert frame["width"] / frame["height"] == pytest.approx(picture.width / picture.height, rel=0.02)


def sent(proxy: Proxy) -> Image.Image:
    """The picture in the newest body."""
    body = proxy.bodies[-1]
    start = min(at for at in (body.find(b"\x89PNG"), body.find(b"\xff\xd8\xff")) if at >= 0)
    return Image.open(io.BytesIO(body[start:]))
