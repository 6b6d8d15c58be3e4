"""Micro-batching: what is waiting is read together, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from service.errors import DamagedPicture, Draining, ModelFailed, NotAPicture, Overloaded, PictureError
from service.model.batcher import Batcher
from service.model.entries import Answer
from service.model.gate import Gate
from service.reading.explain import SALIENCY_QUESTIONS
from service.reading.reader import Reader
from service.reading.types import Grey, Prepared
from tests.service.checks import Observed
from tests.service.fakes import ONE, ZERO, FakeModel, one, png

pytestmark = pytest.mark.anyio


@pytest.fixture
async def busy(batcher: Batcher, model: FakeModel) -> AsyncIterator[asyncio.Task[Answer]]:
    """The model has one picture in hand until `model.gate` is set."""
    model.gate.clear()
    task = asyncio.create_task(batcher.read(ONE))
    while not model.batches:
        await asyncio.sleep(0.001)
    yield task
    model.gate.set()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_lone_picture_is_not_delayed(batcher: Batcher) -> None:
    await batcher.read(ONE)
    started = time.perf_counter()
    answer = await batcher.read(ONE)
    assert answer.reading.digit == 1
    assert time.perf_counter() - started < 0.1


async def test_what_waits_is_read_together_in_order_and_in_batches_of_the_limit(
    batcher: Batcher, model: FakeModel, busy: asyncio.Task[Answer], observed: Observed
) -> None:
    waiting = [asyncio.create_task(batcher.read(picture)) for picture in (ONE, ZERO, ONE, ONE, ZERO, ZERO)]
    await asyncio.sleep(0.01)
    assert observed.depth == 6
    model.gate.set()
    assert [(await task).reading.digit for task in waiting] == [1, 0, 1, 1, 0, 0]
    assert model.batches == [1, 4, 2]
    assert observed.batches == [1, 4, 2]
    assert observed.depth == 0


async def test_a_crowd_is_read_by_halves(reader: Reader, model: FakeModel, observed: Observed) -> None:
    batcher = Batcher(reader, Gate(max_pictures=1000), max_batch=100, observer=observed)
    model.gate.clear()
    waiting = [asyncio.create_task(batcher.read(ONE))]
    while not model.batches:
        await asyncio.sleep(0.001)
    waiting += [asyncio.create_task(batcher.read(ONE)) for _ in range(24)]
    while observed.depth < 24:
        await asyncio.sleep(0.001)
    model.gate.set()
    await asyncio.gather(*waiting)
    assert model.batches == [1, 12, 12]
    batcher.close()


async def test_a_full_queue_refuses_at_once(batcher: Batcher, busy: asyncio.Task[Answer], model: FakeModel) -> None:
    waiting = [asyncio.create_task(batcher.read(ONE)) for _ in range(10)]
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded):
        await batcher.read(ONE)
    with pytest.raises(Overloaded):
        await batcher.read_many([ONE, ONE])
    model.gate.set()
    await asyncio.gather(*waiting)
    await batcher.read(ONE)


async def test_explanations_count_for_all_the_pictures_that_they_ask(
    batcher: Batcher, busy: asyncio.Task[Answer], observed: Observed, model: FakeModel
) -> None:
    explained = asyncio.create_task(batcher.read(ONE, explain=True))  # let in, for nobody waits
    await asyncio.sleep(0.01)
    assert observed.depth == 1 + SALIENCY_QUESTIONS
    with pytest.raises(Overloaded):
        await batcher.read(ONE)
    model.gate.set()
    assert (await explained).reading.explanation is not None
    assert model.batches == [1, 1 + SALIENCY_QUESTIONS]


async def test_a_bad_picture_fails_alone(batcher: Batcher, busy: asyncio.Task[Answer], model: FakeModel) -> None:
    waiting = [asyncio.create_task(batcher.read(picture)) for picture in (ONE, b"no picture", ZERO, ONE[:-30])]
    await asyncio.sleep(0.01)
    model.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], Answer)
    assert isinstance(results[1], NotAPicture)
    assert isinstance(results[2], Answer)
    assert isinstance(results[3], DamagedPicture)


async def test_many_pictures_keep_their_order_whatever_they_are(batcher: Batcher) -> None:
    error = NotAPicture("bad already")
    results = await batcher.read_many([ONE, error, png(one(900)), b"no picture", ZERO])
    assert results[1] is error
    assert isinstance(results[3], PictureError)
    assert [result.reading.digit for result in results if isinstance(result, Answer)] == [1, 1, 0]


async def test_large_pictures_are_prepared_beside_the_model(batcher: Batcher, reader: Reader) -> None:
    threads: dict[int, str] = {}
    prepare = reader.prepare

    def watched(picture: bytes | Grey) -> Prepared:
        threads[len(picture)] = threading.current_thread().name
        return prepare(picture)

    reader.prepare = watched  # type: ignore[method-assign]
    large = png(one(900))
    await batcher.read_many([ONE, large])
    assert threads[len(ONE)] == "model"
    assert threads[len(large)].startswith("model-decode")


async def test_a_large_picture_that_is_bad_gives_its_place_back(batcher: Batcher, observed: Observed) -> None:
    with pytest.raises(DamagedPicture):
        await batcher.read(png(one(900))[:-40])
    assert observed.depth == 0


async def test_pictures_whose_caller_has_left_are_dropped(
    batcher: Batcher, busy: asyncio.Task[Answer], model: FakeModel, observed: Observed
) -> None:
    left = [asyncio.create_task(batcher.read(ONE)) for _ in range(5)]
    stays = asyncio.create_task(batcher.read(ZERO))
    await asyncio.sleep(0.01)
    for task in left:
        task.cancel()
    await asyncio.sleep(0.01)
    model.gate.set()
    assert (await stays).reading.digit == 0
    assert model.batches == [1, 1]
    assert observed.depth == 0


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), SystemExit(1)])
async def test_a_model_that_raises_fails_its_batch_and_lives_on(
    batcher: Batcher, model: FakeModel, error: BaseException
) -> None:
    model.error = error
    with pytest.raises(ModelFailed):
        await batcher.read(ONE)
    with pytest.raises(ModelFailed):
        await batcher.read_many([ONE, ZERO])
    model.error = None
    assert (await batcher.read(ONE)).reading.digit == 1


async def test_a_fault_while_preparing_fails_that_picture_alone(batcher: Batcher, reader: Reader) -> None:
    prepare = reader.prepare

    def faulty(picture: bytes | Grey) -> Prepared:
        if picture == ZERO:
            raise RuntimeError("a fault")
        return prepare(picture)

    reader.prepare = faulty  # type: ignore[method-assign]
    good, bad = await asyncio.gather(batcher.read(ONE), batcher.read(ZERO), return_exceptions=True)
    assert isinstance(good, Answer)
    assert isinstance(bad, ModelFailed)


async def test_closing_settles_who_waits(batcher: Batcher, busy: asyncio.Task[Answer], model: FakeModel) -> None:
    waiting = [asyncio.create_task(batcher.read(ONE)) for _ in range(3)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    await asyncio.sleep(0.01)
    model.gate.set()
    await closing
    assert isinstance((await asyncio.gather(*waiting, return_exceptions=True))[2], Draining)
    assert (await busy).reading.digit == 1
    with pytest.raises(Draining):
        await batcher.read(ONE)
    with pytest.raises(Draining):
        await batcher.probe(Prepared(np.zeros((28, 28), np.uint8), None, 0, 0))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_ends_settles_who_waits_and_takes_no_more(
    batcher: Batcher, busy: asyncio.Task[Answer], model: FakeModel, observed: Observed
) -> None:
    def fault(pictures: int) -> None:
        raise KeyboardInterrupt

    waiting = asyncio.create_task(batcher.read(ONE))
    await asyncio.sleep(0.01)
    observed.batch_taken = fault  # type: ignore[method-assign]
    model.gate.set()
    with pytest.raises(Draining):
        await waiting
    batcher._threads[0].join(5)
    with pytest.raises(Draining):
        await batcher.read(ONE)


async def test_two_loops_can_share_a_batcher(batcher: Batcher) -> None:
    other = asyncio.to_thread(lambda: asyncio.run(batcher.read(ZERO)))
    mine, theirs = await asyncio.gather(batcher.read(ONE), other)
    assert (mine.reading.digit, theirs.reading.digit) == (1, 0)


async def test_the_stages_add_up_to_the_whole_time(batcher: Batcher) -> None:
    started = time.perf_counter()
    answer = await batcher.read(ONE)
    whole = time.perf_counter() - started
    reading = answer.reading
    stages = reading.decode_seconds + reading.ink_seconds + reading.model_seconds + answer.queue_seconds
    assert 0 < stages <= whole
