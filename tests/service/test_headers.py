"""What every answer tells browsers, and who may ask from another origin."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.errors import SettingsError
from service.settings import Settings
from tests.service.checks import RAW
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, opener

pytestmark = pytest.mark.anyio

ORIGIN = "https://forms.example"
PAGES = ["/", "/docs", "/redoc"]
FILES = ["/static/app.js", "/static/style.css", "/static-offline-docs/swagger-ui-bundle.js"]
FILES += ["/static-offline-docs/redoc.standalone.js"]
OTHERS = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/models", "/v1/models/1", "/nothing", "/v1/digit"]


def sources(answer: httpx.Response) -> dict[str, list[str]]:
    """The policy, by directive."""
    (policy,) = answer.headers.get_list("Content-Security-Policy")
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}


@pytest.mark.parametrize("path", [*PAGES, *FILES, *OTHERS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_every_answer_has_the_headers_once(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }.items():
        assert answer.headers.get_list(name) == [value]
    assert "camera=()" in answer.headers["Permissions-Policy"]
    found = sources(answer)
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert found[directive] == ["'none'"]
    assert len(answer.headers.get_list("Cache-Control")) <= 1
    assert ("script-src" in found) == (path in PAGES and method != "DELETE")
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


async def test_what_fails_has_them_too(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("secret")

    answers = [await client.get("/broken"), await client.post("/v1/digit", content=b"x" * 10_000_001, headers=RAW)]
    assert [answer.status_code for answer in answers] == [500, 413]
    for answer in answers:
        assert sources(answer)["default-src"] == ["'none'"]
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_nobody_keeps_a_reading(client: httpx.AsyncClient) -> None:
    for picture in (ONE, b"no picture"):
        answer = await client.post("/v1/digit", content=picture, headers=RAW)
        assert answer.headers["Cache-Control"] == "no-store"
    for path in FILES:
        answer = await client.get(path)
        assert answer.headers.get("Cache-Control", "no-cache") == "no-cache"
        again = await client.get(path, headers={"If-None-Match": answer.headers.get("ETag", "")})
        assert again.status_code == (304 if "ETag" in answer.headers else 200)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_run_no_script_but_their_own(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    found = sources(answer)
    for directive, element in (("script-src", "script"), ("style-src", "style")):
        inline = re.findall(f"<{element}>(.*?)</{element}>", answer.text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
        assert "'self'" in found[directive]
        assert {f"'sha256-{digest}'" for digest in hashes} <= set(found[directive])
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & set(found[directive])
    assert not re.search(r"""<[^>]+\s(on\w+|style)=["']""", answer.text)


def test_the_pages_own_policy_allows_nothing_inline() -> None:
    html = (Path(__file__).parents[2] / "service" / "static" / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|javascript:", html)


@pytest.fixture
async def shared(published: Path, model: FakeModel, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that one other origin may ask, with a key."""
    (tmp_path / "keys").write_text("alice correct-horse-battery\n")
    settings = Settings(
        artifacts=published, cors_origins=f"{ORIGIN}, https://b.example", api_keys_file=tmp_path / "keys"
    )
    app = create_app(settings, open_model=opener(model))

    @app.get("/static/broken")
    async def broken() -> None:
        raise KeyError("secret")

    app.router.routes.insert(0, app.router.routes.pop())
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            yield client


def preflight(
    origin: str = ORIGIN, method: str = "POST", headers: str = "authorization, content-type"
) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def test_an_origin_that_is_set_may_ask(shared: httpx.AsyncClient) -> None:
    answer = await shared.options("/v1/digit", headers=preflight())
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["X-Request-ID"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    key = {"Authorization": "Bearer correct-horse-battery"}
    answer = await shared.post("/v1/digit", content=ONE, headers=RAW | key | {"Origin": ORIGIN})
    assert answer.json()["digit"] == 1
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-Request-ID", "Server-Timing", "Retry-After", "traceresponse"} == set(exposed)


async def test_errors_can_be_read_there_too(shared: httpx.AsyncClient) -> None:
    for path, status in (("/v1/models", 401), ("/static/nothing", 404), ("/static/broken", 500)):
        answer = await shared.get(path, headers={"Origin": ORIGIN})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    "headers",
    [
        preflight("https://evil.example"),
        preflight("null"),
        preflight(ORIGIN + ".evil.example"),
        preflight(method="DELETE"),
        preflight(headers="x-secret"),
    ],
)
async def test_a_refused_preflight_is_a_problem(shared: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await shared.options("/v1/digit", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] != ""
    assert answer.json()["detail"].startswith("Disallowed CORS ")
    assert int(answer.headers["Content-Length"]) == len(answer.content)


async def test_another_origin_gets_no_leave(shared: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    for asked in (shared, client):
        answer = await asked.get("/healthz", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert (await client.options("/v1/digit", headers=preflight())).status_code == 405


async def test_all_origins(published: Path, model: FakeModel) -> None:
    app = create_app(Settings(artifacts=published, cors_origins="*"), open_model=opener(model))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
        answer = await client.get("/healthz", headers={"Origin": "https://any.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("value", ["forms.example", f"{ORIGIN}/", f"{ORIGIN} https://b.example", f"{ORIGIN},*", "null"])
def test_what_is_no_origin_ends_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DIGITS_CORS_ORIGINS", value)
    with pytest.raises(SettingsError, match="DIGITS_CORS_ORIGINS="):
        Settings.read()
