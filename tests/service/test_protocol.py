"""What a connection is held to: the size of headers, and the time in which a request must have arrived."""

from __future__ import annotations

import json
import logging
import re
import select
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from service import linger
from service.protocol import MAX_HEAD_BYTES
from service.settings import Settings
from tests.service.fakes import ONE, FakeModel
from tests.service.live import GOOD, connect, read_all, read_one, serving, taken_apart, talk

SECONDS = 0.4
LARGE = b"x" * MAX_HEAD_BYTES
CHUNKED = b"POST /v1/digit HTTP/1.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
IN_CHUNKS = CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(ONE), ONE)  # what may follow, and the empty line, do not


@pytest.fixture(scope="module")
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture(scope="module")
def live(published: Path, model: FakeModel) -> Iterator[httpx.URL]:
    with serving(Settings(artifacts=published, port=0, threads=1, request_seconds=SECONDS), model) as (url, _):
        yield url


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def error(answer: tuple[int, dict[str, str], bytes], status: int, title: str) -> None:
    found, headers, body = answer
    assert found == status, body
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    problem = json.loads(body)
    assert (problem["status"], problem["title"]) == (status, title)
    assert problem["request_id"] == headers["x-request-id"] != ""


@pytest.mark.parametrize("size", [5_000, 1_000_000])
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /healthz HTTP/1.1\r\nX: " + LARGE + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"Name: value\r\n" * 3000 + b"\r\n",
        b"GET /" + LARGE + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + LARGE + LARGE,
        b"\r\n" * MAX_HEAD_BYTES,
    ],
    ids=["value", "many", "address", "no end", "line breaks"],
)
def test_headers_that_are_too_large(live: httpx.URL, request_bytes: bytes, size: int) -> None:
    error(talk(live, *in_pieces(request_bytes, size)), 431, "Headers too large")


@pytest.mark.parametrize("size", [5_000, 1_000_000])
def test_headers_that_are_just_small_enough(live: httpx.URL, size: int) -> None:
    request = b"GET /healthz HTTP/1.1\r\nX: " + LARGE[:-200] + b"\r\nConnection: close\r\n\r\n"
    assert talk(live, *in_pieces(request, size))[0] == 200


def endless(seconds: float = 5) -> Iterator[bytes]:
    piece, until = b"x" * 65536, time.monotonic() + seconds
    for _ in range(320):
        assert time.monotonic() < until
        yield piece


@pytest.mark.parametrize("start", [b"GET /healthz HTTP/1.1\r\nX: ", b"GET /", IN_CHUNKS + b"X: "])
def test_headers_without_an_end_are_not_kept(live: httpx.URL, start: bytes) -> None:
    tracemalloc.start()
    try:
        found = talk(live, start, *endless())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    error(found, 431, "Headers too large")
    assert peak < 4_000_000


def test_what_follows_a_body_in_chunks_is_no_burden_and_no_header(live: httpx.URL) -> None:
    with connect(live) as connection:
        for _ in range(2):
            connection.sendall(IN_CHUNKS + b"X-Request-ID: behind\r\n" * 500 + b"\r\n")
            status, headers, _ = read_one(connection)
            assert status == 200
            assert headers["x-request-id"] != "behind"


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_body_is_not_counted_as_headers_of_the_request_behind_it(live: httpx.URL, cut: int) -> None:
    last = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
    body = b"x" * 60_000
    first = b"POST /v1/digit HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with connect(live) as connection:
        connection.sendall(first + GOOD + last[:cut])
        time.sleep(0.1)
        connection.sendall(last[cut:])
        answer = read_all(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"415", b"200", b"200"]


def test_what_is_asked_before_headers_that_are_too_large_is_answered(live: httpx.URL) -> None:
    with connect(live) as connection:
        connection.sendall(GOOD + GOOD + b"GET /" + LARGE + b" HTTP/1.1\r\n\r\n")
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == 2
    assert answer.count(b"connection: close") == 1


def trickled(url: httpx.URL, start: bytes, piece: bytes) -> tuple[float, tuple[int, dict[str, str], bytes]]:
    """Sends a start and then pieces until there is an answer: after how long, and the answer."""
    with connect(url) as connection:
        began = time.monotonic()
        connection.sendall(start)
        while not select.select([connection], [], [], 0.05)[0]:
            assert time.monotonic() < began + 5
            connection.sendall(piece)
        return time.monotonic() - began, read_one(connection)


WITH_LENGTH = b"POST /v1/digit HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: 90000\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /heal", b""),
        (b"GET /", b"x"),
        (b"GET /healthz HTTP/1.1\r\n", b"A: b\r\n"),
        (WITH_LENGTH, b""),
        (WITH_LENGTH, b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (IN_CHUNKS, b"A: b\r\n"),
    ],
)
def test_a_request_that_does_not_arrive_in_time(live: httpx.URL, start: bytes, piece: bytes) -> None:
    seconds, answer = trickled(live, start, piece)
    error(answer, 408, "Request timeout")
    assert 0.5 * SECONDS < seconds < SECONDS + 1  # the loop's clock may lag behind


def test_a_late_body_is_told_of_with_its_route_and_leaves_nothing(
    live: httpx.URL, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.access")
    request = WITH_LENGTH.replace(b"\r\nContent-Type", b"\r\nX-Request-ID: late\r\nContent-Type")
    assert trickled(live, request, b"x")[1][1]["x-request-id"] == "late"
    time.sleep(0.1)
    metrics = httpx.get(live.join("/metrics")).text
    assert 'digits_http_requests_total{method="POST",route="/v1/digit",status="408"}' in metrics
    assert "digits_http_requests_in_flight 1.0" in metrics  # the scrape itself
    assert "digits_queue_pictures 0.0" in metrics
    (line,) = [vars(record) for record in caplog.records if vars(record).get("path") == "/v1/digit"]
    assert (line["method"], line["status"]) == ("POST", 408)
    assert SECONDS * 900 < line["ms"] < 1000
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_late_headers_are_told_of(live: httpx.URL, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.access")
    before = count(live, 408)
    trickled(live, b"GET /", b"x")
    assert count(live, 408) == before + 1
    (line,) = [vars(record) for record in caplog.records if vars(record).get("status") == 408]
    assert (line["method"], line["path"]) == ("-", "-")
    assert SECONDS * 900 < line["ms"] < 1000


def count(url: httpx.URL, status: int) -> float:
    start = f'digits_http_requests_total{{method="OTHER",route="none",status="{status}"}} '
    lines = httpx.get(url.join("/metrics")).text.splitlines()
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_a_late_body_may_go_on_for_a_while_so_that_the_answer_is_not_lost(
    live: httpx.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linger, "LINGER_SECONDS", 0.5)
    with connect(live) as connection:
        connection.sendall(WITH_LENGTH)
        time.sleep(SECONDS + 0.2)
        connection.sendall(b"x" * 80_000)
        error(taken_apart(read_all(connection)), 408, "Request timeout")


@pytest.mark.parametrize("stray", [[], [b"\r\n"] * 3])
def test_a_connection_that_asks_nothing_is_closed_without_a_word(live: httpx.URL, stray: Iterable[bytes]) -> None:
    with connect(live) as connection:
        began = time.monotonic()
        for piece in stray:
            connection.sendall(piece)
            time.sleep(0.05)
        assert connection.recv(65536) == b""
        assert SECONDS - 0.05 < time.monotonic() - began < SECONDS + 1


def test_neither_a_pause_between_requests_nor_the_time_of_the_answer_is_the_time_of_a_request(
    live: httpx.URL, model: FakeModel
) -> None:
    with connect(live) as connection:
        for _ in range(2):
            model.gate.clear()
            connection.sendall(GOOD[:100])
            connection.sendall(GOOD[100:])
            time.sleep(SECONDS + 0.2)
            model.gate.set()
            assert read_one(connection)[0] == 200
            time.sleep(SECONDS + 0.2)
            connection.sendall(b"\r\n")  # some clients end a body so


@pytest.mark.parametrize("behind", [b"GET /heal", b"\r\n", b""])
def test_what_is_asked_before_a_late_request_is_answered(live: httpx.URL, model: FakeModel, behind: bytes) -> None:
    model.gate.clear()
    with connect(live) as connection:
        connection.sendall(GOOD + GOOD)
        connection.sendall(behind)
        time.sleep(SECONDS + 0.2)
        model.gate.set()
        time.sleep(0.1)
        if not behind.strip():
            connection.sendall(GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == (2 if behind.strip() else 3)


def test_a_request_that_waits_behind_another_has_its_time_after_that(live: httpx.URL, model: FakeModel) -> None:
    model.gate.clear()
    with connect(live) as connection:
        connection.sendall(GOOD + GOOD[:-10])
        time.sleep(SECONDS + 0.2)
        model.gate.set()
        assert read_one(connection)[0] == 200
        connection.sendall(GOOD[-10:])
        assert read_one(connection)[0] == 200
