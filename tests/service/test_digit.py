"""`POST /v1/digit` through the real reading code, with a fake model."""

from __future__ import annotations

import base64
import io

import httpx
import pytest
from PIL import Image
from pydantic_core import to_json

from service.schemas import DigitReading, DigitResults
from tests.service.checks import RAW
from tests.service.fakes import BLANK, ONE, ZERO, FakeModel, one, png

pytestmark = pytest.mark.anyio


async def test_a_form_with_one_file_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digit", files={"image": ("one.png", ONE, "image/png")})
    assert answer.status_code == 200
    reading = answer.json()
    assert (reading["status"], reading["digit"]) == ("ok", 1)
    assert reading["confidence"] == pytest.approx(0.991, abs=1e-6)
    assert len(reading["probabilities"]) == 10
    assert reading["digit_probability"] == pytest.approx(0.95)
    assert reading["model"] == {"name": "digits", "version": 2}
    assert reading["explanation"] is None
    assert set(reading["box"]) == {"x", "y", "width", "height"}


@pytest.mark.parametrize("content_type", ["image/png", "image/*", "IMAGE/JPEG; x=y", "application/octet-stream"])
async def test_the_body_itself_may_be_the_picture_whatever_its_name(
    client: httpx.AsyncClient, content_type: str
) -> None:
    answer = await client.post("/v1/digit", content=ZERO, headers={"Content-Type": content_type})
    assert answer.json()["digit"] == 0


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
async def test_every_accepted_format_is_read(client: httpx.AsyncClient, format: str) -> None:
    answer = await client.post("/v1/digit", content=png(one(), format), headers=RAW)
    assert answer.json()["digit"] == 1


async def test_a_large_picture_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digit", content=png(one(2000)), headers=RAW)
    assert answer.json()["digit"] == 1


async def test_paper_without_ink_is_blank(client: httpx.AsyncClient, model: FakeModel) -> None:
    reading = (await client.post("/v1/digit", content=BLANK, headers=RAW)).json()
    assert reading["status"] == "blank"
    assert (reading["digit"], reading["confidence"], reading["probabilities"], reading["box"]) == (None, 0, None, None)
    assert model.batches == []


@pytest.mark.parametrize("picture", [ONE, BLANK, png(one(4))])
@pytest.mark.parametrize("query", ["", "?explain=true"])
async def test_the_answer_is_what_its_schema_would_write(client: httpx.AsyncClient, picture: bytes, query: str) -> None:
    single = await client.post("/v1/digit" + query, content=picture, headers=RAW)
    assert to_json(DigitReading.model_validate_json(single.content, strict=True)) == single.content
    files = [("images", ("a", picture)), ("images", ("b", b"no picture"))]
    batch = await client.post("/v1/digits" + query, files=files)
    assert to_json(DigitResults.model_validate_json(batch.content, strict=True)) == batch.content


async def test_the_version_can_be_chosen(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digit?version=1", content=ONE, headers=RAW)
    assert answer.json()["model"]["version"] == 1


async def test_an_explanation_holds_two_pictures(client: httpx.AsyncClient) -> None:
    explanation = (await client.post("/v1/digit?explain=true", content=ONE, headers=RAW)).json()["explanation"]
    for name in ("normalised", "saliency"):
        prefix, _, data = explanation[name].partition(",")
        assert prefix == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (28, 28)


async def test_readings_say_how_long_each_stage_took(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digit", content=ONE, headers=RAW)
    stages = [stage.split(";dur=") for stage in answer.headers["Server-Timing"].split(", ")]
    assert [name for name, _ in stages] == ["decode", "ink", "queue", "model"]
    assert all(0 <= float(milliseconds) < 10_000 for _, milliseconds in stages)
