"""What is in memory: versions in use stay; others go when they are unused or there is no room, and come when asked for."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from service.errors import Starting, Unavailable, UnknownVersion
from tests.service.fakes import ONE, FakeModel, seal
from tests.service.version_fakes import LEAST, Make, answered_by


def test_the_version_that_was_the_default_is_kept_for_a_while_and_the_default_for_ever(make: Make) -> None:
    service = make(1)
    service.now = 10 * LEAST
    service.publish(2)
    service.registry.look()
    service.now += LEAST - 1
    service.registry.look()
    assert service.states == {1: "ready", 2: "ready"}
    service.now += 1
    service.registry.look()
    assert service.states == {1: "unloaded", 2: "ready"}
    service.now += 10 * LEAST
    service.registry.look()
    assert service.states == {1: "unloaded", 2: "ready"}


def test_what_is_unloaded_is_freed_though_it_refers_to_itself(make: Make) -> None:
    service = make(1, 2)
    service.model = FakeModel()
    vars(service.model)["itself"] = service.model
    freed = weakref.ref(service.model)
    service.publish(3)
    gc.disable()
    try:
        service.registry.look()
        service.model = FakeModel()
        service.default("2")
        assert freed() is not None
        service.now = LEAST
        service.registry.look()
        assert freed() is None
    finally:
        gc.enable()


def test_what_is_loaded_is_out_of_the_collectors_sight(make: Make) -> None:
    gc.unfreeze()
    service = make(1)
    service.registry.look()
    assert gc.get_freeze_count() > 10_000
    assert service.model not in gc.get_objects()


def test_no_more_versions_are_in_memory_than_may_be(make: Make) -> None:
    service = make(1, 2, 3, max_versions=2)
    assert service.states == {1: "unloaded", 2: "ready", 3: "ready"}
    service.publish(4)
    service.registry.look()
    assert service.states == {1: "unloaded", 2: "unloaded", 3: "ready", 4: "ready"}


@pytest.mark.anyio
async def test_a_version_in_use_is_not_unloaded(make: Make) -> None:
    service = make(1)
    async with service.registry.using() as model:
        service.publish(2)
        service.registry.look()
        service.now = LEAST
        service.registry.look()
        assert service.serving == 2
        assert (await model.batcher.read(ONE)).reading.digit == 1
        assert model.manifest.version == 1
    service.registry.look()
    assert service.states[1] == "ready"  # it was used just now
    service.now += LEAST
    service.registry.look()
    assert service.states[1] == "unloaded"


@pytest.mark.anyio
async def test_who_waits_in_the_queue_at_the_swap_is_answered_by_whom_he_came_to(make: Make) -> None:
    service = make(1)
    service.model.batches.clear()
    service.model.gate.clear()
    asking = [asyncio.create_task(answered_by(service))]
    while not service.model.batches:
        await asyncio.sleep(0.001)
    asking += [asyncio.create_task(answered_by(service)) for _ in range(5)]
    while service.observed.depth < 5:
        await asyncio.sleep(0.001)
    other = FakeModel()
    service.model, held = other, service.model
    service.publish(2)
    service.registry.look()
    service.now = 10 * LEAST
    service.registry.look()
    assert await answered_by(service) == 2
    assert service.observed.depth == 5
    held.gate.set()
    assert await asyncio.gather(*asking) == [1] * 6


def test_a_version_that_is_published_anew_takes_the_place_of_what_was_loaded(make: Make) -> None:
    service = make(1)
    folder = service.artifacts / "1"
    (folder / "report" / "index.html").write_text("another")
    service.registry.look()
    assert service.loaded == [1]  # damage to files that are in memory by now
    seal(folder)
    service.registry.look()
    assert service.loaded == [1, 1]
    (folder / "SHA256SUMS").write_text("rubbish\n")
    service.registry.look()
    service.registry.look()
    assert service.loaded == [1, 1, 1]
    assert service.states == {1: "ready"}
    assert "SHA256SUMS" in (service.registry.versions[0].reason or "")
    assert asyncio.run(answered_by(service)) == 1


@pytest.mark.anyio
async def test_a_replaced_model_is_closed_when_nobody_uses_it_any_more(make: Make) -> None:
    service = make(1)
    async with service.registry.using() as model:
        (service.artifacts / "1" / "report" / "index.html").write_text("another")
        seal(service.artifacts / "1")
        service.registry.look()
        assert (await model.batcher.read(ONE)).reading.digit == 1
        async with service.registry.using() as newer:
            assert newer is not model
    service.registry.look()
    with pytest.raises(Unavailable):
        await model.batcher.read(ONE)
    assert await answered_by(service) == 1


@pytest.mark.anyio
async def test_a_version_that_is_not_in_memory_is_loaded_for_whoever_asks(make: Make) -> None:
    service = make(1, 2, 3, max_versions=2)
    service.registry.start()
    assert await asyncio.gather(*(answered_by(service, 1) for _ in range(10))) == [1] * 10
    assert service.loaded == [3, 2, 1]
    assert service.states == {1: "ready", 2: "unloaded", 3: "ready"}
    assert (await service.registry.manifest(2)).version == 2
    assert service.states[2] == "unloaded"


@pytest.mark.anyio
async def test_who_asks_for_a_version_that_there_is_no_room_for_waits_for_room(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make(1, 2, 3, max_versions=2)
    service.registry.start()
    async with service.registry.using(2):
        with monkeypatch.context() as soon, pytest.raises(Starting):
            soon.setattr("service.model.registry.LOAD_SECONDS", 0.05)
            await answered_by(service, 1)
        asking = asyncio.create_task(answered_by(service, 1))
        await asyncio.sleep(0.05)
        assert service.states == {1: "unloaded", 2: "ready", 3: "ready"}
    assert await asking == 1


@pytest.mark.anyio
async def test_a_version_that_turns_out_to_be_broken_is_unknown_to_whoever_asks(make: Make) -> None:
    service = make(1, 2, 3, max_versions=2)
    (service.artifacts / "1" / "saved_model.pb").write_bytes(b"damaged")
    service.registry.start()
    with pytest.raises(UnknownVersion, match="was refused"):
        await answered_by(service, 1)


@pytest.mark.anyio
async def test_who_waits_too_long_for_a_version_is_told_to_come_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make(1, 2, 3, max_versions=2)  # and no thread that would load it
    with monkeypatch.context() as soon, pytest.raises(Starting):
        soon.setattr("service.model.registry.LOAD_SECONDS", 0.02)
        await answered_by(service, 1)
    service.registry.look()
    assert service.states[1] == "unloaded"  # whoever asked for it has left
    service.registry.start()
    assert await answered_by(service, 1) == 1
