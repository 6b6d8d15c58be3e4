"""A real server on loopback: what ASGI does not show. Malformed HTTP, bodies that are not wanted."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.errors import SettingsError
from service.protocol import Protocol
from service.server import ACCEPTED, bind, holds, url_of
from service.settings import Settings
from tests.service.checks import RAW, until
from tests.service.fakes import ONE, FakeModel
from tests.service.live import GOOD, connect, read_all, serving, talk


@pytest.fixture(scope="module")
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture(scope="module")
def live(published: Path, model: FakeModel) -> Iterator[httpx.URL]:
    """The address of a server on a thread of this process, for all tests here: it takes a moment to end."""
    with serving(Settings(artifacts=published, port=0, threads=1, max_body_bytes=100_000), model) as (url, _):
        yield url


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"no http\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST /v1/digit HTTP/1.1\r\nContent-Length: one\r\n\r\n",
        b"POST /v1/digit HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /v1/digit HTTP/1.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_malformed_http_is_a_problem_like_any_other(live: httpx.URL, request_bytes: bytes) -> None:
    status, headers, body = talk(live, request_bytes)
    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    problem = json.loads(body)
    assert (problem["status"], problem["title"]) == (400, "Malformed request")
    assert problem["request_id"] == headers["x-request-id"] != ""


def post(length: str, *, path: str = "/v1/digit", more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n{length}\r\n{more}\r\n".encode()


def test_a_body_that_is_too_long_is_answered_although_it_is_sent_to_its_end(live: httpx.URL) -> None:
    size = 20_000_000
    status, headers, body = talk(live, post(f"Content-Length: {size}") + b"x" * size)
    assert status == 413
    assert headers["connection"] == "close"
    assert json.loads(body)["title"] == "Body too large"


def test_a_body_that_is_too_long_in_chunks_is_answered_although_it_is_sent_to_its_end(live: httpx.URL) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, _, body = talk(live, post("Transfer-Encoding: chunked") + chunk * 100 + b"0\r\n\r\n")
    assert status == 413
    assert json.loads(body)["title"] == "Body too large"


def test_whoever_asks_before_sending_a_body_that_is_too_long_need_not_send_it(live: httpx.URL) -> None:
    with connect(live) as connection:
        connection.sendall(post("Content-Length: 20000000", more="Expect: 100-continue\r\n"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_whoever_asks_before_sending_a_good_body_is_told_to_go_on(live: httpx.URL) -> None:
    with connect(live) as connection:
        connection.sendall(post(f"Content-Length: {len(ONE)}", more="Expect: 100-continue\r\n"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ONE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/nothing", "/v1/models", "/v1/digit?version=one", "/v1/digits"])
def test_an_answer_that_does_not_need_the_body_arrives_all_the_same(live: httpx.URL, path: str) -> None:
    size = 90_000
    status, headers, _ = talk(live, post(f"Content-Length: {size}", path=path) + b"x" * size)
    assert status in (404, 405, 415, 422)
    assert headers["connection"] == "close"


def test_an_early_answer_is_told_of_as_it_was_given_and_without_the_time_that_the_rest_of_the_body_takes(
    live: httpx.URL, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.access")
    with connect(live) as connection:
        connection.sendall(post("Content-Length: 90000", path="/v1/early"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        assert "digits_http_requests_in_flight 1.0" in httpx.get(live.join("/metrics")).text  # the scrape itself
    time.sleep(0.1)
    (line,) = [vars(record) for record in caplog.records if vars(record).get("path") == "/v1/early"]
    assert line["status"] == 404
    assert line["levelname"] == "INFO"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_connection_serves_many_requests(live: httpx.URL) -> None:
    with httpx.Client(base_url=live) as client:
        for _ in range(3):
            assert client.post("/v1/digit", content=ONE, headers=RAW).json()["digit"] == 1
        assert "connection" not in client.get("/nothing").headers


def test_the_head_of_a_page_has_no_body(live: httpx.URL) -> None:
    status, headers, body = talk(live, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    "garbage", [b"no http\r\n\r\n", post("Transfer-Encoding: chunked") + b"ZZ\r\n", post("Host x")]
)
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_asked_before_garbage_is_answered(live: httpx.URL, garbage: bytes, count: int) -> None:
    with connect(live) as connection:
        connection.sendall(GOOD * count + garbage)
        connection.sendall(GOOD)  # nobody can know where this begins
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == count
    assert answer.count(b"connection: close") == 1


def test_garbage_behind_an_answered_request_is_malformed(live: httpx.URL) -> None:
    with connect(live) as connection:
        connection.sendall(GOOD)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"no http\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(65536) == b""


def test_garbage_in_a_body_that_nobody_waits_for_ends_the_connection(live: httpx.URL) -> None:
    with connect(live) as connection:
        connection.sendall(post("Transfer-Encoding: chunked", path="/nothing"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"ZZ\r\n")
        assert connection.recv(65536) == b""


def test_the_work_for_a_caller_who_has_left_is_dropped(
    live: httpx.URL, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.access")
    model.gate.clear()
    model.batches.clear()
    request = post(f"Content-Length: {len(ONE)}") + ONE
    connections = []
    for _ in range(2):
        connections.append(connect(live))
        connections[-1].sendall(request)
        while not model.batches:
            time.sleep(0.01)
    time.sleep(0.1)
    for connection in connections:
        connection.close()
    time.sleep(0.1)
    model.gate.set()
    assert httpx.post(live.join("/v1/digit"), content=ONE, headers=RAW).status_code == 200
    assert model.batches == [1, 1]
    logged = [vars(record)["status"] for record in caplog.records if record.name == "service.access"]
    assert logged[:2] == [499, 499]  # the last answer's line may still be to come


def test_an_address_that_is_taken_is_told_in_one_line(published: Path) -> None:
    with bind(Settings(artifacts=published, port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            bind(Settings(artifacts=published, port=port))


def test_a_worker_that_starts_does_not_make_those_that_serve_wait_for_connections(published: Path) -> None:
    with bind(Settings(artifacts=published, port=0)) as serving_one:
        serving_one.setblocking(False)  # as an event loop does
        with socket.socket(fileno=os.dup(serving_one.fileno())) as starting_one:  # as it comes to another process
            held = holds(starting_one, workers=2)
            blocks = os.get_blocking(serving_one.fileno())
            for each in held[1:]:
                each.close()
    assert len(held) == 4
    assert not blocks


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")])
def test_the_url_can_be_opened(published: Path, host: str, shown: str) -> None:
    with bind(Settings(artifacts=published, host=host, port=0)) as listening:
        assert url_of(listening) == f"http://{shown}:{listening.getsockname()[1]}"


def test_what_is_noted_is_counted_before_long_though_nobody_looks(published: Path, model: FakeModel) -> None:
    with serving(Settings(artifacts=published, port=0, threads=1), model) as (url, app):
        httpx.get(url.join("/healthz"))
        registry = app.state.digits.metrics.registry
        shown = {"route": "/healthz", "method": "GET", "status": "200"}
        until(lambda: registry.get_sample_value("digits_http_requests_total", shown) == 1)


def test_many_who_come_at_once_are_let_in_together(
    published: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Settings(artifacts=published, port=0, threads=1), model) as (url, _):
        turn, seen, made = 0, list[int](), Protocol.connection_made

        def count_turns(loop: asyncio.AbstractEventLoop) -> None:
            nonlocal turn
            turn += 1
            if len(seen) < 21:
                loop.call_soon(count_turns, loop)

        def noted(self: Protocol, transport: asyncio.Transport) -> None:
            seen.append(turn)
            if len(seen) == 1:
                count_turns(asyncio.get_running_loop())
                time.sleep(0.3)  # while the others come
            made(self, transport)

        monkeypatch.setattr(Protocol, "connection_made", noted)
        connections = [connect(url) for _ in range(21)]
        until(lambda: len(seen) == 21)
        assert max(seen[1:]) - min(seen[1:]) <= 20 // ACCEPTED + 1
        for connection in connections:
            connection.close()
