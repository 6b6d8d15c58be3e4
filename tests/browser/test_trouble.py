"""What the page says when something is wrong, and that it stays usable."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE_S, OpenPage
from tests.browser.looks import expect_digit, file
from tests.browser.pen import STROKES, draw
from tests.browser.proxy import Proxy
from tests.drawing import encoded, page

QUESTION = "**/v1/digit?*"


def answer(digit: int | None, status: str = "ok", *, second: int = 0, digit_probability: float = 0.99) -> str:
    """A reading as the service would answer."""
    probabilities = [0.0] * 10
    probabilities[second] += 0.4
    probabilities[digit or 0] += 0.6
    reading = {
        "status": status,
        "digit": digit,
        "confidence": 0.0 if digit is None else 0.6,
        "probabilities": probabilities,
        "digit_probability": digit_probability,
        "box": None,
        "model": {"name": "digits", "version": 7},
        "explanation": None,
    }
    return json.dumps(reading)


def refuse(route: Route, status: int, **problem: Any) -> None:
    headers = {"Content-Type": "application/problem+json"}
    if "retry_after" in problem:
        headers["Retry-After"] = str(problem.pop("retry_after"))
    route.fulfill(status=status, headers=headers, body=json.dumps({"status": status, **problem}))


def expect_still_usable(shown: Page) -> None:
    shown.set_input_files("#file", file(encoded(page(3))))
    expect_digit(shown, 3)


def wait_for(held: list[Route], count: int, shown: Page) -> None:
    """Routes are held by callbacks of this process, which Playwright calls while it waits for something else."""
    deadline = time.monotonic() + PATIENCE_S
    while len(held) < count:
        assert time.monotonic() < deadline
        shown.wait_for_timeout(10)


def test_a_text_file_that_is_called_png(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    shown.set_input_files("#file", file(b"Not a picture at all.", "notes.png"))
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("This is not a picture that Digits can read.")
    expect(alert).to_contain_text("PNG, JPEG, WebP")
    expect(alert).to_contain_text("Request ")
    expect(alert.get_by_role("button")).to_be_hidden()  # trying again could not help
    expect(shown.locator("#digit")).to_be_hidden()
    expect(shown.locator(".bars .best")).to_have_count(0)
    expect(shown.locator("#name")).to_have_text("notes.png")
    expect_still_usable(shown)


def test_a_damaged_picture(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    shown.set_input_files("#file", file(encoded(page(3, (300, 300)))[:300]))
    expect(shown.get_by_role("alert")).to_contain_text("The picture is damaged.")
    expect_still_usable(shown)


def test_the_service_goes_away_and_comes_back(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(proxy.url, failures=True)
    proxy.stop()
    draw(shown, STROKES[7])
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("The service cannot be reached.")
    expect(alert).to_contain_text("Nothing you gave is lost.")
    proxy.start()
    alert.get_by_role("button", name="Try again").click()
    expect_digit(shown, 7)
    expect(shown.get_by_role("button", name="Read")).to_be_focused()


def test_without_a_network(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    shown.context.set_offline(True)
    shown.set_input_files("#file", file(encoded(page(3))))
    expect(shown.get_by_role("alert")).to_contain_text("This device is offline.")
    expect(shown.locator("#picture")).to_be_visible()
    shown.context.set_offline(False)
    shown.get_by_role("button", name="Try again").click()
    expect_digit(shown, 3)


def test_a_busy_service_is_asked_again(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    shown.route(QUESTION, lambda route: refuse(route, 503, retry_after=1, detail="The queue is full."), times=1)
    draw(shown, STROKES[7])
    expect(shown.get_by_role("status")).to_contain_text("The service is busy. Trying again in 1 s.")
    expect_digit(shown, 7)


def test_a_service_that_stays_busy(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    shown.clock.install()
    asked = []

    def busy(route: Route) -> None:
        asked.append(route)
        refuse(route, 503, retry_after=5, detail="The queue is full.")

    shown.route(QUESTION, busy)
    shown.get_by_role("button", name="Read").click()
    for _ in range(3):
        expect(shown.locator("#sentence")).to_contain_text("Trying again in 5 s.")
        with shown.expect_response(QUESTION):
            shown.clock.run_for(5000)
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("The service is busy.")
    expect(alert).to_contain_text("The queue is full.")
    expect(alert.get_by_role("button", name="Try again")).to_be_visible()
    assert len(asked) == 4


def test_a_picture_that_the_service_finds_too_large_is_sent_again_smaller(open_page: OpenPage, proxy: Proxy) -> None:
    shown = open_page(proxy.url, failures=True)
    shown.route(QUESTION, lambda route: refuse(route, 413, detail="It has more than 50 megapixels."), times=1)
    shown.set_input_files("#file", file(encoded(page(3))))
    expect_digit(shown, 3)
    assert b"image/jpeg" in proxy.bodies[-1]


def test_a_drawing_that_a_strict_service_finds_too_large(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    shown.route(QUESTION, lambda route: refuse(route, 413, detail="The body has more than 9 bytes.", request_id="r-1"))
    draw(shown, STROKES[7])
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("The picture is too large.")
    expect(alert).to_contain_text("The body has more than 9 bytes.")
    expect(alert).to_contain_text("Request r-1")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, "<html>Bad Gateway</html>", "It answered with status 502."),
        (500, '{"detail": "An error of ours.", "request_id": "r-2"}', "Request r-2"),
        (200, "<html>Please log in</html>", "It answered with status 200."),
    ],
)
def test_an_answer_that_is_no_reading(open_page: OpenPage, status: int, body: str, message: str) -> None:
    shown = open_page(failures=True)
    shown.route(QUESTION, lambda route: route.fulfill(status=status, body=body), times=1)
    shown.set_input_files("#file", file(encoded(page(3))))
    expect(shown.get_by_role("alert")).to_contain_text(message)
    expect_still_usable(shown)


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        (answer(4, "uncertain", second=9), "Perhaps a 4, but it could be a 9."),
        (answer(8, "uncertain", second=8), "Perhaps an 8, but it could be a 0."),
        (answer(None, "not_a_digit", digit_probability=0.03), "There is ink, but it is not one digit."),
    ],
)
def test_the_sentence_for_each_status(open_page: OpenPage, reading: str, sentence: str) -> None:
    shown = open_page()
    shown.route(QUESTION, lambda route: route.fulfill(body=reading))
    shown.get_by_role("button", name="Read").click()
    expect(shown.locator("#sentence")).to_have_text(sentence)
    expect(shown.locator("#digit")).to_have_text("–" if "not_a_digit" in reading else sentence.split()[2].strip(","))
    expect(shown.locator("#about")).to_have_text("Model digits, version 7")


def test_a_slow_answer_shows_that_it_is_under_way(open_page: OpenPage) -> None:
    shown = open_page()
    held: list[Route] = []
    shown.route(QUESTION, lambda route: held.append(route))
    shown.get_by_role("button", name="Read").click()
    expect(shown.locator("#result")).to_have_attribute("aria-busy", "true")
    expect(shown.get_by_role("status")).to_contain_text("Reading…")
    held[0].fulfill(body=answer(4))
    expect_digit(shown, 4)


# Aborting is only a courtesy to the service: an answer that comes all the same must not be shown either.
DEAF_TO_ABORT = "const real = fetch; window.fetch = (url, options) => real(url, {...options, signal: undefined});"


@pytest.mark.parametrize("script", ["", DEAF_TO_ABORT], ids=["aborted", "answered"])
def test_an_answer_that_comes_late_is_not_shown(open_page: OpenPage, script: str) -> None:
    shown = open_page(script=script)
    held: list[Route] = []
    shown.route(QUESTION, lambda route: held.append(route))
    for count in (1, 2):
        shown.set_input_files("#file", file(encoded(page(3))))
        wait_for(held, count, shown)
    held[1].fulfill(body=answer(2))
    expect_digit(shown, 2)
    if script:
        with shown.expect_event("requestfinished"):
            held[0].fulfill(body=answer(1))
    # One more round trip: whatever the page had to do with the late answer is done by then.
    shown.evaluate("() => new Promise(resolve => setTimeout(resolve))")
    expect_digit(shown, 2)


def test_a_new_stroke_gives_up_the_question_under_way(open_page: OpenPage) -> None:
    shown = open_page()
    held: list[Route] = []
    shown.route(QUESTION, lambda route: held.append(route), times=1)
    draw(shown, STROKES[4][:1])
    wait_for(held, 1, shown)
    with shown.expect_event("requestfailed") as failed:
        draw(shown, STROKES[4][1:])
    assert failed.value == held[0].request
    expect_digit(shown, 4)
