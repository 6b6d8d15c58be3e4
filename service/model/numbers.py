"""Numbers: pages with any number of digits, on their way through the same queue and model as single digits.

A page may be shown to the model in hundreds of tiles. They are entries of the queue of a bounded size, one after another, so that
others' pictures get in between; so are the digits that are looked at once more. All else happens in pools of threads, never on the
thread that runs the model.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.errors import Draining, ModelFailed, PictureError
from service.model.cost import effort_of
from service.model.entries import Entry, NumberAnswer, Opinions, Second, waited
from service.model.queue import PUT_AWAY, Queue
from service.reading.numbers import WORKING_SIZE, PreparedNumber
from service.reading.reader import Reader
from service.reading.steps import Doubtful, Questions, step
from service.reading.texts import SecondOpinions
from service.reading.types import Grey, NumberReading

log = logging.getLogger(__name__)

TILE_COST = 16
"""How many single digits the model could read in the time that a tile takes it, about."""
NUMBER_PLACES = 64
"""Places in the queue that a number holds until it is read, and what an entry of it costs at most."""

LARGEST_PAGE = WORKING_SIZE * WORKING_SIZE
BYTES_OF_A_PIXEL = 10
"""Of a page that has been prepared: grey, ink, and its lines, and the same of the sheet in it, and of what has been turned."""

T = TypeVar("T")


class Numbers:
    """Reads numbers; made and closed by a `Batcher`."""

    def __init__(
        self, reader: Reader, queue: Queue, pool: ThreadPoolExecutor, *, max_batch: int, name: str = "model"
    ) -> None:
        self._reader = reader
        self._queue = queue
        self._chunk = max(1, min(NUMBER_PLACES, max_batch) // TILE_COST)
        self._pool = pool
        # In the other pool what is nearly done would wait for all that has not begun.
        self._conclusions = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-conclude")

    async def read(self, picture: bytes | Grey, explain: bool) -> NumberAnswer:
        """Raises `PictureError`, `NoNumbers`, `Overloaded`, `Draining` or `ModelFailed`. Nothing more is begun when the caller
        leaves."""
        self._reader.lines()
        started = time.perf_counter()
        effort = effort_of(picture)
        self._queue.admit(NUMBER_PLACES, effort)
        deadline = asyncio.timeout(self._queue.gate.deadline)
        try:
            async with deadline:
                reading = await self._read(picture, effort, explain)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise self._queue.gate.overloaded("deadline", large=True) from None
        finally:
            self._queue.release(NUMBER_PLACES)
        return NumberAnswer(reading, waited(reading, time.perf_counter() - started))

    def close(self) -> None:
        """Who is not concluded yet gets `Draining`."""
        self._conclusions.shutdown(wait=False, cancel_futures=True)

    async def _read(self, picture: bytes | Grey, effort: int, explain: bool) -> NumberReading:
        gate = self._queue.gate
        try:
            prepared = await _beside(self._pool, functools.partial(self._prepare, picture, effort))
        finally:
            gate.spared(effort)
        size = min(effort, LARGEST_PAGE) * BYTES_OF_A_PIXEL + prepared.questions.nbytes
        gate.let_go(-size)
        try:
            steps = self._reader.number_steps(picture, prepared, explain=explain)
            seconds = 0.0
            asked = await _beside(self._conclusions, functools.partial(step, steps))
            while not isinstance(asked, NumberReading):
                answer, taken = await (
                    self._ask(asked.tiles) if isinstance(asked, Questions) else self._ask_alone(asked.pictures)
                )
                seconds += taken
                asked = await _beside(self._conclusions, functools.partial(step, steps, answer))
            return replace(asked, model_seconds=seconds)
        finally:
            gate.let_go(size)

    def _prepare(self, picture: bytes | Grey, effort: int) -> PreparedNumber:
        """Runs in the pool."""
        started = time.perf_counter()
        prepared = self._reader.prepare_number(picture)
        self._queue.gate.decoded(effort, time.perf_counter() - started)
        return prepared

    async def _ask(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """The model's answers to uint8 `[N, 32, W]`, and its seconds. The next entry is queued when the one before is answered."""
        named: list[NDArray[np.float32]] = []
        seconds = 0.0
        for start in range(0, len(tiles), self._chunk):
            questions = Questions(tiles[start : start + self._chunk])
            opinions: Opinions = await self._queued(questions, TILE_COST * len(questions.tiles))
            named.append(opinions.named)
            seconds += opinions.seconds
        return np.concatenate(named), seconds

    async def _ask_alone(self, doubtful: NDArray[np.uint8]) -> tuple[SecondOpinions, float]:
        """The same of single digits, uint8 `[M, 28, 28]`."""
        given: list[SecondOpinions] = []
        seconds = 0.0
        for start in range(0, len(doubtful), NUMBER_PLACES):
            item = Doubtful(doubtful[start : start + NUMBER_PLACES])
            second: Second = await self._queued(item, len(item.pictures))
            given.append(second.opinions)
            seconds += second.seconds
        return SecondOpinions(
            np.concatenate([each.probabilities for each in given]),
            np.concatenate([each.digit_probability for each in given]),
        ), seconds

    async def _queued(self, item: Questions | Doubtful, cost: int) -> Any:
        """What the model's thread makes of it."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self._queue.put(Entry(item, False, cost, 0, future, time.perf_counter())):
            raise Draining(PUT_AWAY)
        return await future


async def _beside(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Does the work in the pool. Raises what it raises, `ModelFailed` for a fault of ours, `Draining` when the pool is closed."""
    try:
        working = asyncio.get_running_loop().run_in_executor(pool, _guarded, work)
    except RuntimeError:  # the pool takes no more
        raise Draining(PUT_AWAY) from None
    try:
        await asyncio.wait([working])
    finally:
        working.cancel()  # the caller has left: it need not begin
    if working.cancelled():  # by the pool, which is closed
        raise Draining(PUT_AWAY)
    return working.result()


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except PictureError:
        raise
    except BaseException:  # whatever it was, its caller must hear of it and the loop must live on
        log.exception("reading a number failed")
        raise ModelFailed("Reading the number failed.") from None
