"""Debian's chromium, the real service with the committed artifact, and pages that may ask nobody but the service."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.proxy import Proxy

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 20
NO_CHROMIUM = "no chromium was found: install one, or name it in DIGITS_CHROMIUM"
ARGUMENTS = [
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> str:
    names = (os.environ.get("DIGITS_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None and os.environ.get("DIGITS_REQUIRE_BROWSER") == "1":
        pytest.fail(NO_CHROMIUM)
    if found is None:
        pytest.skip(NO_CHROMIUM)
    return found


# Not for the session: Playwright's event loop runs on this thread, and would be in the way of other tests' loops.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service, which is started here unless DIGITS_URL names one."""
    if given := os.environ.get("DIGITS_URL"):
        yield given.rstrip("/")
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITS_")}
    log = tmp_path_factory.mktemp("service") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    last = "no answer"
    deadline = time.monotonic() + 90
    with httpx.Client(base_url=url, timeout=5) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                answer = client.get("/readyz")
            except httpx.TransportError as error:
                last = repr(error)
            else:
                if answer.status_code == 200:
                    return
                last = answer.text
            time.sleep(0.1)
    pytest.fail(f"The service did not become ready: {last}\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture
def proxy(service: str) -> Iterator[Proxy]:
    """The service behind a proxy that the test can stop, and that tells what was sent."""
    proxy = Proxy(service)
    yield proxy
    proxy.stop()


@pytest.fixture
def open_page(browser: Browser, service: str) -> Iterator[OpenPage]:
    """Opens a page, the service's by default. At the end no other host was asked, and nobody complained.

    Chromium writes an answer of 4xx or 5xx to the console; a test that provokes one says `failures=True`.
    """
    contexts = []
    asked: list[tuple[str, str]] = []
    complaints: list[str] = []

    def open_page(url: str = f"{service}/", *, failures: bool = False, script: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        if script:
            context.add_init_script(script)

        def complain(message: ConsoleMessage) -> None:
            expected = failures and message.text.startswith("Failed to load resource")
            if message.type in {"error", "warning"} and not expected:
                complaints.append(message.text)

        context.on("request", lambda request: asked.append((request.url, url)))
        context.on("console", complain)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    abroad = [request for request, page in asked if _host(request) not in {"", _host(page)}]
    assert (abroad, complaints) == ([], [])


def _host(url: str) -> str:
    """Empty for `data:`; what a `blob:` holds was in the browser already."""
    return urlsplit(url).netloc
