"""413: decided before any picture is decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.checks import FORM, RAW, part, problem
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, one, opener, png

pytestmark = pytest.mark.anyio


@pytest.fixture
async def strict(published: Path, model: FakeModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app with narrow limits."""
    limits = Settings(artifacts=published, max_body_bytes=2000, max_pixels=10_000, max_pictures=3)
    app = create_app(limits, open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            model.batches.clear()
            yield client


@pytest.mark.parametrize("path", ["/v1/digit", "/v1/digits", "/v1/digits/json", "/nothing"])
async def test_a_body_whose_length_is_above_the_limit(strict: httpx.AsyncClient, path: str) -> None:
    found = problem(await strict.post(path, content=b"x" * 2001, headers=RAW), 413)
    assert found["title"] == "Body too large"


async def test_a_body_in_chunks_above_the_limit(strict: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    found = problem(await strict.post("/v1/digit", content=chunks(), headers=RAW), 413)
    assert found["title"] == "Body too large"


async def test_a_body_of_just_the_limit_is_read(strict: httpx.AsyncClient) -> None:
    answer = await strict.post("/v1/digit", content=ONE + b"\0" * (2000 - len(ONE)), headers=RAW)
    assert answer.status_code == 200


async def test_a_picture_of_too_many_pixels(strict: httpx.AsyncClient, model: FakeModel) -> None:
    found = problem(await strict.post("/v1/digit", content=png(one(101)), headers=RAW), 413)
    assert found["title"] == "Picture too large"
    assert model.batches == []


async def test_too_many_pictures_in_a_form(strict: httpx.AsyncClient, model: FakeModel) -> None:
    body = b"".join(part("images", b"x") for _ in range(9)) + b"--x--\r\n"
    for content in (body, b"".join(part("images", b"x") for _ in range(4)) + b"--x--\r\n"):
        found = problem(await strict.post("/v1/digits", content=content, headers=FORM), 413)
        assert found["title"] == "Too many pictures"
    assert model.batches == []


async def test_too_many_pictures_in_json(strict: httpx.AsyncClient) -> None:
    found = problem(await strict.post("/v1/digits/json", json={"images": [{"no": "picture"}] * 4}), 413)
    assert found["title"] == "Too many pictures"
