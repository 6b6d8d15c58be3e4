"""Past the app: callers who leave, faults of ours, and the end of the service. Everyone is told, and nothing is left behind."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.settings import Settings
from tests.service.checks import at_rest, metrics
from tests.service.fakes import FakeModel
from tests.service.live import GOOD, Process, connect, read_all, read_one, serving, taken_apart


@pytest.fixture
def live(published: Path, model: FakeModel) -> Iterator[tuple[httpx.URL, FastAPI]]:
    with serving(Settings(artifacts=published, port=0, threads=1), model) as (url, app):
        yield url, app


def test_who_leaves_is_told_of_and_leaves_nothing(
    live: tuple[httpx.URL, FastAPI], model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.access")
    shown = 'digits_http_requests_total{method="POST",route="/v1/digit",status="499"}'
    model.gate.clear()
    for behind in (b"", b"GET /healthz HTTP/1.1\r\n\r\n"):
        with connect(live[0]) as connection:
            connection.sendall(GOOD + behind)
            time.sleep(0.1)
    model.gate.set()
    at_rest(live[1])
    assert f"{shown} 2.0" in metrics(live[1])
    lines = [vars(record) for record in caplog.records]
    assert [line["status"] for line in lines if line.get("path") == "/v1/digit"] == [499, 499]


def test_a_fault_of_ours(live: tuple[httpx.URL, FastAPI], model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(live[0]) as connection:
        model.error = RuntimeError("secret")
        connection.sendall(GOOD)
        model_failed = read_one(connection)
        model.error = None

        def broken(*given: Any) -> None:
            raise RuntimeError("secret")

        with monkeypatch.context() as patch:
            patch.setattr("service.express.digit_reading", broken)
            connection.sendall(GOOD)
            ours = read_one(connection)
        connection.sendall(GOOD)
        assert read_one(connection)[0] == 200
    for status, headers, body in (model_failed, ours):
        problem = json.loads(body)
        assert (status, headers["content-type"]) == (500, "application/problem+json")
        assert problem["request_id"] == headers["x-request-id"] != ""
        assert b"secret" not in body
    at_rest(live[1])


def test_a_queue_that_is_full_when_the_door_is_passed(
    live: tuple[httpx.URL, FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = live[1].state.digits.door
    monkeypatch.setattr(door.gate, "max_pictures", 1)
    monkeypatch.setattr(type(door), "check", lambda *given, **more: None)
    door.gate.enter(1)
    with connect(live[0]) as connection:
        connection.sendall(GOOD)
        status, headers, _ = read_one(connection)
    door.gate.leave(1)
    assert (status, headers["retry-after"]) == (503, "1")
    at_rest(live[1])


def test_when_it_is_too_late_to_wait_it_is_told(start: Callable[..., Process]) -> None:
    server = start(seconds=6, drain_seconds=0, shutdown_seconds=1)
    with connect(server.url) as connection:
        connection.sendall(GOOD)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        status, headers, body = taken_apart(read_all(connection))
    assert (status, headers["connection"]) == (503, "close")
    assert json.loads(body)["detail"] == "The service is shutting down."
    server.end()
