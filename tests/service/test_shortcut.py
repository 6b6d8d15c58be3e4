"""The way past the framework: the answers are the same either way, and who asks for more than a picture goes the long way."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.service.checks import FORM, JSON, RAW, part
from tests.service.conftest import until_loaded
from tests.service.fakes import BLANK, ONE, FakeModel, opener

pytestmark = pytest.mark.anyio

LONG = "?explain=false"
OWN = ("x-request-id", "server-timing", "date")
"""Headers that no two answers share."""


@pytest.fixture
def routed(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that the framework's router has seen."""
    seen: list[str] = []
    match = app.router.app

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await match(scope, receive, send)

    monkeypatch.setattr(app.router, "middleware_stack", noted)
    return seen


async def test_a_picture_goes_past_the_router_and_all_else_through_it(
    client: httpx.AsyncClient, routed: list[str]
) -> None:
    for path in ("/v1/digit", "/v1/number"):
        assert (await client.post(path, content=ONE, headers=RAW)).status_code == 200
    assert routed == []
    await client.post("/v1/digit" + LONG, content=ONE, headers=RAW)
    await client.get("/v1/digit")
    await client.get("/healthz")
    await client.post("/v1/nothing", content=ONE, headers=RAW)
    assert routed == ["/v1/digit", "/v1/digit", "/healthz", "/v1/nothing"]


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/v1/digit", RAW, ONE),
        ("/v1/digit", RAW, BLANK),
        ("/v1/digit", RAW, b"no picture"),
        ("/v1/digit", RAW, b""),
        ("/v1/digit", JSON, b"{}"),
        ("/v1/digit", FORM, part("image") + b"--x--\r\n"),
        ("/v1/digit", FORM, part("other") + b"--x--\r\n"),
        ("/v1/digit", FORM, b"no form"),
        ("/v1/digit", RAW, b"x" * 10_000_001),
        ("/v1/digits", FORM, part("images") + part("images", b"no picture") + b"--x--\r\n"),
        ("/v1/digits/json", JSON, b'{"images": [{"pixels": [[0, 300]]}]}'),
        ("/v1/number", RAW, ONE),
        ("/v1/number/json", JSON, b"{"),
    ],
)
async def test_the_answer_is_the_same_either_way(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], body: bytes
) -> None:
    short, long = [
        await client.post(path + way, content=body, headers=headers | {"X-Request-ID": "mine"}) for way in ("", LONG)
    ]
    assert (short.status_code, short.text) == (long.status_code, long.text)
    kept = [{name: value for name, value in answer.headers.items() if name not in OWN} for answer in (short, long)]
    assert kept[0] == kept[1]
    assert short.headers.keys() == long.headers.keys()


async def test_a_fault_of_ours_is_told_and_logged_as_on_the_long_way(
    client: httpx.AsyncClient, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    model.error = RuntimeError("secret")
    for way in ("", LONG):
        answer = await client.post("/v1/digit" + way, content=ONE, headers=RAW)
        assert answer.status_code == 500
        assert "secret" not in answer.text
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 2


async def test_behind_a_prefix_with_and_without_it(published: Path, model: FakeModel) -> None:
    app = create_app(Settings(artifacts=published, root_path="/ocr"), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            for prefix in ("", "/ocr"):
                answer = await client.post(prefix + "/v1/digit", content=ONE, headers=RAW)
                assert (answer.status_code, answer.json()["digit"]) == (200, 1)
            metrics = (await client.get("/metrics")).text
    assert 'digits_http_requests_total{method="POST",route="/v1/digit",status="200"} 2.0' in metrics
