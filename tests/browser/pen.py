"""Drawing on the page like a person, with a mouse or a finger. Coordinates are shares of the drawing area."""

from __future__ import annotations

from itertools import pairwise

from playwright.sync_api import Page

Stroke = list[tuple[float, float]]

STROKES: dict[int, list[Stroke]] = {
    1: [[(0.5, 0.2), (0.5, 0.8)]],
    4: [[(0.42, 0.2), (0.3, 0.55), (0.68, 0.55)], [(0.6, 0.25), (0.58, 0.82)]],
    7: [[(0.3, 0.22), (0.68, 0.22), (0.56, 0.5), (0.44, 0.8)]],
}


def draw(page: Page, strokes: list[Stroke]) -> None:
    """Draws with the mouse."""
    for stroke in strokes:
        (x, y), *rest = _on_screen(page, stroke)
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(x, y, steps=8)
        page.mouse.up()


def draw_by_touch(page: Page, strokes: list[Stroke]) -> None:
    """Draws with a finger; Playwright's own touchscreen can only tap."""
    devtools = page.context.new_cdp_session(page)
    for stroke in strokes:
        points = _on_screen(page, stroke)
        between = [(a + (b - a) * i / 8, c + (d - c) * i / 8) for (a, c), (b, d) in pairwise(points) for i in range(9)]
        for type_, (x, y) in [("touchStart", points[0]), *(("touchMove", point) for point in between)]:
            devtools.send("Input.dispatchTouchEvent", {"type": type_, "touchPoints": [{"x": x, "y": y}]})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def _on_screen(page: Page, stroke: Stroke) -> Stroke:
    area = page.locator("#pad").bounding_box()
    assert area is not None
    return [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in stroke]
