"""Versions that are published, broken and rolled back under load, over HTTP: not one request fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.service.checks import RAW
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, FakeModel, opener
from tests.service.number_fakes import page
from tests.service.test_telemetry import scrape
from tests.service.version_fakes import publish_whole

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_number_reading")]


class Load:
    """Callers who ask one request after another, of every kind there is."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._ending = False
        self.failed: list[str] = []
        self.versions: Counter[int] = Counter()
        two = [("images", ("picture", ONE)) for _ in range(2)]
        requests: list[tuple[str, Callable[[Any], Any], dict[str, Any]]] = [
            ("/v1/digit", lambda body: body["model"], {"content": ONE, "headers": RAW}),
            ("/v1/digit?explain=true", lambda body: body["model"], {"content": ONE, "headers": RAW}),
            ("/v1/digits", lambda body: body["results"][1]["reading"]["model"], {"files": two}),
            ("/v1/number", lambda body: body["model"], {"content": page("10"), "headers": RAW}),
            ("/v1/digit?version=1", lambda body: body["model"], {"content": ONE, "headers": RAW}),
        ]
        self._tasks = [asyncio.create_task(self._ask(url, model, **sent)) for url, model, sent in requests * 2]

    async def _ask(self, url: str, model: Callable[[Any], Any], **sent: Any) -> None:
        while not self._ending:
            answer = await self._client.post(url, **sent)
            if answer.status_code == 200:
                self.versions[model(answer.json())["version"]] += 1
            else:
                self.failed.append(f"{url}: {answer.text}")

    async def end(self) -> None:
        self._ending = True
        await asyncio.gather(*self._tasks)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Of an app that looks all the time and keeps nothing that is not used at that moment."""
    for number in (1, 9):
        publish_whole(tmp_path, number)
    # Waiting for a version to be loaded is not what is asked about here.
    settings = Settings(
        artifacts=tmp_path,
        reload_seconds=0.005,
        unload_seconds=0,
        max_versions=2,
        max_wait_seconds=3600,
        standing_wait_seconds=3600,
    )
    app: FastAPI = create_app(settings, open_model=opener(FakeModel()))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            yield client


async def until_models(client: httpx.AsyncClient, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = (await client.get("/v1/models")).json()
            if done(found):
                return found
            await asyncio.sleep(0.002)


async def test_no_request_fails_while_versions_come_break_and_go(client: httpx.AsyncClient, tmp_path: Path) -> None:
    load = Load(client)
    default = tmp_path / "DEFAULT"
    publish_whole(tmp_path, 10)
    await until_models(client, lambda found: found["default"] == 10)
    publish_whole(tmp_path, 11, broken=True)
    found = await until_models(client, lambda found: found["models"][-1]["state"] == "refused")
    assert found["default"] == 10
    assert found["models"][-1]["problem"].startswith("saved_model.pb")
    for number in (9, 10, 1, 10, 9):
        default.write_text(str(number))
        await until_models(client, lambda found, number=number: found["default"] == number)  # type: ignore[misc]
        load.versions.clear()
        async with asyncio.timeout(30):
            while load.versions[number] < 5:
                await asyncio.sleep(0.002)
    default.write_text("77")
    found = await until_models(client, lambda found: found["problem"] is not None)
    assert found["default"] == 9
    assert (await scrape(client))["digits_model_default_problem"] == 1
    default.unlink()
    await until_models(client, lambda found: found["default"] == 10)
    await load.end()
    assert load.failed == []
    metrics = await scrape(client)
    assert metrics['digits_model_info{name="digits",version="10"}'] == 1
    assert metrics['digits_model_info{name="digits",version="9"}'] == 0
    assert metrics['digits_model_version_state{state="refused",version="11"}'] == 1
    assert metrics["digits_model_default_problem"] == 0
    assert metrics['digits_model_events_total{event="refused"}'] == 1
    assert metrics['digits_model_events_total{event="default"}'] == 8
    assert metrics['digits_model_events_total{event="unloaded"}'] >= 4
    assert metrics["digits_queue_pictures"] == 0


async def test_what_is_not_used_is_unloaded_and_still_shows_its_manifest(client: httpx.AsyncClient) -> None:
    found = await until_models(client, lambda found: found["models"][0]["state"] == "unloaded")
    assert found["models"][0] == {
        "name": "digits",
        "version": 1,
        "state": "unloaded",
        "default": False,
        "problem": None,
    }
    assert (await scrape(client))["digits_models_loaded"] == 1
    assert (await client.get("/v1/models/1")).json()["version"] == 1
    assert (await client.post("/v1/digit?version=1", content=ONE, headers=RAW)).json()["model"]["version"] == 1
    assert (await client.get("/readyz")).status_code == 200


async def test_callers_who_leave_just_then_leave_nothing_behind(client: httpx.AsyncClient) -> None:
    for wait in range(20):
        task = asyncio.create_task(client.post("/v1/digit?version=1", content=ONE, headers=RAW))
        await asyncio.sleep(wait * 0.001)
        task.cancel()
        await asyncio.wait([task])
    await until_models(client, lambda found: found["models"][0]["state"] == "unloaded")
    found = await scrape(client)
    assert found["digits_models_loaded"] == 1
    assert found["digits_queue_pictures"] == 0
