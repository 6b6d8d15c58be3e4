"""Request ids and the metrics."""

from __future__ import annotations

import asyncio
import logging
import re

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.telemetry.metrics import Metrics
from tests.service.checks import RAW
from tests.service.fakes import BLANK, ONE, FakeModel


@pytest.mark.anyio
@pytest.mark.parametrize("given", ["a", "A-1._z", "0" * 64])
async def test_the_callers_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    assert (await client.get("/healthz", headers={"X-Request-ID": given})).headers["X-Request-ID"] == given


@pytest.mark.anyio
@pytest.mark.parametrize("given", ["", "0" * 65, "a b", "ä".encode(), "a\tb", "<script>"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nothing", "/static/app.js", "/docs", "/v1/models"])
async def test_every_answer_has_a_request_id_and_is_not_to_be_sniffed(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers["X-Request-ID"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.anyio
async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    get, head = await client.get("/healthz"), await client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def scrape(client: httpx.AsyncClient) -> dict[str, float]:
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


@pytest.mark.anyio
async def test_readings_are_counted_in_lots_and_before_anybody_looks() -> None:
    metrics = Metrics()
    shown = {"route": "/v1/digit", "method": "POST", "status": "200"}

    def counted() -> float | None:
        return metrics.registry.get_sample_value("digits_http_requests_total", shown)

    for _ in range(63):
        metrics.request("/v1/digit", "POST", 200, 0.001)
    assert counted() is None
    metrics.request("/v1/digit", "POST", 200, 0.001)
    assert counted() == 64
    metrics.request("/v1/digit", "POST", 200, 0.001)
    metrics.count()
    assert counted() == 65
    metrics.request("/v1/digit", "POST", 200, 0.001)
    assert b'status="200"} 66.0' in metrics.text()


@pytest.mark.anyio
async def test_what_cannot_be_counted_is_logged_and_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    metrics.request("/v1/number", "POST", 200, "no number")  # type: ignore[arg-type]
    metrics.request("/v1/digit", "POST", 200, 0.001)
    metrics.count()
    assert [record.message for record in caplog.records] == ["a metric was not counted"]
    assert b'digits_http_request_seconds_count{route="/v1/digit"} 1.0' in metrics.text()


@pytest.mark.anyio
async def test_metrics_count_requests_readings_and_stages(client: httpx.AsyncClient) -> None:
    for picture in (ONE, ONE, BLANK, b"no picture"):
        await client.post("/v1/digit", content=picture, headers=RAW)
    await client.post("/v1/digits", files=[("images", ONE), ("images", b"no picture")])
    await client.get("/v1/models/1")
    await client.get("/nothing/at/all")
    await client.request("BREW", "/coffee")
    found = await scrape(client)
    assert found['digits_http_requests_total{method="POST",route="/v1/digit",status="200"}'] == 3
    assert found['digits_http_requests_total{method="POST",route="/v1/digit",status="415"}'] == 1
    assert found['digits_http_requests_total{method="GET",route="/v1/models/{version}",status="200"}'] == 1
    assert found['digits_http_requests_total{method="GET",route="none",status="404"}'] == 1
    assert found['digits_http_requests_total{method="OTHER",route="none",status="404"}'] == 1
    assert found['digits_http_request_seconds_count{route="/v1/digit"}'] == 4
    assert found['digits_readings_total{digit="1",status="ok"}'] == 3
    assert found['digits_readings_total{digit="none",status="blank"}'] == 1
    assert found['digits_picture_problems_total{status="415"}'] == 2
    assert found['digits_stage_seconds_count{stage="decode"}'] == 4
    assert found['digits_confidence_count{status="ok"}'] == 3
    assert found['digits_confidence_count{status="uncertain"}'] == 0
    assert found["digits_batch_size_count"] >= 4
    assert found["digits_queue_pictures"] == 0
    assert found["digits_http_requests_in_flight"] == 1  # the scrape itself
    assert found['digits_model_info{name="digits",version="2"}'] == 1
    assert found['digits_model_version_state{state="ready",version="1"}'] == 1
    assert found['digits_model_version_state{state="refused",version="1"}'] == 0


@pytest.mark.anyio
async def test_a_request_that_is_cancelled_frees_the_queue_and_is_answered(
    app: FastAPI, client: httpx.AsyncClient, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:

    caplog.set_level(logging.INFO, "service.access")
    model.gate.clear()
    first = asyncio.create_task(client.post("/v1/digit", content=ONE, headers=RAW))
    while not model.batches:
        await asyncio.sleep(0.001)
    task = asyncio.create_task(client.post("/v1/digit", content=ONE, headers=RAW))
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
    model.gate.set()
    assert (await first).status_code == 200
    await client.post("/v1/digit", content=ONE, headers=RAW)
    assert model.batches == [1, 1]
    assert 503 in [vars(record)["status"] for record in caplog.records if record.name == "service.access"]


@pytest.mark.anyio
async def test_a_caller_who_leaves_in_the_middle_of_the_body_is_no_fault_of_ours(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    headers = [(b"content-type", b"image/png"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": "/v1/digit", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
