"""Which version serves, and what becomes of the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.errors import Starting, Unavailable, UnknownVersion
from service.model.folder import candidates, scan
from service.model.gate import Gate
from service.model.registry import Registry
from service.model.version import Model, load
from service.settings import Settings
from tests.service.checks import Observed, until
from tests.service.fakes import FakeModel, opener, publish


def registry(artifacts: Path, *, pinned: int | None = None, broken: tuple[int, ...] = ()) -> Registry:
    """Loads every version there is, on this thread."""
    for number in broken:
        (artifacts / str(number) / "saved_model.pb").write_bytes(b"damaged")
    settings = Settings(artifacts=artifacts, version=pinned)
    return looked(Registry(settings, loader(settings), Observed()))


def loader(settings: Settings) -> Callable[[Path], Model]:
    return lambda folder: load(folder, settings, opener(FakeModel()), Observed(), Gate(max_pictures=1000))


def looked(made: Registry) -> Registry:
    made.look()
    made.close()
    return made


def get(made: Registry, number: int | None = None) -> int:
    """The number of the version that answers."""

    async def used() -> int:
        async with made.using(number) as model:
            return model.manifest.version

    return asyncio.run(used())


def published(artifacts: Path, *numbers: int) -> Path:
    for number in numbers:
        publish(artifacts, number)
    return artifacts


def served(made: Registry) -> int | None:
    return made.default.version if made.default else None


def test_versions_are_compared_as_integers(tmp_path: Path) -> None:
    made = registry(published(tmp_path, 9, 10, 2))
    assert served(made) == 10
    assert [version.number for version in made.versions] == [2, 9, 10]
    assert [version.state for version in made.versions] == ["ready"] * 3


def test_only_folders_named_by_a_number_are_versions(tmp_path: Path) -> None:
    for name in (".staging-3", "03", "0", "latest", "1.5", "-1", "²"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("no folder")
    (tmp_path / "8").mkdir()
    assert list(scan(tmp_path)) == [8]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, [3, 2, 1]), ("2\n", [2, 1]), ("9", [3, 2, 1]), ("", [3, 2, 1]), ("two", [3, 2, 1]), ("0", [3, 2, 1])],
)
def test_the_file_default_names_where_to_begin(tmp_path: Path, content: str | None, expected: list[int]) -> None:
    if content is not None:
        (tmp_path / "DEFAULT").write_text(content)
    assert candidates(tmp_path, [1, 2, 3], None) == expected


def test_a_broken_version_is_refused_and_the_next_lower_one_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = registry(published(tmp_path, 1, 2, 3), broken=(3,))
    assert served(made) == 2
    assert [version.state for version in made.versions] == ["ready", "ready", "refused"]
    assert "version 3 was refused: saved_model.pb" in caplog.text
    with pytest.raises(UnknownVersion, match=r"refused: saved_model\.pb"):
        get(made, 3)


def test_no_newer_version_takes_the_place_of_the_one_that_default_names(tmp_path: Path) -> None:
    (tmp_path / "DEFAULT").write_text("1")
    made = registry(published(tmp_path, 1, 2), broken=(1,))
    assert served(made) is None
    assert get(made, 2) == 2
    with pytest.raises(Unavailable):
        get(made)


def test_a_pinned_version_serves_whatever_default_says(tmp_path: Path) -> None:
    (tmp_path / "DEFAULT").write_text("3")
    assert served(registry(published(tmp_path, 1, 2, 3), pinned=2)) == 2


@pytest.mark.parametrize(("pinned", "reason"), [(2, "refused: saved_model.pb"), (7, "is not there")])
def test_nothing_takes_the_place_of_a_pinned_version(tmp_path: Path, pinned: int, reason: str) -> None:
    made = registry(published(tmp_path, 1, 2), pinned=pinned, broken=(2,))
    assert served(made) is None
    with pytest.raises(Unavailable, match=reason):
        get(made)


@pytest.mark.parametrize("there", [True, False])
def test_without_any_version_nothing_can_be_served(tmp_path: Path, there: bool) -> None:
    made = registry(tmp_path if there else tmp_path / "nothing")
    with pytest.raises(Unavailable, match="no version"):
        get(made)
    with pytest.raises(UnknownVersion):
        get(made, 1)


def test_an_unforeseen_fault_refuses_a_version_too(tmp_path: Path) -> None:
    published(tmp_path, 1, 2)

    def fault(folder: Path) -> Model:
        raise TypeError("secret")

    made = looked(Registry(Settings(artifacts=tmp_path), fault, Observed()))
    assert [version.reason for version in made.versions] == ["it cannot be loaded (TypeError)"] * 2


def test_the_default_is_loaded_first_and_announced_before_the_others_are(tmp_path: Path) -> None:
    (tmp_path / "DEFAULT").write_text("2")
    order: list[str] = []
    settings = Settings(artifacts=published(tmp_path, 1, 2, 3))

    def watched(folder: Path) -> Model:
        order.append(folder.name)
        return load(folder, settings, opener(FakeModel()), Observed(), Gate(max_pictures=1000))

    made = Registry(settings, watched, Observed())
    with pytest.raises(Starting):
        get(made)
    with pytest.raises(Starting):
        get(made, 1)
    made.start(lambda model: order.append(f"ready {model.manifest.version}"))
    until(lambda: all(version.state == "ready" for version in made.versions))
    made.close()
    assert order == ["2", "ready 2", "3", "1"]


def test_the_other_versions_are_loaded_although_nobody_reads_what_is_announced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(model: Model) -> None:
        raise BrokenPipeError

    settings = Settings(artifacts=published(tmp_path, 1, 2))
    made = Registry(settings, loader(settings), Observed())
    made.start(broken)
    until(lambda: all(version.state == "ready" for version in made.versions))
    made.close()
    assert [version.state for version in made.versions] == ["ready", "ready"]
    assert "BrokenPipeError" in caplog.text


def test_closing_ends_every_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    settings = Settings(artifacts=published(tmp_path, 1, 2))
    made = Registry(settings, loader(settings), Observed())
    made.start()
    until(lambda: [version.state for version in made.versions] == ["ready", "ready"])
    assert threading.active_count() >= before + 3
    made.close()
    assert threading.active_count() == before


@pytest.mark.anyio
async def test_models_lists_the_versions(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/models")).json() == {
        "default": 2,
        "problem": None,
        "models": [
            {"name": "digits", "version": 1, "state": "ready", "default": False, "problem": None},
            {"name": "digits", "version": 2, "state": "ready", "default": True, "problem": None},
        ],
    }


@pytest.mark.anyio
async def test_a_model_shows_its_manifest(client: httpx.AsyncClient) -> None:
    manifest = (await client.get("/v1/models/1")).json()
    assert manifest["version"] == 1
    assert manifest["thresholds"] == {"confidence": 0.9, "digit_probability": 0.5}
    assert manifest["metrics"][0]["accuracy"] == 0.5


@pytest.mark.anyio
async def test_readiness_asks_the_model(client: httpx.AsyncClient, model: FakeModel) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ok"}
    assert model.batches == [1]
    model.error = ValueError("no")
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200
    model.error = None
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.anyio
async def test_those_who_ask_for_readiness_together_share_one_question(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    model.gate.clear()
    asking = [asyncio.create_task(client.get("/readyz")) for _ in range(5)]
    while not model.batches:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    model.gate.set()
    assert [(await task).status_code for task in asking] == [200] * 5
    assert model.batches == [1]


@pytest.mark.anyio
async def test_a_model_that_answers_wrongly_is_not_ready(app: FastAPI, client: httpx.AsyncClient) -> None:
    async with app.state.digits.registry.using() as model:
        model.golden.probabilities[0] = 0.1
    assert (await client.get("/readyz")).status_code == 503


@pytest.mark.anyio
async def test_a_model_that_hangs_is_not_ready(
    client: httpx.AsyncClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.model.version.PROBE_SECONDS", 0.05)
    model.gate.clear()
    assert (await client.get("/readyz")).status_code == 503
    model.gate.set()
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.anyio
async def test_a_process_that_drains_is_not_ready_and_still_lives(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.digits.draining = True
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Connection"] == "close"
    assert (await client.get("/healthz")).status_code == 200
