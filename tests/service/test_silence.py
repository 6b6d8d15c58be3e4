"""However a request fails, its answer holds no stack trace, no path and no word of what went wrong inside."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.errors import ArtifactRefused, DigitsError, ModelFailed
from service.model.registry import Registry
from service.reading.reader import Reader
from service.routes import page
from service.telemetry.metrics import Metrics
from tests.service.checks import RAW, problem
from tests.service.fakes import ONE, FakeModel

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
SECRET = "/srv/secret/place.py"
TELLS = re.compile(
    r"Traceback|File \"|line \d+, in|site-packages|\.py\b|/srv/|/tmp/|/home/|Error\b(?! of)|0x[0-9a-f]{6}"
)


def silent(answer: httpx.Response) -> None:
    told = f"{answer.text} {answer.headers}"
    assert not TELLS.search(told), told
    assert str(ROOT) not in told


def deep() -> None:
    deep()


def fail(error: BaseException) -> Callable[..., Any]:
    """In place of a method."""

    def raising(*arguments: object, **named: object) -> None:
        raise error

    return raising


FAILURES = [
    ValueError(SECRET),
    FileNotFoundError(2, "No such file", SECRET),
    PermissionError(13, "Permission denied", SECRET),
    MemoryError(SECRET),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, SECRET),
    ExceptionGroup(SECRET, [KeyError(SECRET)]),
    DigitsError(SECRET),
    ModelFailed(SECRET),
    ArtifactRefused(SECRET, "cannot be read"),
    AssertionError(SECRET),
    StopIteration(SECRET),
    TimeoutError(SECRET),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_a_route_that_fails(app: FastAPI, client: httpx.AsyncClient, error: Exception) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise error

    @app.get("/broken-too")
    def broken_too() -> None:  # on a thread
        raise error

    for path in ("/broken", "/broken-too"):
        answer = await client.get(path)
        assert "detail" in problem(answer, 500)
        silent(answer)


async def test_a_route_that_never_ends_its_recursion(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.get("/deep")(deep)
    silent(await client.get("/deep"))


@pytest.mark.parametrize("error", FAILURES[:7], ids=lambda error: type(error).__name__)
async def test_a_model_that_fails(client: httpx.AsyncClient, model: FakeModel, error: Exception) -> None:
    model.error = error
    for path in ("/v1/digit", "/v1/digit?explain=true"):
        answer = await client.post(path, content=ONE, headers=RAW)
        problem(answer, 500)
        silent(answer)
    answer = await client.post("/v1/digits", files=[("images", ("a", ONE))])
    assert answer.status_code == 500
    silent(answer)
    silent(await client.get("/readyz"))


@pytest.mark.parametrize("error", FAILURES[:7], ids=lambda error: type(error).__name__)
async def test_a_step_before_the_model_that_fails(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Reader, "prepare", fail(error))
    silent(await client.post("/v1/digit", content=ONE, headers=RAW))
    silent(await client.post("/v1/digits", files=[("images", ("a", ONE))]))


@pytest.mark.parametrize("error", FAILURES[:5], ids=lambda error: type(error).__name__)
async def test_what_the_routes_ask_for_fails(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Metrics, "text", fail(error))
    for asked in ("using", "manifest"):
        monkeypatch.setattr(Registry, asked, fail(error))
    for path in ("/metrics", "/readyz", "/v1/models/1"):
        answer = await client.get(path)
        problem(answer, 500)
        silent(answer)
    silent(await client.post("/v1/digit", content=ONE, headers=RAW))


async def test_a_page_that_is_not_there(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page, "STATIC", tmp_path / "gone")
    answer = await client.get("/")
    problem(answer, 500)
    silent(answer)


async def test_a_request_that_is_cancelled(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/cancelled")
    async def cancelled() -> None:
        raise asyncio.CancelledError(SECRET)

    answer = await client.get("/cancelled")
    problem(answer, 503)
    silent(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/" + "a" * 5000,
        "/static-offline-docs/../core.py",
        "/v1/models/..%2f..%2f1",
        "/%ff",
    ],
)
async def test_no_way_leads_out_of_the_folders_that_are_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(httpx.URL("http://digits").copy_with(raw_path=path.encode()))
    assert answer.status_code in (404, 422)
    assert b"import" not in answer.content
    assert b"root:" not in answer.content


async def test_answers_that_are_no_errors_hold_no_path_either(client: httpx.AsyncClient) -> None:
    for path in ("/v1/models", "/v1/models/1", "/healthz", "/readyz", "/metrics"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert str(ROOT) not in answer.text
        assert "/tmp/" not in answer.text
