"""Overload over HTTP: the answer is decided by the headers, in its turn, and takes nobody's connection away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.door import HOPS, Door, Lateness
from service.errors import Overloaded
from service.model.gate import Gate
from service.settings import Settings
from tests.service.checks import FORM, JSON, RAW, part, problem
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, opener

READINGS = ["/v1/digit", "/v1/digits", "/v1/digits/json", "/v1/number", "/v1/number/json"]
CONTENT = {"/v1/digit": RAW, "/v1/digits": FORM, "/v1/digits/json": JSON, "/v1/number": RAW, "/v1/number/json": JSON}


async def gate_of(app: FastAPI) -> Gate:
    async with app.state.digits.registry.using() as model:
        gate: Gate = model.batcher._queue.gate
        return gate


@pytest.fixture
def settings(published: Path, tmp_path: Path) -> Settings:
    return Settings(artifacts=published, max_queue=1, max_queue_bytes=5000, max_body_bytes=20_000)


@pytest.fixture
async def full(client: httpx.AsyncClient, model: FakeModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app whose only place is taken until `model.gate` is set."""
    model.gate.clear()
    callers = []
    for number in (1, 2):
        callers.append(asyncio.create_task(client.post("/v1/digit", content=ONE, headers=RAW)))
        while not model.batches:
            await asyncio.sleep(0.001)
        while number == 2 and b"digits_queue_pictures 1.0" not in (await client.get("/metrics")).content:
            await asyncio.sleep(0.001)
    yield client
    model.gate.set()
    assert [(await caller).status_code for caller in callers] == [200, 200]


async def never() -> AsyncIterator[bytes]:
    raise AssertionError("was read")
    yield b""


@pytest.mark.anyio
@pytest.mark.parametrize("query", ["", "?explain=true", "?version=2", "?version=1"])
@pytest.mark.parametrize("path", READINGS)
async def test_no_body_is_read_when_it_is_full(full: httpx.AsyncClient, path: str, query: str) -> None:
    # The length: what is not read before the answer is read, and forgotten, after it.
    answer = await full.post(path + query, content=never(), headers={"Content-Length": "0"} | CONTENT[path])
    assert problem(answer, 503)["title"] == "Overloaded"
    assert int(answer.headers["Retry-After"]) >= 1
    counted = (await full.get("/metrics")).text
    assert f'digits_http_requests_total{{method="POST",route="{path}",status="503"}} 1.0' in counted
    assert 'digits_overload_total{reason="pictures"} 1.0' in counted


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/nothing", RAW, 404),
        ("POST", "/v1/digit?version=99", RAW, 404),
        ("GET", "/v1/digit", {}, 405),
        ("POST", "/v1/digit", {"Content-Type": "text/plain"}, 415),
        ("POST", "/v1/digit", {}, 415),
        ("POST", "/v1/digits", RAW, 415),
        ("POST", "/v1/digits/json", FORM, 415),
        ("POST", "/v1/number/json", RAW, 415),
        ("POST", "/v1/digit?explain=perhaps", RAW, 422),
    ],
)
async def test_what_is_wrong_with_the_headers_is_said_first(
    full: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    problem(await full.request(method, path, content=never(), headers={"Content-Length": "0"} | headers), status)


@pytest.mark.anyio
async def test_a_body_that_is_too_large_is_told_so_first(full: httpx.AsyncClient) -> None:
    problem(await full.post("/v1/digit", content=bytes(20_001), headers=RAW), 413)


@pytest.mark.anyio
async def test_all_but_readings_are_answered(full: httpx.AsyncClient) -> None:
    for path in ("/", "/healthz", "/metrics", "/v1/models", "/v1/models/1", "/openapi.json"):
        assert (await full.get(path)).status_code == 200


@pytest.mark.anyio
async def test_bytes_are_counted_while_they_are_in_memory(
    app: FastAPI, client: httpx.AsyncClient, model: FakeModel
) -> None:
    gate = await gate_of(app)
    model.gate.clear()
    body = ONE + bytes(4500 - len(ONE))
    held = asyncio.create_task(client.post("/v1/digit", content=body, headers=RAW))
    while not model.batches:
        await asyncio.sleep(0.001)
    assert gate.in_hand[1] == 4500
    answer = await client.post("/v1/digit", content=bytes(501), headers=RAW)
    assert problem(answer, 503)["detail"] == "The pictures that are waiting to be read have too many bytes."

    async def chunks() -> AsyncIterator[bytes]:
        yield ONE
        yield bytes(501 - len(ONE))

    answer = await client.post("/v1/digit", content=chunks(), headers=RAW)
    assert problem(answer, 503)["title"] == "Overloaded"
    assert gate.in_hand[1] == 4500
    model.gate.set()
    assert (await held).status_code == 200
    assert gate.in_hand == (0, 0, 0)
    # It is larger than the budget, and nobody else is there.
    assert (await client.post("/v1/digit", content=ONE + bytes(6000), headers=RAW)).status_code == 200
    assert gate.in_hand == (0, 0, 0)
    assert 'digits_overload_total{reason="bytes"} 2.0' in (await client.get("/metrics")).text


@pytest.mark.anyio
async def test_bytes_are_counted_out_whatever_becomes_of_the_request(app: FastAPI, client: httpx.AsyncClient) -> None:
    gate = await gate_of(app)
    bad = [
        ("/v1/digit", b"no picture", RAW),
        ("/v1/digit", ONE[:-30], RAW),
        ("/v1/digits", b"no form", FORM),
        ("/v1/digits/json", b"{", JSON),
        ("/v1/digits", part("other") + b"--x--\r\n", FORM),
    ]
    for path, content, headers in bad:
        assert 400 <= (await client.post(path, content=content, headers=headers)).status_code < 500
        assert gate.in_hand == (0, 0, 0)


@pytest.mark.anyio
async def test_what_is_not_done_by_the_deadline_is_dropped(published: Path, model: FakeModel) -> None:
    app = create_app(Settings(artifacts=published, deadline_seconds=0.1), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            model.batches.clear()
            model.gate.clear()
            answers = await asyncio.gather(
                *(client.post(path, content=ONE, headers=RAW) for path in ("/v1/digit", "/v1/digit", "/v1/number"))
            )
            assert {problem(answer, 503)["detail"] for answer in answers} == {"The wait was too long."}
            assert len(model.batches) <= 1, "nothing was asked but what was in hand"
            model.gate.set()
            assert (await client.post("/v1/digit", content=ONE, headers=RAW)).status_code == 200
            assert 'digits_overload_total{reason="deadline"} 3.0' in (await client.get("/metrics")).text
            assert (await gate_of(app)).in_hand == (0, 0, 0)


def test_a_late_loop_counts_for_every_turn_that_a_request_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(Gate(max_pictures=10, standing_wait=0.1, max_wait=0.1), [], 1000)
    monkeypatch.setattr(door.lateness, "late", lambda: 0.09 / HOPS)
    door.check("/v1/digit", 100)
    monkeypatch.setattr(door.lateness, "late", lambda: 0.11 / HOPS)
    with pytest.raises(Overloaded):
        door.check("/v1/digit", 100)


@pytest.mark.anyio
async def test_a_late_loop_is_noticed_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    lateness = Lateness()
    assert lateness.late() < 0.01
    time.sleep(0.02)  # noqa: ASYNC251
    assert lateness.late() >= 0.02, "it has not been seen yet"
    await asyncio.sleep(0.01)
    assert lateness.late() >= 0.02
    monkeypatch.setattr("service.door.FORGOTTEN_SECONDS", 0.0)
    await asyncio.sleep(0.01)
    assert lateness.late() < 0.02
    lateness.close()
