"""`POST /v1/number` and `/v1/number/json`."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.app import create_app
from service.model.numbers import NUMBER_PLACES, TILE_COST
from service.reading.reader import Reader
from service.settings import Settings
from tests.service.checks import FORM, JSON, RAW, part, problem
from tests.service.conftest import until_loaded
from tests.service.fakes import BLANK, FakeModel, opener
from tests.service.number_fakes import page
from tests.service.test_telemetry import scrape

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_number_reading")]

TEN = page("10")


def as_base64(picture: bytes) -> dict[str, Any]:
    return {"image": {"base64": base64.b64encode(picture).decode()}}


async def test_a_form_with_one_file_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/number", files={"image": ("two lines.png", page("10", "011"), "image/png")})
    assert answer.status_code == 200
    reading = answer.json()
    assert set(reading) == {"status", "text", "lines", "confidence", "model", "explanation"}
    assert (reading["status"], reading["text"]) == ("ok", "10\n011")
    assert reading["confidence"] == pytest.approx(0.991**5, abs=1e-5)
    assert reading["model"] == {"name": "digits", "version": 2}
    assert reading["explanation"] is None
    first, second = reading["lines"]
    assert set(second) == {"text", "confidence", "box", "digits"}
    assert (first["text"], second["text"]) == ("10", "011")
    assert second["confidence"] == pytest.approx(0.991**3, abs=1e-5)
    assert [digit["digit"] for digit in second["digits"]] == [0, 1, 1]
    digit = second["digits"][2]
    assert set(digit) == {"digit", "confidence", "probabilities", "box"}
    assert len(digit["probabilities"]) == 10
    assert digit["box"]["x"] > 128
    assert digit["box"]["y"] > 64
    assert set(digit["box"]) == set(second["box"]) == {"x", "y", "width", "height"}


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream"])
async def test_the_body_itself_may_be_the_picture(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post("/v1/number", content=TEN, headers={"Content-Type": content_type})
    assert answer.json()["text"] == "10"


async def test_json_takes_a_file_or_grey_values(client: httpx.AsyncClient) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(TEN)))
    assert (await client.post("/v1/number/json", json=as_base64(TEN))).json()["text"] == "10"
    for given in (pixels, 255 - pixels):
        answer = await client.post("/v1/number/json", json={"image": {"pixels": given.tolist()}})
        assert answer.json()["text"] == "10"


async def test_no_ink_is_blank_and_ink_without_a_digit_is_none(client: httpx.AsyncClient, model: FakeModel) -> None:
    reading = (await client.post("/v1/number", content=BLANK, headers=RAW)).json()
    assert (reading["status"], reading["text"], reading["lines"], reading["confidence"]) == ("blank", "", [], 0)
    assert model.batches == []

    model.whole = 0.05
    reading = (await client.post("/v1/number", content=TEN, headers=RAW)).json()
    assert (reading["status"], reading["text"], reading["lines"]) == ("not_a_digit", "", [])


async def test_a_long_number_is_read_in_order(client: httpx.AsyncClient, model: FakeModel) -> None:
    lines = ["110100" * 3] * 10
    assert (await client.post("/v1/number", content=page(*lines), headers=RAW)).json()["text"] == "\n".join(lines)
    at_once = Settings().max_batch // TILE_COST
    assert model.batches == [at_once] * (180 // at_once)


async def test_the_version_can_be_chosen(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/number?version=1", content=TEN, headers=RAW)
    assert answer.json()["model"]["version"] == 1
    problem(await client.post("/v1/number?version=99", content=TEN, headers=RAW), 404)


async def test_an_explanation_holds_the_ink_and_the_candidates(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/number/json?explain=true", json=as_base64(TEN))
    explanation = answer.json()["explanation"]
    assert set(explanation) == {"mask", "candidates"}
    prefix, _, data = explanation["mask"].partition(",")
    assert prefix == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (128, 64)
    assert [candidate["digit"] for candidate in explanation["candidates"]] == [1, 0]
    assert set(explanation["candidates"][0]) == {"box", "digit", "confidence", "digit_probability", "chosen"}
    assert explanation["candidates"][0]["chosen"] is True


async def test_readings_say_how_long_each_stage_took(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/number", content=TEN, headers=RAW)
    stages = [stage.split(";dur=") for stage in answer.headers["Server-Timing"].split(", ")]
    assert [name for name, _ in stages] == ["decode", "ink", "queue", "model"]
    assert all(0 <= float(milliseconds) < 10_000 for _, milliseconds in stages)


async def test_metrics_count_numbers_and_their_digits(client: httpx.AsyncClient) -> None:
    for picture in (page("10", "11"), BLANK, b"no picture"):
        await client.post("/v1/number", content=picture, headers=RAW)
    found = await scrape(client)
    assert found['digits_number_readings_total{status="ok"}'] == 1
    assert found['digits_number_readings_total{status="blank"}'] == 1
    assert found['digits_number_readings_total{status="uncertain"}'] == 0
    assert found['digits_number_digits_total{digit="1"}'] == 3
    assert found['digits_number_digits_total{digit="0"}'] == 1
    assert found['digits_number_stage_seconds_count{stage="model"}'] == 2
    assert found['digits_picture_problems_total{status="415"}'] == 1
    assert found["digits_queue_pictures"] == 0
    assert found['digits_http_requests_total{method="POST",route="/v1/number",status="200"}'] == 2


@pytest.mark.parametrize(
    ("picture", "status", "title"),
    [(b"no picture", 415, "Not a picture"), (TEN[:-30], 422, "Damaged picture"), (b"", 415, "Not a picture")],
)
async def test_a_bad_picture(client: httpx.AsyncClient, picture: bytes, status: int, title: str) -> None:
    for answer in (
        await client.post("/v1/number", content=picture, headers=RAW),
        await client.post("/v1/number/json", json=as_base64(picture)),
    ):
        assert problem(answer, status)["title"] == title


@pytest.mark.parametrize(
    ("image", "status", "title"),
    [
        ({"pixels": [[0, 1], [0]]}, 422, "Bad pixels"),
        ({"pixels": [[0] * 1001] * 1000}, 413, "Picture too large"),
        ({"base64": "iVBO Rw0K"}, 422, "Bad base64"),
    ],
)
async def test_bad_values(client: httpx.AsyncClient, image: dict[str, Any], status: int, title: str) -> None:
    assert problem(await client.post("/v1/number/json", json={"image": image}), status)["title"] == title


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["body.image"]),
        ([], ["body"]),
        ({"image": []}, ["body.image"]),
        ({"images": [{"base64": ""}]}, ["body.images"]),
        ({"image": {}}, ["body.image.base64"]),
        ({"image": {"pixels": [[7, 256]]}}, ["body.image.pixels.0.1"]),
        ({"image": {"pixels": [[7]], "base64": ""}}, ["body.image.base64"]),
        ({"image": {"pixels": [[7]], "name": ""}}, ["body.image.name"]),
        ({"image": {"pixels": [[7]]}, "explain": True}, ["body.explain"]),
    ],
)
async def test_json_of_another_shape(client: httpx.AsyncClient, body: object, wrong: list[str]) -> None:
    found = problem(await client.post("/v1/number/json", json=body), 422)
    assert [error["location"] for error in found["errors"]] == wrong


async def test_requests_that_cannot_be_understood(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/number/json", content=b"{", headers=JSON), 400)
    problem(await client.post("/v1/number/json", content=TEN, headers=RAW), 415)
    problem(await client.post("/v1/number", content=b"{}", headers=JSON), 415)
    problem(await client.post("/v1/number", content=part("image"), headers=FORM), 400)
    assert problem(await client.get("/v1/number"), 405)["detail"] == "This path takes POST."
    for query, wrong in {"verbose=1": "query.verbose", "explain=1&explain=1": "query.explain"}.items():
        found = problem(await client.post(f"/v1/number?{query}", content=TEN, headers=RAW), 422)
        assert [error["location"] for error in found["errors"]] == [wrong]
    problem(
        await client.post("/v1/number", content=part("image") * 2 + b"--x--\r\n", headers=FORM),
        422,
    )


@pytest.mark.parametrize("name", ["prepare_number", "first_look", "name_lines", "conclude_number"])
async def test_our_fault_says_no_more_than_the_request_id(
    client: httpx.AsyncClient, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(Reader, name, fault)
    found = problem(await client.post("/v1/number", content=TEN, headers=RAW), 500)
    assert "secret" not in str(found)
    assert "secret" in caplog.text


@pytest.fixture
async def narrow(published: Path, model: FakeModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app whose queue has room for one number and a picture."""
    app = create_app(Settings(artifacts=published, max_queue=NUMBER_PLACES + 1), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            model.batches.clear()
            model.gate.clear()
            yield client
            model.gate.set()


async def test_overload_is_answered_at_once(narrow: httpx.AsyncClient, model: FakeModel) -> None:
    waiting = asyncio.create_task(narrow.post("/v1/number", content=TEN, headers=RAW))
    while not model.batches:
        await asyncio.sleep(0.001)
    refused = await narrow.post("/v1/number", content=TEN, headers=RAW)
    assert problem(refused, 503)["title"] == "Overloaded"
    assert int(refused.headers["Retry-After"]) >= 1
    model.gate.set()
    assert (await waiting).json()["text"] == "10"


async def test_a_service_that_ends_tells_who_waits(published: Path, model: FakeModel) -> None:
    app = create_app(Settings(artifacts=published), open_model=opener(model))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
        async with app.router.lifespan_context(app):
            await until_loaded(app)
        found = problem(await client.post("/v1/number", content=TEN, headers=RAW), 503)
    assert found["title"] == "Draining"
