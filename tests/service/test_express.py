"""The way past the app: the answers are the app's, nothing is left behind, and all that is not plain goes to the app."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace

from service.settings import Settings
from service.shortcut import Shortcut
from tests.service.checks import FORM, JSON, RAW, at_rest, part, until
from tests.service.fakes import BLANK, ONE, ZERO, FakeModel, one, png
from tests.service.live import GOOD, connect, read_all, read_one, serving, taken_apart

OWN = ("x-request-id", "server-timing", "date")
"""Headers that no two answers share."""


@pytest.fixture(scope="module")
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture(scope="module")
def live(published: Path, model: FakeModel) -> Iterator[tuple[httpx.URL, FastAPI]]:
    with serving(Settings(artifacts=published, port=0, threads=1, max_body_bytes=70_000), model) as (url, app):
        yield url, app


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that the app has seen."""
    seen: list[str] = []
    call = Shortcut.__call__

    async def noted(self: Shortcut, scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get("path", scope["type"]))
        await call(self, scope, receive, send)

    monkeypatch.setattr(Shortcut, "__call__", noted)
    return seen


def post(body: bytes, headers: dict[str, str] = RAW, path: str = "/v1/digit") -> bytes:
    fields = {"Host": "digits", **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (RAW, ONE, 200),
        ({"Content-Type": "image/png"}, ZERO, 200),
        (RAW, BLANK, 200),
        (FORM, part("image") + b"--x--\r\n", 200),
        (FORM, part("image", BLANK) + b"--x--\r\n", 200),
        (RAW, ONE[:60] + b"x" * 200, 422),
        (FORM, part("image", ONE[:60] + b"x" * 200) + b"--x--\r\n", 422),
    ],
)
def test_the_answer_is_the_apps(
    live: tuple[httpx.URL, FastAPI], asked: list[str], headers: dict[str, str], body: bytes, status: int
) -> None:
    url, app = live
    with connect(url) as connection:
        connection.sendall(post(body, headers))
        found = read_one(connection)
        assert asked == []
        connection.sendall(post(body, headers | {"X-Request-ID": found[1]["x-request-id"]}))
        expected = read_one(connection)
    assert asked == ["/v1/digit"]
    assert (found[0], found[2]) == (expected[0], expected[2])
    assert found[0] == status
    assert {name: value for name, value in found[1].items() if name not in OWN} == {
        name: value for name, value in expected[1].items() if name not in OWN
    }
    assert found[1].keys() == expected[1].keys()
    timing = r"decode;dur=\d+\.\d{3}, ink;dur=\d+\.\d{3}, queue;dur=\d+\.\d{3}, model;dur=\d+\.\d{3}"
    assert status != 200 or re.fullmatch(timing, found[1]["server-timing"])
    at_rest(app)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(png(one(300))), 200),
        (post(b""), 415),
        (post(b"no picture"), 415),
        (post(b"GIF89a and no more"), 422),
        (post(part("other") + b"--x--\r\n", FORM), 422),
        (post(part("image") + part("image") + b"--x--\r\n", FORM), 422),
        (post(b"no form", FORM), 400),
        (post(b"{}", JSON), 415),
        (post(ONE, {}), 415),
        (post(bytes(70_001)), 413),
        (post(ONE, path="/v1/nothing"), 404),
        (post(ONE, path="/v1/number"), 200),
        (post(part("images") + b"--x--\r\n", FORM, "/v1/digits"), 200),
        (post(ONE, RAW | {"Connection": "close"}), 200),
    ],
)
def test_all_else_is_for_the_app(
    live: tuple[httpx.URL, FastAPI], asked: list[str], request_bytes: bytes, status: int
) -> None:
    with connect(live[0]) as connection:
        connection.sendall(request_bytes)
        assert read_one(connection)[0] == status
    assert len(asked) == 1
    at_rest(live[1])


def test_a_request_in_two_pieces_is_for_the_app(live: tuple[httpx.URL, FastAPI], asked: list[str]) -> None:
    with connect(live[0]) as connection:
        connection.sendall(GOOD[:-1])
        time.sleep(0.1)
        connection.sendall(GOOD[-1:])
        assert read_one(connection)[0] == 200
        connection.sendall(GOOD)
        assert read_one(connection)[0] == 200
    assert len(asked) == 1


def test_what_waits_behind_it_is_answered_in_its_turn(
    live: tuple[httpx.URL, FastAPI], model: FakeModel, asked: list[str]
) -> None:
    model.gate.clear()
    with connect(live[0]) as connection:
        connection.sendall(GOOD)
        time.sleep(0.1)
        last = GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n" + last)
        time.sleep(0.1)
        assert asked == []
        model.gate.set()
        answers = [taken_apart(answer) for answer in re.split(rb"(?=HTTP/1.1 )", read_all(connection))[1:]]
    assert [(status, json.loads(body).get("digit")) for status, _, body in answers] == [(200, 1), (200, None), (200, 1)]
    assert asked == ["/healthz", "/v1/digit"]
    at_rest(live[1])


def test_the_log_names_the_request(live: tuple[httpx.URL, FastAPI], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.access")
    with connect(live[0]) as connection:
        connection.sendall(GOOD)
        read_one(connection)
    until(lambda: bool(caplog.records))
    (line,) = [vars(record) for record in caplog.records]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/digit", 200)
    assert 0 < line["ms"] < 1000


def test_what_is_traced_is_for_the_app(
    live: tuple[httpx.URL, FastAPI], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
    with connect(live[0]) as connection:
        connection.sendall(GOOD)
        assert read_one(connection)[0] == 200
    assert asked == ["/v1/digit"]


@pytest.mark.parametrize(
    "setting", [{"cors_origins": "https://a.example"}, {"root_path": "/ocr"}, {"api_keys_file": "keys"}]
)
def test_where_the_app_has_more_to_say_nothing_goes_past_it(
    published: Path, tmp_path: Path, asked: list[str], setting: dict[str, str]
) -> None:
    if "api_keys_file" in setting:
        setting = {"api_keys_file": str(tmp_path / "keys")}
        (tmp_path / "keys").write_text("alice correct-horse-battery\n")
    settings = Settings.model_validate({"artifacts": published, "port": 0, "threads": 1, **setting})
    with serving(settings, FakeModel()) as (url, _), connect(url) as connection:
        asked.clear()
        connection.sendall(GOOD)
        assert read_one(connection)[0] == (401 if "api_keys_file" in setting else 200)
    assert asked == ["/v1/digit"]


def test_while_there_is_no_version_to_take_it_is_for_the_app(
    live: tuple[httpx.URL, FastAPI], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live[1].state.digits.registry, "take", lambda: None)
    with connect(live[0]) as connection:
        connection.sendall(GOOD)
        assert read_one(connection)[0] == 200
    assert asked == ["/v1/digit"]
