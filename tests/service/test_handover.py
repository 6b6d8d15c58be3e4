"""What comes in one turn of the loop is handed over at its end, and the loop gives way to whoever prepares it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import numpy as np
import pytest

from service.model.entries import Entry
from service.model.handover import AT_ONCE, GIVE_WAY_SECONDS, Handover
from service.reading.reader import Reader
from service.reading.types import Prepared
from tests.drawing import encoded
from tests.service.fakes import ONE
from trainer.pens import draw_digits

pytestmark = pytest.mark.anyio

CLEAN = [encoded(picture) for picture in draw_digits(np.array([1, 3, 7, 1]), [1])]


def entry(picture: bytes = b"") -> Entry:
    return Entry(picture, False, 1, 1, asyncio.get_running_loop().create_future(), 0.0)


async def test_a_turn_is_handed_over_at_once(reader: Reader) -> None:
    given: list[Entry] = []
    handover = Handover(reader, given.append)
    entries = [entry() for _ in range(3)]
    for one in entries:
        handover.add(one)
    assert given == []
    await asyncio.sleep(0)
    assert given == entries
    handover.add(entries[0])
    await asyncio.sleep(0)
    assert given == [*entries, entries[0]]


async def test_the_loop_waits_while_it_is_prepared(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.model.handover.GIVE_WAY_SECONDS", 5.0)
    given = threading.Event()
    handover = Handover(reader, lambda entry: given.set())
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


async def test_it_does_not_wait_for_long_nor_for_nobody(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    handover = Handover(reader, lambda entry: None)
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


def given_turn(handover: Handover, pictures: list[bytes]) -> list[Entry]:
    entries = [entry(picture) for picture in pictures]
    for one in entries:
        handover.add(one)
    return entries


async def test_a_crowd_of_clean_pictures_is_prepared_by_the_loop(reader: Reader) -> None:
    given: list[Entry] = []
    entries = given_turn(Handover(reader, given.append), CLEAN)
    await asyncio.sleep(0)
    assert given == entries
    assert all(isinstance(one.item, Prepared) for one in given)


async def test_of_a_mixed_crowd_the_rest_is_left_to_a_thread(reader: Reader) -> None:
    given: list[Entry] = []
    given_turn(Handover(reader, given.append), [CLEAN[0], ONE, b"no picture", CLEAN[1]])
    await asyncio.sleep(0)
    assert [isinstance(one.item, Prepared) for one in given] == [True, False, False, True]
    assert [given[1].item, given[2].item] == [ONE, b"no picture"]


async def test_a_large_crowd_does_not_keep_the_loop(reader: Reader) -> None:
    given: list[Entry] = []
    entries = given_turn(Handover(reader, given.append), [CLEAN[0]] * (2 * AT_ONCE + 1))
    counts = []
    for _ in range(4):
        await asyncio.sleep(0)
        counts.append(len(given))
    assert counts == [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1, 2 * AT_ONCE + 1]
    assert given == entries


async def test_a_crowd_that_cannot_be_prepared_together_is_not_lost(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pictures: list[bytes]) -> list[Prepared]:
        raise MemoryError

    monkeypatch.setattr(reader, "prepare_clean", fail)
    given: list[Entry] = []
    with caplog.at_level(logging.ERROR):
        given_turn(Handover(reader, given.append), CLEAN)
        await asyncio.sleep(0)
    assert [one.item for one in given] == CLEAN
    assert "together failed" in caplog.text
