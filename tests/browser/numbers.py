"""Numbers for the tests: a picture of some lines of digits, and what the service would answer to it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looks import file
from tests.drawing import BLACK, WHITE, encoded, strokes

Box = dict[str, int]
QUESTION = "**/v1/number?*"
MODEL = {"name": "digits", "version": 7}
THRESHOLD = 0.95  # of that model


@dataclass(frozen=True)
class Drawn:
    """A grey picture `[rows, columns]` of some lines of digits, and the ink's box of each digit, line by line."""

    picture: NDArray[np.uint8]
    lines: tuple[str, ...]
    boxes: tuple[tuple[Box, ...], ...]

    @property
    def content(self) -> bytes:
        return encoded(Image.fromarray(self.picture))

    @property
    def mask(self) -> str:
        ink = encoded(Image.fromarray(WHITE - self.picture))
        return "data:image/png;base64," + base64.b64encode(ink).decode()


def number(*lines: str, size: tuple[int, int] = (200, 400), height: int = 60, pen: float = 6, gap: int = 14) -> Drawn:
    """Dark on white, the lines below each other from the left, well apart; `size` is rows and columns."""
    picture = np.full(size, WHITE, np.uint8)
    boxes: list[list[Box]] = []
    for i, line in enumerate(lines):
        top = round((i + 0.5) * size[0] / len(lines) - height / 2)
        left = 2 * gap
        boxes.append([])
        for sign in line:
            ink = strokes(int(sign), height, pen)
            rows, columns = np.nonzero(ink > 127)
            ink = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            part = picture[top : top + ink.shape[0], left : left + ink.shape[1]]
            np.minimum(part, WHITE - ink, out=part)
            boxes[-1].append({"x": left, "y": top, "width": ink.shape[1], "height": ink.shape[0]})
            left += ink.shape[1] + gap
    assert picture.min() == BLACK
    return Drawn(picture, lines, tuple(map(tuple, boxes)))


def reading(drawn: Drawn, status: str = "ok", unsure: dict[int, float] | None = None) -> dict[str, Any]:
    """The answer to the picture. `unsure`: confidences of digits by their place in reading order; the others' is 0.98."""
    unsure = unsure or {}
    lines, at = [], 0
    for text, boxes in zip(drawn.lines, drawn.boxes, strict=True):
        digits = []
        for sign, box in zip(text, boxes, strict=True):
            sure = unsure.get(at, 0.98)
            probabilities = [0.0] * 10
            probabilities[int(sign)] = sure
            probabilities[(int(sign) + 1) % 10] = 1 - sure
            digits.append({"digit": int(sign), "confidence": sure, "probabilities": probabilities, "box": box})
            at += 1
        left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
        right, bottom = (max(box[a] + box[b] for box in boxes) for a, b in (("x", "width"), ("y", "height")))
        around = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        lines.append({"text": text, "confidence": 0.9, "box": around, "digits": digits})
    return {
        "status": status,
        "text": "\n".join(drawn.lines),
        "lines": lines,
        "confidence": 0.875,
        "model": MODEL,
        "explanation": {"mask": drawn.mask, "candidates": []},
    }


def nothing(status: str) -> dict[str, Any]:
    """The answer where there is no digit."""
    return {"status": status, "text": "", "lines": [], "confidence": 0.0, "model": MODEL, "explanation": None}


def expect_boxes(shown: Page, drawn: Drawn, within: float = 1.5) -> None:
    """Each digit's button lies where its box is in the picture, however large that is shown; `within` so many pixels."""
    buttons = shown.locator("#boxes button")
    boxes = [box for line in drawn.boxes for box in line]
    expect(buttons).to_have_count(len(boxes))
    frame = shown.locator("#frame").bounding_box()
    assert frame is not None
    rows, columns = drawn.picture.shape
    scale = frame["width"] / columns
    assert frame["height"] / rows == pytest.approx(scale, rel=0.02)
    for button, box in zip(buttons.all(), boxes, strict=True):
        found = button.bounding_box()
        assert found is not None
        placed = {"x": found["x"] - frame["x"], "y": found["y"] - frame["y"]}
        placed |= {"width": found["width"], "height": found["height"]}
        assert placed == pytest.approx({name: value * scale for name, value in box.items()}, abs=within)


def answer(shown: Page, given: dict[str, Any], *, manifest: bool = True) -> None:
    """Answers what the page asks from now on."""
    shown.route(QUESTION, lambda route: route.fulfill(body=json.dumps(given)))
    thresholds = json.dumps({"thresholds": {"confidence": THRESHOLD}})
    found: dict[str, Any] = {"body": thresholds} if manifest else {"status": 404}
    shown.route("**/v1/models/7", lambda route: route.fulfill(**found))


def opened(open_page: OpenPage, service: str, given: dict[str, Any], drawn: Drawn, **options: Any) -> Page:
    """The page in number mode, with this answer to this picture on it."""
    shown = open_page(f"{service}/#number", **options)
    answer(shown, given)
    shown.set_input_files("#file", file(drawn.content))
    expect_number(shown, given["text"])
    return shown


def expect_number(shown: Page, text: str) -> None:
    expect(shown.locator("#text")).to_have_text(text or "–", use_inner_text=True)
    expect(shown.locator("#result")).to_have_attribute("aria-busy", "false")
    expect(shown.locator("#problem")).to_be_hidden()


def digits(shown: Page) -> Locator:
    return shown.get_by_role("toolbar", name="Digits in the picture").get_by_role("button")


def expect_bars(shown: Page, digit: int, value: str) -> None:
    expect(shown.locator(".bars .best .label")).to_have_text(str(digit))
    expect(shown.locator(".bars .best .value")).to_have_text(value)
    expect(shown.locator("#which")).to_contain_text(f": {digit}, {value} sure")
