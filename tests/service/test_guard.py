"""API keys over HTTP: what needs one, how it is sent, and what is answered without."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from service.telemetry.logging import ConsoleFormatter, JSONFormatter
from tests.service.checks import RAW, problem
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, opener

pytestmark = pytest.mark.anyio

SECRET, LIMITED = "correct-horse-battery", "limited-horse-battery"
ALICE = {"Authorization": f"Bearer {SECRET}"}
BOB = {"X-API-Key": LIMITED}
READINGS = ["/v1/digit", "/v1/digits", "/v1/digits/json", "/v1/number", "/v1/number/json"]
OPEN = ["/", "/docs", "/redoc", "/openapi.json", "/healthz", "/readyz", "/static/app.js"]
OPEN += ["/static-offline-docs/swagger-ui.css", "/static-offline-docs/redoc.standalone.js"]


@pytest.fixture
def settings(published: Path, tmp_path: Path) -> Settings:
    file = tmp_path / "keys"
    file.write_text(f"alice {SECRET}\nbob sha256:{hashlib.sha256(LIMITED.encode()).hexdigest()} 2\n")
    return Settings(artifacts=published, api_keys_file=file)


@pytest.mark.parametrize("path", OPEN)
async def test_the_page_the_documentation_and_health_need_no_key(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("path", [*READINGS, "/v1/models", "/v1/models/1", "/metrics", "/nothing", "/v1", "//v1/digit"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
async def test_everything_else_needs_one(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, httpx.URL("http://digits").copy_with(raw_path=path.encode()))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    if method != "HEAD":
        assert problem(answer, 401)["title"] == "Unauthorized"


@pytest.mark.parametrize(
    "path", ["/static/../v1/models", "/static/%2e%2e/v1/models", "/docs/../v1/models", "/v1%2Fmodels"]
)
async def test_no_detour_leads_past_the_guard(client: httpx.AsyncClient, path: str) -> None:
    url = httpx.URL("http://digits").copy_with(raw_path=path.encode())
    assert (await client.get(url)).status_code in (401, 404)


@pytest.mark.parametrize(
    "headers",
    [
        ALICE,
        {"Authorization": f"bearer   {SECRET}"},
        {"X-API-Key": SECRET},
        {"X-API-Key": SECRET, "Authorization": "Basic Zm9yOnByb3h5"},
        ALICE | {"X-API-Key": SECRET},
    ],
)
async def test_a_key_lets_in(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/v1/digit", content=ONE, headers=RAW | headers)).json()["digit"] == 1
    assert (await client.get("/metrics", headers=headers)).status_code == 200
    problem(await client.get("/nothing", headers=headers), 404)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"X-API-Key": "wrong"},
        {"X-API-Key": "ä".encode()},
        {"X-API-Key": "alice"},
        {"X-API-Key": f"sha256:{hashlib.sha256(LIMITED.encode()).hexdigest()}"},
        ALICE | {"X-API-Key": LIMITED},  # which of them?
        {"X-API-Key": f"{SECRET}, {SECRET}"},
    ],
)
async def test_a_wrong_key_is_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post("/v1/digit", content=ONE, headers=RAW | headers)
    assert problem(answer, 401)["detail"] == "This API key is not known."
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": f"Basic {SECRET}"}, {"X-API-Key": " "}]
)
async def test_no_key_is_told_how_to_send_one(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert "X-API-Key" in problem(await client.get("/v1/models", headers=headers), 401)["detail"]


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (BOB, 429)])
async def test_the_body_of_a_refused_request_is_not_read(
    client: httpx.AsyncClient, app: FastAPI, headers: dict[str, str], status: int
) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("was read")
        yield b""

    for _ in range(2):
        await client.get("/v1/models", headers=BOB)
    # The length: what is not read before the answer is read, and forgotten, after it.
    answer = await client.post("/v1/digit", content=body(), headers={"Content-Length": "0"} | RAW | headers)
    problem(answer, status)


async def test_a_key_may_ask_as_often_as_its_line_says(client: httpx.AsyncClient) -> None:
    answers = [await client.post("/v1/digit", content=ONE, headers=RAW | BOB) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    found = problem(answers[-1], 429)
    assert found["title"] == "Rate used up"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 30
    assert (await client.post("/v1/digit", content=ONE, headers=RAW | ALICE)).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_the_log_has_the_keys_name_and_never_the_key(
    client: httpx.AsyncClient, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith("http"):  # what the test's own client says
                lines.extend((JSONFormatter().format(record), ConsoleFormatter().format(record)))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG)
    try:
        await client.get("/v1/models", headers=BOB | {"X-Request-ID": "mine"})
        await client.get("/v1/models", headers={"X-API-Key": "wrong-horse-battery"})
        await client.get(f"/v1/models?key={SECRET}", headers=ALICE)
        metrics = (await client.get("/metrics", headers=ALICE)).text
        await asyncio.sleep(0)  # lines are written when the loop's turn is over
    finally:
        logging.getLogger().removeHandler(handler)
    access = [json.loads(line) for line in lines if line.startswith("{") and '"service.access"' in line]
    assert [line.get("key_name") for line in access] == ["bob", None, "alice", "alice"]
    assert any(line.endswith("[mine, bob]") for line in lines)
    for secret in (SECRET, LIMITED, "wrong-horse-battery"):
        assert secret not in "".join(lines)
    assert "alice" not in metrics


async def test_keys_behind_a_prefix(settings: Settings, model: FakeModel) -> None:
    prefixed = create_app(settings.model_copy(update={"root_path": "/static"}), open_model=opener(model))
    async with prefixed.router.lifespan_context(prefixed):
        await until_loaded(prefixed)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(prefixed), base_url="http://digits") as client:
            for path in ("/v1/models", "/static/v1/models"):
                assert (await client.get(path)).status_code == 401
                assert (await client.get(path, headers=ALICE)).status_code == 200
            assert (await client.get("/static/static/app.js")).status_code == 200


def test_the_document_says_what_needs_a_key(app: FastAPI, published: Path) -> None:
    document = app.openapi()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            needed = path.startswith("/v1/") or path == "/metrics"
            assert operation.get("security") == ([{"bearer": []}, {"header": []}] if needed else None)
            assert ({"401", "429"} <= set(operation["responses"])) == needed
            for status, response in operation["responses"].items():
                assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))
                assert ("WWW-Authenticate" in response["headers"]) == (status == "401")
                assert "X-Request-ID" in response["headers"]
    without = create_app(Settings(artifacts=published)).openapi()
    assert "securitySchemes" not in without["components"]
    assert "401" not in without["paths"]["/v1/digit"]["post"]["responses"]
