"""Requests that cannot be understood: 400, 415 and 422."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from tests.service.checks import FORM, JSON, RAW, part, problem
from tests.service.fakes import ONE

pytestmark = pytest.mark.anyio


def locations(answer: httpx.Response) -> list[str]:
    return [error["location"] for error in problem(answer, 422)["errors"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        part("image"),
        b"--x\r\nContent-Disposition: form-data",
        b"--x\r\nA: b\r\n\r\nc\r\n--x--\r\n",
        b"--x\r\n" + b"A: b\r\n" * 20 + b"\r\n\r\n--x--\r\n",
        b"--x\r\nA: " + b"b" * 10_000 + b"\r\n\r\n\r\n--x--\r\n",
    ],
)
async def test_a_malformed_form(client: httpx.AsyncClient, body: bytes) -> None:
    problem(await client.post("/v1/digit", content=body, headers=FORM), 400)


async def test_a_form_without_boundary(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digit", content=b"--x--", headers={"Content-Type": "multipart/form-data"})
    assert "boundary" in problem(answer, 400)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"images": [{"pixels": [[NaN]]}]}',
        b'{"images": [{"pixels": [[Infinity]]}]}',
        b'{"images": "\xff"}',
        b"[" * 100_000,
        b'{"images": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
async def test_malformed_json(client: httpx.AsyncClient, body: bytes) -> None:
    problem(await client.post("/v1/digits/json", content=body, headers=JSON), 400)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/digit", "application/json"),
        ("/v1/digit", "text/plain"),
        ("/v1/digit", "application/x-www-form-urlencoded"),
        ("/v1/digit", ""),
        ("/v1/digits", "image/png"),
        ("/v1/digits/json", "multipart/form-data; boundary=x"),
        ("/v1/digits/json", "text/plain"),
    ],
)
async def test_another_content_type(client: httpx.AsyncClient, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    found = problem(await client.post(path, content=b"x", headers=headers), 415)
    assert found["title"] == "Unsupported media type"


async def test_no_picture(client: httpx.AsyncClient) -> None:
    found = problem(await client.post("/v1/digit", content=b"no picture", headers={"Content-Type": "image/png"}), 415)
    assert found["title"] == "Not a picture"


async def test_a_damaged_picture(client: httpx.AsyncClient) -> None:
    found = problem(await client.post("/v1/digit", content=ONE[:-30], headers=RAW), 422)
    assert found["title"] == "Damaged picture"


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/v1/digit", b"--x--\r\n", ["body.image"]),
        ("/v1/digit", part("image") + part("image") + b"--x--\r\n", ["body.image"]),
        ("/v1/digit", part("images") + b"--x--\r\n", ["body.images"]),
        ("/v1/digit", part("image") + part("size") + b"--x--\r\n", ["body.size"]),
        ("/v1/digits", b"--x--\r\n", ["body.images"]),
        ("/v1/digits", part("image") + b"--x--\r\n", ["body.image"]),
    ],
)
async def test_missing_unknown_and_repeated_parts(
    client: httpx.AsyncClient, path: str, body: bytes, wrong: list[str]
) -> None:
    assert locations(await client.post(path, content=body, headers=FORM)) == wrong


@pytest.mark.parametrize(("path", "name"), [("/v1/digit", "image"), ("/v1/digits", "images")])
async def test_a_text_field_is_no_file(client: httpx.AsyncClient, path: str, name: str) -> None:
    body = part(name).replace(b'; filename="a"', b"") + b"--x--\r\n"
    assert locations(await client.post(path, content=body, headers=FORM)) == [f"body.{name}"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["body.images"]),
        ([], ["body"]),
        ({"images": []}, ["body.images"]),
        ({"images": {}}, ["body.images"]),
        ({"images": [{}]}, ["body.images.0.base64"]),
        ({"images": [7]}, ["body.images.0"]),
        ({"images": [{"base64": 7}]}, ["body.images.0.base64"]),
        ({"images": [{"pixels": "7"}]}, ["body.images.0.pixels"]),
        ({"images": [{"pixels": [7]}]}, ["body.images.0.pixels.0"]),
        ({"images": [{"pixels": [[7, 256]]}]}, ["body.images.0.pixels.0.1"]),
        ({"images": [{"pixels": [[-1]]}]}, ["body.images.0.pixels.0.0"]),
        ({"images": [{"pixels": [[True]]}]}, ["body.images.0.pixels.0.0"]),
        ({"images": [{"pixels": [["7"]]}]}, ["body.images.0.pixels.0.0"]),
        ({"images": [{"pixels": [[7.5]]}]}, ["body.images.0.pixels.0.0"]),
        ({"images": [{"pixels": [[7]], "base64": ""}]}, ["body.images.0.base64"]),
        ({"images": [{"pixels": [[7]], "name": ""}]}, ["body.images.0.name"]),
        ({"images": [{"pixels": [[7]]}], "explain": True}, ["body.explain"]),
    ],
)
async def test_json_of_another_shape(client: httpx.AsyncClient, body: object, wrong: list[str]) -> None:
    assert locations(await client.post("/v1/digits/json", json=body)) == wrong


async def test_a_million_wrong_values_make_a_short_answer(client: httpx.AsyncClient) -> None:
    body = json.dumps({"images": [{"pixels": [[256] * 1000] * 1000}] * 2}, separators=(",", ":"))
    answer = await client.post("/v1/digits/json", content=body, headers=JSON)
    assert len(locations(answer)) == 2


async def test_any_number_of_unknown_fields_makes_a_short_answer_soon(client: httpx.AsyncClient) -> None:
    body = json.dumps({"images": [{"base64": "", **dict.fromkeys(map(str, range(600_000)), 0)}]})
    started = time.perf_counter()
    answer = await client.post("/v1/digits/json", content=body, headers=JSON)
    assert time.perf_counter() - started < 2
    assert locations(answer) == [f"body.images.0.{number}" for number in range(64)]


@pytest.mark.parametrize("template", ['{"%s": 0}', '{"images": [{"%s": 0}]}'])
async def test_the_name_of_an_unknown_field_is_shown_in_part(client: httpx.AsyncClient, template: str) -> None:
    answer = await client.post("/v1/digits/json", content=template % ("x" * 1_000_000), headers=JSON)
    (location,) = locations(answer)
    assert location.startswith("body.")
    assert len(location) == 100
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("version=one", "query.version"),
        ("version=0", "query.version"),
        ("version=", "query.version"),
        ("explain=perhaps", "query.explain"),
        ("verbose=true", "query.verbose"),
        ("version=1&version=9", "query.version"),
        ("explain=true&version=1&explain=true", "query.explain"),
    ],
)
async def test_a_query_of_another_shape(client: httpx.AsyncClient, query: str, wrong: str) -> None:
    assert locations(await client.post(f"/v1/digit?{query}", content=ONE, headers=RAW)) == [wrong]


async def test_models_take_no_query_and_a_number(client: httpx.AsyncClient) -> None:
    assert locations(await client.get("/v1/models?all=true")) == ["query.all"]
    assert locations(await client.get("/v1/models/one")) == ["path.version"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_operations_take_no_query(client: httpx.AsyncClient, path: str) -> None:
    assert locations(await client.get(path + "?verbose=true")) == ["query.verbose"]


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/static-offline-docs/swagger-ui.css"])
@pytest.mark.parametrize("value", ["bytes=abc", "bytes=99999999-", "bytes=0-1"])
async def test_ranges_are_ignored(client: httpx.AsyncClient, path: str, value: str) -> None:
    whole, answer = await client.get(path), await client.get(path, headers={"Range": value})
    assert (answer.status_code, answer.content) == (200, whole.content)
