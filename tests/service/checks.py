"""What several tests of the HTTP interface send and expect."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from fastapi import FastAPI

from service.model.gate import Reason
from service.model.loader import Event
from service.model.table import Table
from tests.service.fakes import ONE

RAW = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Checks the shape that every error has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(found)
    assert found["status"] == status
    assert found["instance"] == answer.request.url.path
    assert found["request_id"] == answer.headers["X-Request-ID"] != ""
    assert ("errors" in found) == (found["title"] == "Invalid request")
    return found


def part(name: str, content: bytes = ONE) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\n%s\r\n' % (name.encode(), content)


def until(done: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what another thread is to do."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.001)


@contextlib.contextmanager
def restored_log() -> Iterator[None]:
    """Afterwards the log goes where it went before, whatever has configured it."""
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn.access")
    handlers, level, disabled = list(root.handlers), root.level, uvicorn.disabled
    try:
        yield
    finally:
        logging.basicConfig(handlers=handlers, level=level, force=True)
        logging.captureWarnings(False)
        uvicorn.disabled = disabled


def metrics(app: FastAPI) -> str:
    text: bytes = app.state.digits.metrics.text()
    return text.decode()


def at_rest(app: FastAPI) -> None:
    """Waits until nothing is in hand and no version in use."""
    state = app.state.digits
    until(lambda: state.door.gate.in_hand == (0, 0, 0))
    until(lambda: "digits_http_requests_in_flight 0.0" in metrics(app))
    loaded = state.registry.take()
    try:
        until(lambda: loaded.uses == 1)
    finally:
        state.registry.give_back(loaded)


class Observed:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tables: list[dict[int, str]] = []
        self.depth = 0
        self.batches: list[int] = []
        self.reasons: list[Reason] = []

    def queue_changed(self, pictures: int) -> None:
        self.depth += pictures

    def batch_taken(self, pictures: int) -> None:
        self.batches.append(pictures)

    def refused(self, reason: Reason) -> None:
        self.reasons.append(reason)

    def model_event(self, event: Event) -> None:
        self.events.append(event)

    def models_changed(self, table: Table) -> None:
        self.tables.append({version.number: version.state for version in table.versions})
