"""Request ids, the log, and the metrics."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.telemetry.logging import ConsoleFormatter, JSONFormatter, configure, request_id, together
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


@pytest.mark.anyio
async def test_each_request_is_one_line_in_the_log(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.access")
    await client.post("/v1/digit?explain=false", content=ONE, headers=RAW)
    await client.get("/no%0Athing")
    await asyncio.sleep(0)  # lines are written when the loop's turn is over
    lines = [record for record in caplog.records if record.name == "service.access"]
    assert [(vars(line)["method"], vars(line)["path"], vars(line)["status"]) for line in lines] == [
        ("POST", "/v1/digit", 200),
        ("GET", "/no%0Athing", 404),
    ]


@pytest.fixture
def record() -> Iterator[logging.LogRecord]:
    token = request_id.set("mine")
    yield logging.LogRecord("service", logging.INFO, "", 0, "read\n%s", ("x",), None)
    request_id.reset(token)


def test_the_log_as_json_is_one_object_a_line(record: logging.LogRecord) -> None:
    record.status = 200
    line = JSONFormatter().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {"level": "info", "logger": "service", "message": "read\nx", "request_id": "mine", "status": 200}


def test_the_log_for_people_is_one_line_a_message(record: logging.LogRecord) -> None:
    assert ConsoleFormatter().format(record).endswith("INFO    service: read\\nx [mine]")


@pytest.mark.parametrize("formatter", [JSONFormatter(), ConsoleFormatter()])
def test_the_log_shows_tracebacks(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    line = formatter.format(logging.LogRecord("service", logging.ERROR, "", 0, "failed", (), info))
    assert "Traceback" in line
    assert "ValueError: no" in line


def test_uvicorns_log_goes_through_ours(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        configure("json", "warning")
        logging.getLogger("uvicorn.error").warning("hello")
        logging.getLogger("uvicorn.error").info("not this")
        logging.getLogger("uvicorn.access").error("nor this")
    finally:
        logging.basicConfig(handlers=handlers, level=level, force=True)
        logging.captureWarnings(False)
        logging.getLogger("uvicorn.access").disabled = False
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "hello"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What goes to standard error once the log is configured, a piece for each time that something is written."""
    pieces: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr("sys.stderr", Stream())
    configure("console", "info")
    yield pieces
    logging.basicConfig(handlers=handlers, level=level, force=True)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn.access").disabled = False


def test_what_is_logged_together_goes_out_in_one_piece(written: list[str]) -> None:
    log = logging.getLogger("service.some")
    with together():
        log.info("one")
        log.info("two")
        assert written == []
    assert [line.split("INFO", 1)[1].strip() for line in "".join(written).splitlines()] == [
        "service.some: one",
        "service.some: two",
    ]
    assert len(written) == 1
    log.info("three")
    assert "".join(written).endswith("three\n")


def test_a_line_that_cannot_be_made_costs_no_other(written: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log = logging.getLogger("service.some")
    with together():
        log.info("one")
        log.info("%d", "two")
        log.info("three")
    assert [line.rsplit(" ", 1)[1] for line in "".join(written).splitlines()] == ["one", "three"]


@pytest.mark.anyio
async def test_the_lines_of_a_turn_are_written_at_once(client: httpx.AsyncClient, written: list[str]) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        await asyncio.gather(*(client.get("/healthz", headers={"X-Request-ID": f"r{k}"}) for k in range(5)))
        await asyncio.sleep(0)
    finally:
        logging.getLogger("httpx").setLevel(logging.NOTSET)
    lines = "".join(written).splitlines()
    assert sorted(line.rpartition("[")[2] for line in lines) == [f"r{k}]" for k in range(5)]
    assert len(written) < 5


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
    import asyncio

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
