"""Every error has one shape: paths, methods, our own faults, and what is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.service.checks import RAW, problem
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, opener, publish

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/digit/", "/v1/digits/", "/static/nothing.js", "/v1/models/99", "/docs/"]
)
async def test_no_such_path(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(path), 404)


async def test_no_such_version(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digit?version=99", content=ONE, headers=RAW)
    assert "99" in problem(answer, 404)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/digit", "POST"),
        ("HEAD", "/v1/digit", "POST"),
        ("PUT", "/v1/digits/json", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/v1/models/1", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
        ("POST", "/static/app.js", "GET, HEAD"),
    ],
)
async def test_a_wrong_method(client: httpx.AsyncClient, method: str, path: str, allow: str) -> None:
    answer = await client.request(method, path)
    assert answer.headers["Allow"] == allow
    if method != "HEAD":
        problem(answer, 405)


async def test_our_fault_says_no_more_than_the_request_id(
    client: httpx.AsyncClient, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    model.error = ValueError("secret")
    found = problem(await client.post("/v1/digit", content=ONE, headers=RAW), 500)
    assert "secret" not in str(found)
    assert "secret" in caplog.text
    model.error = None
    assert (await client.post("/v1/digit", content=ONE, headers=RAW)).status_code == 200


async def test_a_fault_in_a_route_is_answered_and_logged_with_its_traceback(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("secret")

    found = problem(await client.get("/broken", headers={"X-Request-ID": "mine"}), 500)
    assert found["request_id"] == "mine"
    assert "secret" not in str(found)
    assert "Traceback" in caplog.text
    assert "secret" in caplog.text


async def test_overload_is_answered_at_once(published: Path, model: FakeModel) -> None:
    app = create_app(Settings(artifacts=published, max_queue=2), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            model.batches.clear()
            model.gate.clear()
            waiting = [asyncio.create_task(client.post("/v1/digit", content=ONE, headers=RAW)) for _ in range(1)]
            while not model.batches:
                await asyncio.sleep(0.005)
            waiting += [asyncio.create_task(client.post("/v1/digit", content=ONE, headers=RAW)) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await client.post("/v1/digit", content=ONE, headers=RAW)
            assert problem(refused, 503)["title"] == "Overloaded"
            assert int(refused.headers["Retry-After"]) >= 1
            model.gate.set()
            assert [(await task).status_code for task in waiting] == [200, 200, 200]


async def test_a_model_that_is_being_loaded(published: Path, model: FakeModel) -> None:
    model.gate.clear()
    app = create_app(Settings(artifacts=published), open_model=opener(model))
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            for answer in (
                await client.post("/v1/digit", content=ONE, headers=RAW),
                await client.post("/v1/digit?version=1", content=ONE, headers=RAW),
                await client.get("/readyz"),
            ):
                assert problem(answer, 503)["title"] == "Starting"
                assert int(answer.headers["Retry-After"]) >= 1
            assert (await client.get("/healthz")).status_code == 200
            model.gate.set()


async def test_no_body_is_read_for_a_model_that_is_being_loaded(app: FastAPI, model: FakeModel) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("was read")
        yield b""

    model.gate.clear()
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            # The length: what is not read before the answer is read, and forgotten, after it.
            for path in ("/v1/digit", "/v1/digits", "/v1/digits/json"):
                problem(await client.post(path, content=body(), headers={"Content-Length": "0"} | RAW), 503)
        model.gate.set()


async def test_a_model_that_was_refused(tmp_path: Path, model: FakeModel) -> None:
    broken = publish(tmp_path, 1)
    (broken / "saved_model.pb").write_bytes(b"damaged")
    app = create_app(Settings(artifacts=tmp_path), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            problem(await client.post("/v1/digit", content=ONE, headers=RAW), 503)
            problem(await client.get("/readyz"), 503)
            detail = problem(await client.get("/v1/models/1"), 404)["detail"]
            assert "saved_model.pb" in detail
            assert str(tmp_path) not in detail
