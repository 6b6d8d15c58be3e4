"""Who is next: probes first, batches that do not take long to prepare, and a place for everybody who is admitted."""

from __future__ import annotations

import asyncio
import time

import pytest

from service.errors import Draining
from service.model import batcher as batchers
from service.model.batcher import Batcher
from service.model.entries import Answer
from service.reading.reader import Reader
from service.reading.types import Grey, Prepared
from tests.service.checks import Observed
from tests.service.fakes import ONE, ZERO, FakeModel, one, png

pytestmark = pytest.mark.anyio

LARGE = png(one(900))


async def until_busy(model: FakeModel) -> None:
    while not model.batches:
        await asyncio.sleep(0.001)


async def test_the_probe_goes_before_all_who_wait_however_full_the_queue_is(
    batcher: Batcher, model: FakeModel, reader: Reader
) -> None:
    question = reader.prepare(ZERO)
    model.gate.clear()
    done: list[str] = []
    callers = [asyncio.create_task(batcher.read(ONE))]
    await until_busy(model)
    callers += [asyncio.create_task(batcher.read(ONE)) for _ in range(10)]
    await asyncio.sleep(0.01)
    probe = asyncio.create_task(batcher.probe(question))
    callers[-1].add_done_callback(lambda _: done.append("last caller"))
    probe.add_done_callback(lambda _: done.append("probe"))
    await asyncio.sleep(0.01)
    model.gate.set()
    await asyncio.gather(probe, *callers)
    assert done == ["probe", "last caller"]
    assert model.batches == [1, 5, 4, 2]  # the probe takes nobody's place


async def test_a_batch_that_takes_long_to_prepare_is_read_without_the_rest(
    batcher: Batcher, model: FakeModel, reader: Reader, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batchers, "PREPARE_SECONDS", 0.6)  # so long that a busy machine makes no difference
    prepare = reader.prepare

    def slow(picture: bytes | Grey) -> Prepared:
        time.sleep(0.4)
        return prepare(picture)

    reader.prepare = slow  # type: ignore[method-assign]
    answers = await batcher.read_many([ONE, ZERO, ONE, ZERO])
    assert [answer.reading.digit for answer in answers if isinstance(answer, Answer)] == [1, 0, 1, 0]
    assert model.batches == observed.batches == [2, 2]
    assert observed.depth == 0


async def test_places_are_given_back_when_the_last_who_waited_has_left(
    batcher: Batcher, model: FakeModel, observed: Observed
) -> None:
    model.gate.clear()
    first = asyncio.create_task(batcher.read(ONE))
    await until_busy(model)
    waiting = [asyncio.create_task(batcher.read(ONE)) for _ in range(10)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    model.gate.set()
    await first
    await asyncio.sleep(0.05)
    assert observed.depth == 0
    await batcher.read_many([ONE] * 10)


async def test_a_large_picture_whose_caller_leaves_at_once_gives_its_place_back(
    batcher: Batcher, observed: Observed
) -> None:
    task = asyncio.create_task(batcher.read_many([LARGE] * 6))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0.1)
    assert observed.depth == 0


async def test_many_pictures_give_their_places_back_when_the_thread_has_just_ended(
    batcher: Batcher, observed: Observed
) -> None:
    admit = batcher._queue.admit

    def admit_and_close(places: int, effort: int = 0) -> None:
        admit(places, effort)
        batcher.close()

    batcher._queue.admit = admit_and_close  # type: ignore[method-assign]
    with pytest.raises(Draining):
        await batcher.read_many([ONE, LARGE, ZERO, LARGE])
    assert observed.depth == 0


async def test_closing_settles_who_waits_for_a_large_picture(
    batcher: Batcher, reader: Reader, observed: Observed
) -> None:
    prepare = reader.prepare

    def slow(picture: bytes | Grey) -> Prepared:
        time.sleep(0.05)
        return prepare(picture)

    reader.prepare = slow  # type: ignore[method-assign]
    waiting = [asyncio.create_task(batcher.read(LARGE)) for _ in range(5)]
    await asyncio.sleep(0.01)
    batcher.close()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Draining] * 5
    assert observed.depth == 0


async def test_closing_counts_out_those_who_have_left_and_those_who_wait(
    batcher: Batcher, model: FakeModel, observed: Observed
) -> None:
    model.gate.clear()
    first = asyncio.create_task(batcher.read(ONE))
    while not model.batches:
        await asyncio.sleep(0.001)
    left, waiting = (asyncio.create_task(batcher.read(ONE)) for _ in range(2))
    while observed.depth < 2:
        await asyncio.sleep(0.001)
    left.cancel()
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    while not batcher._queue._closed:
        await asyncio.sleep(0.001)
    model.gate.set()
    await closing
    await first
    with pytest.raises(Draining):
        await waiting
    assert observed.depth == 0
