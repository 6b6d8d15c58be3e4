"""Overload at a real server: who is refused keeps the connection where that can be, and always gets the answer."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.service.checks import RAW, until
from tests.service.fakes import ONE, FakeModel
from tests.service.live import connect, read_all, read_one, serving, taken_apart

HEAD = "POST /v1/digit HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n"


@pytest.fixture
def crowded(published: Path, model: FakeModel) -> Iterator[httpx.URL]:
    """A server whose only place is taken until the end of the test."""
    with ExitStack() as stack:
        url, app = stack.enter_context(serving(Settings(artifacts=published, max_queue=1), model))
        model.batches.clear()
        model.gate.clear()
        callers = [
            threading.Thread(target=httpx.post, args=(url.join("/v1/digit"),), kwargs={"content": ONE, "headers": RAW})
            for _ in range(2)
        ]
        callers[0].start()
        until(lambda: bool(model.batches))
        callers[1].start()
        until(lambda: b"digits_queue_pictures 1.0" in app.state.digits.metrics.text())
        yield url
        model.gate.set()
        for caller in callers:
            caller.join(5)


@pytest.mark.parametrize("late", [0, 0.05])
def test_the_connection_is_kept_when_the_body_is_small(
    crowded: httpx.URL, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    monkeypatch.setattr("service.admission.DRAIN_SECONDS", 5)
    with connect(crowded) as connection:
        for _ in range(3):
            request = HEAD.format(len(ONE)).encode() + ONE
            sent = len(request) - 10 if late else len(request)
            connection.sendall(request[:sent])
            time.sleep(late)
            connection.sendall(request[sent:])
            status, headers, _ = read_one(connection)
            assert (status, headers.get("connection")) == (503, None)


@pytest.mark.parametrize("rest", [0, 2_000_000])
def test_the_server_refuses_as_the_app_does(crowded: httpx.URL, rest: int) -> None:
    """Whoever sends an id is left to the app."""
    request = HEAD.format(len(ONE) + rest).encode()
    answers = []
    for extra in (b"", b"\r\nX-Request-ID: mine"):
        with connect(crowded) as connection:
            connection.sendall(request.replace(b"Host: x", b"Host: x" + extra) + ONE)
            answers.append(read_one(connection))
    (status, headers, body), (expected_status, expected_headers, expected_body) = answers
    for found in (headers, expected_headers):
        assert found.pop("date")
        assert found.pop("content-length")
    problem, expected = json.loads(body), json.loads(expected_body)
    assert headers.pop("x-request-id") == problem.pop("request_id")
    assert expected_headers.pop("x-request-id") == expected.pop("request_id") == "mine"
    assert (status, headers, problem) == (expected_status, expected_headers, expected)
    counted = httpx.get(crowded.join("/metrics")).text
    assert 'digits_http_requests_total{method="POST",route="/v1/digit",status="503"} 2.0' in counted
    assert 'digits_overload_total{reason="pictures"} 2.0' in counted


def test_who_is_refused_while_the_body_is_on_its_way_is_listened_to_for_a_while(
    crowded: httpx.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.protocol.LINGER_SECONDS", 0.4)
    with connect(crowded) as connection:
        connection.sendall(HEAD.format(3_000_000).encode())
        status, headers, _ = taken_apart(read_all(connection))
        assert (status, headers["connection"]) == (503, "close")
        connection.sendall(bytes(1_000_000))
        time.sleep(0.6)
        with pytest.raises(ConnectionError):
            for _ in range(100):
                connection.sendall(bytes(100_000))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("POST /v1/digit ", "GET /v1/digit "), 405),
        (("image/png", "text/plain"), 415),
        (("POST /v1/digit ", "POST /v1/digit?version=x "), 422),
        (("HTTP/1.1", "HTTP/1.0"), 503),
        (("Host: x", "Host: x\r\nConnection: close"), 503),
    ],
)
def test_what_is_not_plain_is_left_to_the_app(crowded: httpx.URL, change: tuple[str, str], status: int) -> None:
    with connect(crowded) as connection:
        connection.sendall(HEAD.format(len(ONE)).replace(*change).encode() + ONE)
        assert read_one(connection)[0] == status


def test_each_of_several_at_once_is_refused_in_its_turn(crowded: httpx.URL) -> None:
    other = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    request = HEAD.format(len(ONE)).encode() + ONE
    with connect(crowded) as connection:
        last = other.replace(b"Host: x", b"Host: x\r\nConnection: close")
        connection.sendall(request + request + other + request + last)
        assert re.findall(rb"HTTP/1.1 (\d+)", read_all(connection)) == [b"503", b"503", b"200", b"503", b"200"]


def test_a_body_that_never_comes_ends_the_connection(
    published: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.linger.LINGER_SECONDS", 0.3)
    with serving(Settings(artifacts=published, max_queue=1, request_seconds=0.3), model) as (url, app):
        gate = app.state.digits.door.gate
        gate.enter(1)
        with connect(url) as connection:
            connection.sendall(HEAD.format(len(ONE)).encode() + ONE[:-1])
            assert read_all(connection).startswith(b"HTTP/1.1 503 ")
        gate.leave(1)


def test_the_answer_does_not_wait_for_a_body_and_survives_it(crowded: httpx.URL) -> None:
    for length in (2_000_000, 60_000):
        with connect(crowded) as connection:
            connection.sendall(HEAD.format(length).encode())
            started = time.monotonic()
            status, headers, _ = read_one(connection)
            assert (status, headers["connection"]) == (503, "close")
            assert time.monotonic() - started < 1
            connection.sendall(bytes(length))
            assert read_all(connection) == b""


def test_a_large_body_that_is_on_its_way_loses_no_answer(crowded: httpx.URL) -> None:
    with connect(crowded) as connection:
        connection.sendall(HEAD.format(5_000_000).encode() + bytes(5_000_000))
        status, headers, _ = taken_apart(read_all(connection))
        assert (status, headers["connection"]) == (503, "close")
