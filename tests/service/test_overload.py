"""More than can be read, from callers who do not wait for each other: what is let in is read as fast as ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from service.app import create_app
from service.errors import Overloaded
from service.model.batcher import Batcher
from service.model.entries import Answer
from service.model.gate import DECODERS, Gate
from service.reading.reader import Reader
from service.reading.types import Grey, Prepared, Thresholds
from service.settings import Settings
from tests.service.checks import RAW, Observed
from tests.service.conftest import until_loaded
from tests.service.fakes import ONE, ZERO, FakeModel, FloatArray, SlowModel, one, opener, png, zero
from tests.service.number_fakes import until_asked

pytestmark = pytest.mark.anyio

SMALL = {1: ONE, 0: ZERO}
LARGE = {1: png(one(900)), 0: png(zero(900))}
BATCH, BATCH_SECONDS, DECODE_SECONDS = 8, 0.02, 0.04
SMALL_PEAK, LARGE_PEAK = BATCH / BATCH_SECONDS, DECODERS / DECODE_SECONDS
SECONDS = 1.5
WAIT = 0.15


class Timed(FakeModel):
    """A batch takes its time, however many are in it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def __call__(self, images: NDArray[np.uint8], /) -> tuple[FloatArray, FloatArray]:
        started = time.perf_counter()
        time.sleep(BATCH_SECONDS)
        self.seconds += time.perf_counter() - started
        return super().__call__(images)


class Slow:
    """A batcher whose model and decoders take their time, without a processor being busy.

    The clock of the tests is what has been done: `model.batches` and `decoded`. A machine that is busy with other things slows
    it down as it does the callers.
    """

    def __init__(self, observed: Observed) -> None:
        self.model = Timed()
        reader = Reader(self.model.signatures, Thresholds(0.9, 0.5))
        self._prepared = {picture: reader.prepare(picture) for picture in (*SMALL.values(), *LARGE.values())}
        self.decoded: list[float] = []
        reader.prepare = self._prepare  # type: ignore[method-assign]
        self.gate = Gate(max_pictures=4096, max_wait=WAIT, standing_wait=WAIT, refused=observed.refused)
        self.batcher = Batcher(reader, self.gate, max_batch=BATCH, observer=observed)

    def _prepare(self, picture: bytes | Grey) -> Prepared:
        assert isinstance(picture, bytes)
        if "decode" in threading.current_thread().name:
            started = time.perf_counter()
            time.sleep(DECODE_SECONDS)
            self.decoded.append(time.perf_counter() - started)
        return self._prepared[picture]


class Load:
    """What became of one kind of callers. Their times are in batches, of large pictures in decoded ones."""

    def __init__(self, slow: Slow, done: list[Any]) -> None:
        self._slow = slow
        self._done = done
        self.accepted: list[int] = []
        self.refused: list[int] = []
        self.waits: list[int] = []
        self.wrong = 0

    async def ask(self, digit: int, picture: bytes) -> None:
        before = len(self._done)
        try:
            answer = await self._slow.batcher.read(picture)
        except Overloaded as error:
            self.refused.append(len(self._done) - before)
            self.waits.append(error.retry_after)
        else:
            self.accepted.append(len(self._done) - before)
            self.wrong += answer.reading.digit != digit

    def check(self, longest: float, least: int = 20) -> None:
        """All were answered, each with its own answer; those let in soon and the others at once."""
        assert len(self.accepted) >= least
        assert self.wrong == 0
        assert np.percentile(self.accepted, 99) <= longest
        assert np.median(self.refused) == 0
        assert set(self.waits) == {1}


async def offer(rate: float, pictures: dict[int, bytes], ask: Callable[[int, bytes], Any]) -> None:
    """Asks at this rate, whatever comes of it, and waits for all answers."""
    started = time.perf_counter()
    asked: list[asyncio.Task[None]] = []
    while (passed := time.perf_counter() - started) < SECONDS:
        while len(asked) < passed * rate:
            digit = len(asked) % 2
            asked.append(asyncio.create_task(ask(digit, pictures[digit])))
        await asyncio.sleep(0.004)
    async with asyncio.timeout(10):
        await asyncio.gather(*asked)


@pytest.fixture
async def slow(observed: Observed) -> AsyncIterator[Slow]:
    slow = Slow(observed)
    await slow.batcher.read_many([ONE] * 8 * BATCH)  # it knows how fast it is
    await slow.batcher.read_many([LARGE[1]] * 8)
    slow.model.batches.clear()
    slow.model.seconds = 0
    slow.decoded.clear()
    yield slow
    assert slow.gate.in_hand == (0, 0, 0)
    assert observed.depth == 0
    assert set(observed.reasons) <= {"wait"}
    slow.batcher.close()


async def test_small_pictures_at_twice_what_can_be_read(slow: Slow) -> None:
    load = Load(slow, slow.model.batches)
    started = time.perf_counter()
    await offer(2 * SMALL_PEAK, SMALL, load.ask)
    seconds = time.perf_counter() - started
    load.check(2 * WAIT / BATCH_SECONDS)  # it would be some 35 batches, did nobody refuse anybody
    assert slow.model.seconds >= 0.6 * seconds, "the model had always something to do"
    assert np.mean(slow.model.batches) >= 0.85 * BATCH


async def test_large_pictures_at_ten_times_what_can_be_decoded(slow: Slow) -> None:
    load = Load(slow, slow.decoded)
    started = time.perf_counter()
    await offer(10 * LARGE_PEAK, LARGE, load.ask)
    seconds = time.perf_counter() - started
    load.check(2 * WAIT / DECODE_SECONDS * DECODERS)
    assert sum(slow.decoded) >= 0.6 * DECODERS * seconds, "the decoders had always something to do"


async def test_neither_keeps_the_other_out(slow: Slow) -> None:
    small, large = Load(slow, slow.model.batches), Load(slow, slow.decoded)
    await asyncio.gather(offer(2 * SMALL_PEAK, SMALL, small.ask), offer(10 * LARGE_PEAK, LARGE, large.ask))
    small.check(2 * WAIT / BATCH_SECONDS)
    large.check(2 * WAIT / DECODE_SECONDS * DECODERS, least=5)  # `test_gate_load.py` has the exact share


async def test_a_large_picture_keeps_its_turn_while_it_is_decoded(slow: Slow) -> None:
    done: list[str] = []

    async def read(name: str, picture: bytes) -> None:
        await slow.batcher.read(picture)
        done.append(name)

    first = [asyncio.create_task(read("first", ONE)) for _ in range(4 * BATCH)]
    await asyncio.sleep(0)
    large = asyncio.create_task(read("large", LARGE[1]))
    await asyncio.sleep(0)
    later = [asyncio.create_task(read("later", ONE)) for _ in range(2 * BATCH)]
    await asyncio.gather(*first, large, *later)
    assert done.index("large") < done.index("later") + BATCH, "it is in the first batch of those who came after it"


async def test_over_http_all_are_answered_and_nothing_is_left(published: Path) -> None:
    settings = Settings(artifacts=published, max_batch=4, max_queue_bytes=100_000)
    app = create_app(settings, open_model=opener(SlowModel(0.05)))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with app.state.digits.registry.using() as model:
            gate: Gate = model.batcher._queue.gate
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:

            async def ask(number: int) -> int:
                await asyncio.sleep(number * 0.004)
                digit = number % 2
                answer = await client.post("/v1/digit", content=SMALL[digit], headers=RAW)
                assert answer.status_code == 503 or answer.json()["digit"] == digit
                return answer.status_code

            async with asyncio.timeout(30):
                given = Counter(await asyncio.gather(*(ask(number) for number in range(250))))
            assert set(given) == {200, 503}
            assert given[200] >= 20
            assert gate.in_hand == (0, 0, 0)
            answer = await client.post("/v1/digit", content=ONE, headers=RAW)
            assert answer.status_code == 200


async def test_what_has_waited_too_long_costs_nothing(observed: Observed) -> None:
    model = FakeModel()
    reader = Reader(model.signatures, Thresholds(0.9, 0.5))
    gate = Gate(max_pictures=100, deadline=0.1, refused=observed.refused)
    batcher = Batcher(reader, gate, max_batch=4, observer=observed)
    model.gate.clear()
    callers: list[asyncio.Task[Any]] = [asyncio.create_task(batcher.read(ONE))]
    await until_asked(model)
    callers += [asyncio.create_task(batcher.read(ZERO)) for _ in range(6)]
    callers += [asyncio.create_task(batcher.read_number(ONE))]
    async with asyncio.timeout(5):
        results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [Overloaded] * 8
    model.gate.set()
    assert isinstance(await batcher.read(ONE), Answer)
    assert model.batches == [1, 1], "none of those who had waited too long"
    assert observed.reasons == ["deadline"] * 8
    assert observed.depth == 0
    assert batcher._queue.gate.in_hand == (0, 0, 0)
    batcher.close()
