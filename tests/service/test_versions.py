"""What becomes of versions while others serve: published, broken, repaired, rolled back. One look after another."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

import pytest

from service.errors import UnknownVersion
from service.model.gate import Gate
from service.model.registry import Registry
from service.model.version import load
from service.settings import Settings
from tests.service.checks import Observed, until
from tests.service.fakes import FakeModel, opener, publish
from tests.service.version_fakes import LEAST, Make, Service, answered_by, publish_whole


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.model")


def test_a_new_version_becomes_the_default(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    service = make(9)
    service.publish(10)
    assert service.serving == 9
    service.registry.look()
    assert service.serving == 10
    assert service.states == {9: "ready", 10: "ready"}
    assert service.observed.events == ["loaded", "default", "loaded", "default"]
    for line in ("version 10 was found", "version 10 was loaded in 0", "changed from version 9 to version 10"):
        assert line in caplog.text


def test_what_is_being_written_is_not_looked_at(make: Make) -> None:
    service = make(1)
    folder = publish(service.artifacts / ".staging", 2).rename(service.artifacts / ".staging-2")
    service.registry.look()
    assert service.states == {1: "ready"}
    folder.rename(service.artifacts / "2")
    service.registry.look()
    assert service.serving == 2


def test_a_broken_version_is_refused_once_and_tried_again_when_its_files_change(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    service = make(1)
    folder = service.publish(2, broken=True)
    for _ in range(3):
        service.registry.look()
    assert service.loaded == [1, 2]
    assert service.serving == 1
    assert service.states == {1: "ready", 2: "refused"}
    assert caplog.text.count("version 2 was refused: saved_model.pb") == 1
    assert service.observed.events.count("refused") == 1
    (folder / "saved_model.pb").write_bytes(b"no graph")  # what its SHA256SUMS has said all along
    service.registry.look()
    assert service.serving == 2
    assert service.registry.versions[1].reason is None


def test_the_default_follows_the_file(make: Make) -> None:
    service = make(1, 2, 3)
    for text, expected in (("1", 1), ("2\n", 2), (None, 3)):
        service.default(text)
        assert service.serving == expected
    assert service.loaded == [3, 2, 1]


def test_a_version_published_after_a_rollback_does_not_undo_it(make: Make) -> None:
    service = make(1, 2)
    service.default("1")
    service.publish(3)
    service.registry.look()
    assert service.serving == 1
    assert service.states[3] == "ready"


def test_rolling_back_loads_what_was_unloaded(make: Make) -> None:
    service = make(1, 2)
    service.now = LEAST
    service.registry.look()
    assert service.states == {1: "unloaded", 2: "ready"}
    service.default("1")
    assert service.serving == 1
    assert service.loaded == [2, 1, 1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9", "Version 9, which the file DEFAULT asks for, is not there"),
        ("2", "Version 2, which the file DEFAULT asks for, was refused: saved_model.pb"),
        ("two", "The file DEFAULT holds no version's number."),
        ("", "The file DEFAULT holds no version's number."),
        ("3" * 200, "The file DEFAULT holds no version's number."),
        ("٣", "The file DEFAULT holds no version's number."),
    ],
)
def test_what_cannot_be_followed_changes_nothing_and_is_told_once(
    make: Make, caplog: pytest.LogCaptureFixture, text: str, reason: str
) -> None:
    service = make(1, 3)
    service.publish(2, broken=True)
    service.default("1")
    service.default(text)
    service.registry.look()
    service.publish(4)
    service.registry.look()
    assert service.serving == 1
    assert (service.registry.problem or "").startswith(reason)
    assert len([record for record in caplog.records if record.getMessage().startswith(reason)]) == 1
    service.default(None)
    assert service.serving == 4
    assert service.registry.problem is None


def test_a_default_that_cannot_be_read_changes_nothing(make: Make) -> None:
    service = make(1, 2)
    service.default("1")
    service.default(None)
    (service.artifacts / "DEFAULT").mkdir()
    service.publish(3)
    service.registry.look()
    assert service.serving == 2
    assert "cannot be read" in (service.registry.problem or "")


def test_a_version_that_default_waits_for_serves_when_it_is_there(make: Make) -> None:
    service = make(1)
    service.default("2")
    service.publish(3)
    service.publish(2)
    service.registry.look()
    assert service.serving == 2
    assert service.registry.problem is None


def test_a_pinned_version_serves_whatever_is_published_or_named(make: Make) -> None:
    service = make(1, 2, pinned=1)
    service.publish(3)
    service.default("2")
    assert service.serving == 1
    assert service.registry.problem is None


def test_a_pinned_version_serves_when_it_comes(make: Make) -> None:
    service = make(1, pinned=2)
    assert service.serving is None
    service.publish(2)
    service.registry.look()
    assert service.serving == 2


def test_a_service_without_versions_serves_the_first_one_that_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(tmp_path / "digits")
    service.registry.look()
    assert caplog.text.count("cannot be read") == 1
    assert caplog.text.count("There is no version of the model.") == 1
    service.artifacts.mkdir()
    service.publish(1)
    service.registry.look()
    assert service.serving == 1
    assert asyncio.run(answered_by(service)) == 1
    service.registry.close()


def test_a_version_whose_folder_vanishes_goes_on_serving(make: Make) -> None:
    service = make(1, 2)
    shutil.rmtree(service.artifacts / "2")
    service.registry.look()
    assert service.serving == 2
    service.artifacts.rename(service.artifacts.with_name("away"))
    service.registry.look()
    assert service.serving == 2
    assert asyncio.run(answered_by(service)) == 2


def test_a_version_that_is_gone_and_unloaded_is_forgotten(make: Make) -> None:
    service = make(1, 2)
    shutil.rmtree(service.artifacts / "1")
    service.now = LEAST
    service.registry.look()
    service.registry.look()
    assert service.states == {2: "ready"}
    with pytest.raises(UnknownVersion, match="no version 1"):
        asyncio.run(answered_by(service, 1))


def test_a_look_that_fails_is_not_the_last(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = make(1)

    def fault(folder: Path) -> dict[int, Path]:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("service.model.watch.listed", fault)
        service.registry.start()
        until(lambda: "ZeroDivisionError" in caplog.text)
    service.publish(2)
    until(lambda: service.serving == 2)


def test_the_folder_is_not_looked_at_where_that_is_turned_off(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    publish(tmp_path, 2)
    settings = Settings(artifacts=tmp_path, reload_seconds=0, max_versions=2)
    registry = Registry(
        settings,
        lambda folder: load(folder, settings, opener(FakeModel()), Observed(), Gate(max_pictures=1000)),
        Observed(),
    )
    registry.start()
    until(lambda: [version.state for version in registry.versions] == ["ready", "ready"])
    publish_whole(tmp_path, 3)
    with pytest.raises(UnknownVersion):
        asyncio.run(registry.manifest(3))
    registry._watcher.demand(1).result(5)  # the thread is awake, and has not looked
    assert [version.number for version in registry.versions] == [1, 2]
    registry.close()


def test_a_version_that_is_not_complete_serves_once_it_is(make: Make) -> None:
    service = make(1)
    folder = service.publish(2)
    away = service.artifacts / "away.npz"
    (folder / "golden.npz").rename(away)
    service.registry.look()
    assert service.states[2] == "refused"
    away.rename(folder / "golden.npz")
    service.registry.look()
    assert service.serving == 2
