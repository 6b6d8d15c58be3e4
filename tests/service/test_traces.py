"""Traces: a caller's `traceparent` without a provider, and spans with one, which is a stand-in for OpenTelemetry's SDK."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from service.telemetry.logging import ConsoleFormatter, JSONFormatter
from tests.service.checks import RAW
from tests.service.fakes import ONE

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


class FakeSpan(NonRecordingSpan):
    """Keeps what is written on it."""

    def __init__(self, name: str, parent: SpanContext, attributes: Mapping[str, Any]) -> None:
        identity = parent.trace_id if parent.is_valid else 0xABC
        super().__init__(SpanContext(identity, 0xDEF, False, TraceFlags(TraceFlags.SAMPLED)))
        self.name = name
        self.parent = parent
        self.attributes = dict(attributes)
        self.ended = 0

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.attributes.update(attributes)

    def update_name(self, name: str) -> None:
        self.name = name

    def end(self, end_time: int | None = None) -> None:
        self.ended += 1


class FakeProvider(trace.TracerProvider, trace.Tracer):
    def __init__(self) -> None:
        self.spans: list[FakeSpan] = []

    def get_tracer(self, *names: Any, **more: Any) -> trace.Tracer:
        return self

    def start_span(self, name: str, context: Any = None, *given: Any, attributes: Any = None, **more: Any) -> FakeSpan:
        parent = trace.get_current_span(context).get_span_context()
        self.spans.append(FakeSpan(name, parent, attributes or {}))
        return self.spans[-1]

    @contextmanager
    def start_as_current_span(self, name: str, *given: Any, **more: Any) -> Iterator[FakeSpan]:  # type: ignore[override]
        with trace.use_span(self.start_span(name)) as span:
            assert isinstance(span, FakeSpan)
            yield span


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    provider = FakeProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


class Kept(logging.Handler):
    """Formats at once, in the request's context, as a handler does."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@asynccontextmanager
async def logged(formatter: logging.Formatter) -> AsyncIterator[list[str]]:
    access, handler = logging.getLogger("service.access"), Kept(formatter)
    level = access.level
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    try:
        yield handler.lines
        await asyncio.sleep(0)  # lines are written when the loop's turn is over
    finally:
        access.removeHandler(handler)
        access.setLevel(level)


@pytest.mark.anyio
async def test_a_callers_trace_leads_to_our_log(client: httpx.AsyncClient) -> None:
    async with logged(JSONFormatter()) as lines:
        answer = await client.post("/v1/digit", content=ONE, headers=RAW | {"traceparent": PARENT})
    version, identity, span, flags = answer.headers["traceresponse"].split("-")
    assert (version, identity, flags) == ("00", TRACE, "00")  # nothing is recorded here
    assert re.fullmatch("[0-9a-f]{16}", span)
    assert span != SPAN
    line = json.loads(lines[0])
    assert (line["trace_id"], line["span_id"]) == (TRACE, span)


@pytest.mark.anyio
async def test_the_log_for_people_has_the_trace_too(client: httpx.AsyncClient) -> None:
    async with logged(ConsoleFormatter()) as lines:
        await client.get("/healthz", headers={"traceparent": PARENT, "X-Request-ID": "mine"})
        await client.get("/healthz", headers={"X-Request-ID": "mine"})
    assert lines[0].endswith(f"[mine, {TRACE}]")
    assert lines[1].endswith("[mine]")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        ["x" * 600],
        [PARENT.upper()],
        [PARENT + "-00"],
        [PARENT.replace("00-", "ff-", 1)],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [PARENT, PARENT],
        [f"00-{TRACE}-{SPAN}-\xff"],
    ],
)
async def test_what_is_no_traceparent_begins_no_trace(client: httpx.AsyncClient, given: list[str]) -> None:
    async with logged(JSONFormatter()) as lines:
        answer = await client.get("/healthz", headers=[(b"traceparent", value.encode("latin-1")) for value in given])
    assert answer.status_code == 200
    assert "traceresponse" not in answer.headers
    assert "trace_id" not in json.loads(lines[0])


@pytest.mark.anyio
async def test_a_traceparent_of_a_later_version_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz", headers={"traceparent": PARENT.replace("00-", "01-", 1) + "-more"})
    assert answer.headers["traceresponse"].startswith(f"00-{TRACE}-")


@pytest.mark.anyio
async def test_with_a_provider_a_request_is_one_span_with_its_stages(
    client: httpx.AsyncClient, provider: FakeProvider
) -> None:
    headers = RAW | {"traceparent": PARENT, "X-Request-ID": "mine"}
    answer = await client.post("/v1/digit?explain=false", content=ONE, headers=headers)
    (span,) = provider.spans
    assert span.name == "POST /v1/digit"
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    assert span.ended == 1
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{0xDEF:016x}-01"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["digits.request_id"] == "mine"
    assert (span.attributes["digits.pictures"], span.attributes["digits.model.version"]) == (1, 2)
    timing = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["Server-Timing"]))
    assert set(timing) == {"decode", "ink", "queue", "model"}
    for stage, milliseconds in timing.items():
        assert span.attributes[f"digits.{stage}_seconds"] * 1000 == pytest.approx(float(milliseconds), abs=1e-3)


@pytest.mark.anyio
async def test_a_request_without_a_traceparent_begins_a_trace_with_a_provider(
    client: httpx.AsyncClient, provider: FakeProvider
) -> None:
    async with logged(JSONFormatter()) as lines:
        answer = await client.get("/nothing")
    assert answer.headers["traceresponse"] == f"00-{0xABC:032x}-{0xDEF:016x}-01"
    assert json.loads(lines[0])["trace_id"] == f"{0xABC:032x}"


@pytest.mark.anyio
async def test_a_key_in_the_query_does_not_get_into_traces(client: httpx.AsyncClient, provider: FakeProvider) -> None:
    await client.get("/v1/models?key=k4Jx0vQm8Zt2Wc6Yr1Bn")
    (span,) = provider.spans
    assert span.attributes["url.query"] == "REDACTED"
    assert "k4Jx0vQm8Zt2Wc6Yr1Bn" not in str(span.attributes)


@pytest.mark.anyio
async def test_nobody_traces_health_checks_and_scrapes(client: httpx.AsyncClient, provider: FakeProvider) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await client.get(path)).status_code == 200
    assert provider.spans == []


@pytest.mark.anyio
async def test_an_exporter_that_is_not_installed_does_not_keep_the_service_from_starting(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "no address")
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert "telemetry configuration failed" in caplog.text
