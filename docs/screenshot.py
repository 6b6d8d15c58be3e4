"""Takes the README's picture of the page: opens a running service's page, draws a digit with the pen and waits for the
reading.

    python docs/screenshot.py http://127.0.0.1:8000/ [--dark] [--out docs/page.png]

It starts no service. It needs Playwright and a chromium, which DIGITS_CHROMIUM may name.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error, Page, expect, sync_playwright

Stroke = list[tuple[float, float]]
"""Points as shares of the drawing area."""

DIGIT = 5
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def five() -> list[Stroke]:
    """A 5 in two strokes, as most people write it: down and round, then the bar on top."""
    arc = [math.radians(degrees) for degrees in range(-125, 140, 6)]
    belly = [(0.475 + 0.175 * math.cos(angle), 0.635 + 0.165 * math.sin(angle)) for angle in arc]
    return [[(0.41, 0.215), (0.405, 0.35), (0.375, 0.5), *belly], [(0.415, 0.22), (0.53, 0.215), (0.665, 0.2)]]


def draw(page: Page, strokes: list[Stroke]) -> None:
    area = page.locator("#pad").bounding_box()
    assert area is not None
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"], steps=3)
            if i == 0:
                page.mouse.down()
        page.mouse.up()


def main() -> int:
    """Returns the exit status: 2 where there is no chromium, no service, or another reading than the digit drawn."""
    parser = argparse.ArgumentParser(description="Takes a picture of the page of a running service.")
    parser.add_argument("url", help="where the page is")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "page.png")
    parser.add_argument("--dark", action="store_true", help="in the dark colours")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, (os.environ.get("DIGITS_CHROMIUM", ""), "chromium"))), None)
    if chromium is None:
        print("screenshot: no chromium was found: install one, or name it in DIGITS_CHROMIUM", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": 1120, "height": 700},
            device_scale_factor=1.5,
            color_scheme="dark" if options.dark else "light",
            reduced_motion="reduce",  # nothing is half-way anywhere
        )
        try:
            page.goto(options.url)
            draw(page, five())
            page.mouse.move(0, 0)
            expect(page.locator("#digit")).to_have_text(str(DIGIT))
            expect(page.locator(".boxes div")).to_be_visible()
            expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
            page.screenshot(path=options.out, full_page=True)
        except (AssertionError, Error) as error:
            print(f"screenshot: {str(error).splitlines()[0]}", file=sys.stderr)
            return 2
        finally:
            browser.close()
    print(f"Wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
