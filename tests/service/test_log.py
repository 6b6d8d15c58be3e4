"""The log: one line a request, for people and as JSON, and lines that are written together."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest

from service.telemetry.logging import ConsoleFormatter, JSONFormatter, configure, request_id, together
from tests.service.checks import RAW, restored_log
from tests.service.fakes import ONE


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
    with restored_log():
        configure("json", "warning")
        logging.getLogger("uvicorn.error").warning("hello")
        logging.getLogger("uvicorn.error").info("not this")
        logging.getLogger("uvicorn.access").error("nor this")
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

    monkeypatch.setattr("sys.stderr", Stream())
    with restored_log():
        configure("console", "info")
        yield pieces


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
