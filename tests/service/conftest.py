from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.model.artifact import open_artifact
from service.model.batcher import Batcher
from service.model.folder import scan
from service.model.gate import Gate
from service.model.litert import open_tflite
from service.model.version import thresholds_of
from service.reading.reader import Reader
from service.reading.types import Thresholds
from service.settings import Settings
from tests.service.checks import Observed
from tests.service.fakes import FakeModel, opener, publish
from tests.service.live import Process
from tests.service.number_fakes import fake_numbers, fill
from tests.service.version_fakes import Make, Service

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of their own. With one thread a fake model that is kept busy is all there is."""
    for name in os.environ:
        if name.startswith("DIGITS_") or name == "PORT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DIGITS_THREADS", "1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def reader(model: FakeModel) -> Reader:
    return Reader(model.signatures, Thresholds(0.9, 0.5))


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
def batcher(reader: Reader, observed: Observed, model: FakeModel) -> Iterator[Batcher]:
    batcher = Batcher(reader, Gate(max_pictures=10, refused=observed.refused), max_batch=4, observer=observed)
    yield batcher
    model.gate.set()
    batcher.close()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with versions 1 and 2; not to be changed."""
    artifacts = tmp_path_factory.mktemp("artifacts") / "digits"
    publish(artifacts, 1)
    publish(artifacts, 2)
    return artifacts


@pytest.fixture(scope="session")
def released() -> Reader:
    """A reader with the highest released version, run by LiteRT: it loads in a moment."""
    versions = scan(ROOT / "artifacts" / "digits")
    folder = versions[max(versions)]
    return Reader(open_tflite(folder, 1), thresholds_of(open_artifact(folder).manifest))


@pytest.fixture
def fake_number_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are read by the stand-in of `number_fakes`."""
    fake_numbers(monkeypatch)


@pytest.fixture
def fake_commands(fake_number_reading: None, monkeypatch: pytest.MonkeyPatch, published: Path) -> None:
    """And the commands find the published artifacts, and a model that is a stand-in, too."""
    monkeypatch.setattr("service.model.version.runtime", lambda settings: opener(FakeModel()))
    monkeypatch.setenv("DIGITS_ARTIFACTS", str(published))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of numbers, also in folders of the folder."""
    return fill(tmp_path / "pictures")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a registry of fake models, with versions of these numbers."""
    made: list[Service] = []

    def make(*numbers: int, pinned: int | None = None, max_versions: int = 4) -> Service:
        made.append(Service(tmp_path, *numbers, pinned=pinned, max_versions=max_versions))
        return made[-1]

    yield make
    for service in made:
        service.model.gate.set()
        service.registry.close()


@pytest.fixture
def settings(published: Path) -> Settings:
    return Settings(artifacts=published)


@pytest.fixture
def app(settings: Settings, model: FakeModel) -> FastAPI:
    return create_app(settings, open_model=opener(model))


async def until_loaded(app: FastAPI) -> None:
    async with asyncio.timeout(10):
        while any(version.state == "loading" for version in app.state.digits.registry.versions):
            await asyncio.sleep(0.005)


@pytest.fixture
async def client(app: FastAPI, model: FakeModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, its versions loaded, without a server between them."""
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        model.batches.clear()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            yield client
            model.gate.set()


@pytest.fixture
def start(published: Path) -> Iterator[Callable[..., Process]]:
    """Starts `serve` with the fake model in a process of its own, and waits until it is ready."""
    started: list[Process] = []

    def starter(seconds: float = 0, decode: float = 0, **settings: object) -> Process:
        started.append(Process(published, seconds, decode, **settings))
        started[-1].wait()
        return started[-1]

    yield starter
    for each in started:
        each.process.kill()
        each.process.communicate()
