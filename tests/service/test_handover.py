"""What comes in one turn of the loop is handed over at its end, and the loop gives way to whoever prepares it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from service.model.entries import Entry
from service.model.handover import GIVE_WAY_SECONDS, Handover

pytestmark = pytest.mark.anyio


def entry() -> Entry:
    return Entry(b"", False, 1, 1, asyncio.get_running_loop().create_future(), 0.0)


async def test_a_turn_is_handed_over_at_once() -> None:
    given: list[Entry] = []
    handover = Handover(given.append)
    entries = [entry() for _ in range(3)]
    for one in entries:
        handover.add(one)
    assert given == []
    await asyncio.sleep(0)
    assert given == entries
    handover.add(entries[0])
    await asyncio.sleep(0)
    assert given == [*entries, entries[0]]


async def test_the_loop_waits_while_it_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.model.handover.GIVE_WAY_SECONDS", 5.0)
    given = threading.Event()
    handover = Handover(lambda entry: given.set())
    prepared: list[float] = []

    def prepare() -> None:
        given.wait()
        time.sleep(0.02)
        prepared.append(time.perf_counter())
        handover.end()

    thread = threading.Thread(target=prepare)
    thread.start()
    handover.add(entry())
    handover.begin()
    await asyncio.sleep(0)
    assert len(prepared) == 1
    thread.join()


async def test_it_does_not_wait_for_long_nor_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    handover = Handover(lambda entry: None)
    handover.add(entry())
    started = time.perf_counter()
    handover.begin()
    await asyncio.sleep(0)
    assert time.perf_counter() - started >= GIVE_WAY_SECONDS
    handover.end()
    monkeypatch.setattr("service.model.handover.GIVE_WAY_SECONDS", 60.0)
    handover.add(entry())
    started = time.perf_counter()
    await asyncio.sleep(0)
    assert time.perf_counter() - started < 5
