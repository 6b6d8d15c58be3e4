"""The page and the documentation, which need nothing from outside, also behind a prefix."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.checks import RAW
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, opener

pytestmark = pytest.mark.anyio


@pytest.fixture
async def prefixed(published: Path, model: FakeModel) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(artifacts=published, root_path="/ocr/digits"), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            yield client


def links(html: str) -> list[str]:
    found: list[tuple[str, ...]] = re.findall(
        r"""(?:src|href)=["']([^"'#]+)["']|url: ["']([^"']+)["']|spec-url=["']([^"']+)["']""", html
    )
    return ["".join(groups) for groups in found]


async def test_the_page_and_its_parts_are_served_by_relative_links(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    found = links(page.text)
    assert found
    for link in found:
        assert not link.startswith(("/", "http"))
        assert (await client.get("/" + link)).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_needs_nothing_from_outside(client: httpx.AsyncClient, path: str) -> None:
    html = (await client.get(path)).text
    found = links(html)
    assert any("openapi.json" in link for link in found)
    for link in found:
        assert link.startswith("/")
        assert (await client.get(link)).status_code == 200
    assert "https://" not in html


@pytest.mark.parametrize("strips", [True, False])
@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
async def test_everything_works_behind_a_prefix(prefixed: httpx.AsyncClient, path: str, strips: bool) -> None:
    prefix = "" if strips else "/ocr/digits"
    html = (await prefixed.get(prefix + path)).text
    for link in links(html):
        outside = httpx.URL("http://digits/ocr/digits" + path).join(link).path
        assert outside.startswith("/ocr/digits/")
        asked = outside.removeprefix("/ocr/digits") if strips else outside
        assert (await prefixed.get(asked)).status_code == 200, asked
    assert (await prefixed.post(prefix + "/v1/digit", content=ONE, headers=RAW)).json()["digit"] == 1
    document = (await prefixed.get(prefix + "/openapi.json")).json()
    assert document["servers"] == [{"url": "/ocr/digits"}]


async def test_problems_behind_a_prefix_name_the_path_that_callers_see(prefixed: httpx.AsyncClient) -> None:
    assert (await prefixed.get("/nothing")).json()["instance"] == "/ocr/digits/nothing"
