"""`serve` in a process of its own: signals, workers, what it prints."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.service.checks import RAW, until
from tests.service.fakes import ONE, one, png
from tests.service.live import Process


def in_background(server: Process, picture: bytes) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    client = httpx.Client(base_url=server.url, timeout=20)
    client.get("/healthz")  # making a client and connecting takes a while on a busy machine

    def ask() -> None:
        with contextlib.closing(client):
            results.append(client.post("/v1/digit", content=picture, headers=RAW))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.15)
    return thread, results


def test_sigterm_drains_and_then_ends_when_what_is_in_flight_is_answered(start: Callable[..., Process]) -> None:
    server = start(0.4, drain_seconds=0.4)
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/readyz").status_code == 200
        thread, results = in_background(server, ONE)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.15)
        assert client.get("/readyz").status_code == 503
        late = client.post("/v1/digit", content=ONE, headers=RAW)  # still served; it ends after the drain
        assert late.status_code == 200
        assert late.headers["Connection"] == "close"
    thread.join()
    assert results[0].json()["digit"] == 1
    status, _, log = server.end()
    assert status == 0, log
    assert "Traceback" not in log


def test_without_a_drain_sigterm_ends_when_what_is_in_flight_is_answered(start: Callable[..., Process]) -> None:
    server = start(0.4, drain_seconds=0)
    thread, results = in_background(server, ONE)
    server.process.send_signal(signal.SIGTERM)
    thread.join()
    assert results[0].json()["digit"] == 1
    assert server.end()[0] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_long_decode_is_not_waited_for_and_its_caller_is_told(start: Callable[..., Process], workers: int) -> None:
    server = start(decode=20, workers=workers, drain_seconds=0, shutdown_seconds=1, log_format="json")
    large = png(one(900))
    thread, results = in_background(server, large)
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    status, _, log = server.end()
    thread.join()
    assert time.monotonic() - started < 8
    assert status == 0, log
    assert results[0].status_code == 503
    assert [line["status"] for line in map(json.loads, log.splitlines()) if line.get("path") == "/v1/digit"] == [503]


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_sigint_and_a_second_sigterm_do_not_wait_for_the_drain(
    start: Callable[..., Process], signals: list[signal.Signals]
) -> None:
    server = start(drain_seconds=60)
    for each in signals:
        server.process.send_signal(each)
        time.sleep(0.2)
    status, _, log = server.end()
    assert status == 0
    assert "Traceback" not in log


def test_several_workers_serve_drain_and_add_up_their_metrics(start: Callable[..., Process]) -> None:
    server = start(workers=2, drain_seconds=0.2, log_format="json")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the first says that it is ready; the other may take a little longer
        if all(httpx.get(server.url + "/readyz").status_code == 200 for _ in range(10)):
            break
    answers = [httpx.post(server.url + "/v1/digit", content=ONE, headers=RAW) for _ in range(20)]
    assert [answer.json()["digit"] for answer in answers] == [1] * 20
    read = 'digits_readings_total{digit="1",status="ok"} 20.0'
    until(lambda: read in httpx.get(server.url + "/metrics").text)  # each counts what it has noted ten times a second
    for _ in range(5):  # whichever worker is asked
        assert read in httpx.get(server.url + "/metrics").text
    server.process.send_signal(signal.SIGTERM)
    status, _, log = server.end()
    assert status == 0, log
    assert all(json.loads(line) for line in log.splitlines())


def test_unknown_settings_are_told_of_at_start(start: Callable[..., Process]) -> None:
    server = start(prot=1, log_level="warning", drain_seconds=0)
    server.process.send_signal(signal.SIGTERM)
    assert "unknown setting DIGITS_PROT; did you mean DIGITS_PORT?" in server.end()[2]
