"""The page before a service that asks for an API key, and the policy of all pages."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.looks import expect_digit, file
from tests.browser.pen import STROKES, draw
from tests.browser.test_trouble import answer, refuse
from tests.drawing import encoded, page

QUESTION = "**/v1/digit?*"
KEY = "correct-horse-battery"
STORED = "() => [Object.values(localStorage), Object.values(sessionStorage), document.cookie]"


def ask_for_key(shown: Page) -> list[str | None]:
    """Has the service ask for the key. Returns what was sent, oldest first."""
    sent: list[str | None] = []

    def guard(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        if sent[-1] == f"Bearer {KEY}":
            route.fulfill(body=answer(7))
        else:
            refuse(route, 401, detail="This API key is not known." if sent[-1] else "Send an API key.")

    shown.route(QUESTION, guard)
    return sent


def test_the_page_asks_for_a_key_and_keeps_it_for_its_tab(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    sent = ask_for_key(shown)
    draw(shown, STROKES[7])
    alert = shown.get_by_role("alert")
    expect(alert).to_contain_text("The service asks for an API key.")
    expect(alert.get_by_role("button", name="Try again")).to_be_hidden()
    field = alert.get_by_label("API key")
    field.fill("wrong-horse-battery")
    field.press("Enter")
    expect(alert).to_contain_text("This API key is not known.")
    expect(field).to_have_value("")
    field.fill(KEY)
    alert.get_by_role("button", name="Use this key").click()
    expect_digit(shown, 7)
    expect(field).to_be_hidden()
    expect(shown.get_by_role("button", name="Read")).to_be_focused()
    assert sent == [None, "Bearer wrong-horse-battery", f"Bearer {KEY}"]
    assert shown.evaluate(STORED) == [[], [KEY], ""]
    shown.reload()
    draw(shown, STROKES[7])
    expect_digit(shown, 7)
    assert sent[3:] == [f"Bearer {KEY}"]


def test_what_is_no_key_is_not_sent(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    sent = ask_for_key(shown)
    shown.set_input_files("#file", file(encoded(page(3))))
    field = shown.get_by_label("API key")
    for text in ("", "schlüssel", "two words"):
        field.fill(text)
        field.press("Enter")
    assert sent == [None]
    expect(shown.locator("#picture")).to_be_visible()


def test_the_form_for_the_key_has_room_for_a_finger_on_a_narrow_screen(open_page: OpenPage) -> None:
    shown = open_page(failures=True, viewport={"width": 320, "height": 700})
    ask_for_key(shown)
    draw(shown, STROKES[7])
    for element in (shown.get_by_label("API key"), shown.get_by_role("button", name="Use this key")):
        expect(element).to_be_visible()
        box = element.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert shown.evaluate("document.documentElement.scrollWidth") == 320


def test_a_key_whose_rate_is_used_up_is_waited_for(open_page: OpenPage) -> None:
    shown = open_page(failures=True)
    shown.route(QUESTION, lambda route: refuse(route, 429, retry_after=1, detail="Try again in 1 s."), times=1)
    draw(shown, STROKES[7])
    expect(shown.get_by_role("status")).to_contain_text("Trying again in 1 s.")
    expect_digit(shown, 7)


def test_no_script_but_the_pages_own_is_run(browser: Browser, service: str) -> None:
    """Not by `open_page`: Chromium complains in the console, as it should."""
    shown = browser.new_page()
    for path in ("", "docs", "redoc"):
        shown.goto(f"{service}/{path}")
        refused = """() => new Promise(resolve => {
            addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "window.harm = true";
            document.body.append(script);
        })"""
        assert shown.evaluate(refused) == "script-src-elem"
        assert shown.evaluate("() => window.harm") is None
    shown.close()
