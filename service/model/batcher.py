"""Micro-batching: callers' pictures, read together on the one thread that runs the model.

The thread takes what is waiting and never waits for more, so a lone picture is not delayed and a crowd is batched. The queue
is bounded in pictures and refuses at once when it is full. Every caller's future is settled, whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from service.errors import DigitsError, Draining, ModelFailed, Overloaded, PictureError
from service.model.cost import cost_of, is_small
from service.reading.reader import Reader
from service.reading.types import DigitReading, Grey, Prepared

log = logging.getLogger(__name__)

PUT_AWAY = "This version of the model is being put away."


class Observer(Protocol):
    """Told of what happens; called from the event loop and from the model's thread."""

    def queue_changed(self, pictures: int) -> None:
        """So many more wait, or fewer."""
        ...

    def batch_taken(self, pictures: int) -> None:
        """So many go through the model at once."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A reading, and how long the picture waited: all its time that was not decode, ink or model, in seconds."""

    reading: DigitReading
    queue_seconds: float


@dataclass(slots=True)
class _Entry:
    picture: bytes | Grey | Prepared
    explain: bool
    cost: int
    future: asyncio.Future[Answer]
    since: float


class Batcher:
    """Reads pictures with one version of the model. Closed by `close`; its thread starts at once."""

    def __init__(
        self, reader: Reader, *, max_queue: int, max_batch: int, observer: Observer, name: str = "model"
    ) -> None:
        self._reader = reader
        self._max_queue = max_queue
        self._max_batch = max_batch
        self._observer = observer
        self._entries: deque[_Entry] = deque()
        self._in_hand: list[_Entry] = []
        self._admitted = 0
        self._wakeup = threading.Condition(threading.Lock())
        self._closed = False
        self._pool = ThreadPoolExecutor(2, thread_name_prefix=f"{name}-decode")
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def read(self, picture: bytes | Grey, *, explain: bool = False) -> Answer:
        """Reads one picture. Raises `PictureError`, `Overloaded`, `Draining` or `ModelFailed`."""
        cost = cost_of(explain)
        self._admit(cost)
        return await self._submit(picture, explain, cost)

    async def probe(self, question: Prepared) -> Answer:
        """Asks the model through the queue that the callers' pictures take, however full it is. Raises as `read`."""
        return await self._submit(question, False, 0)

    async def read_many(
        self, pictures: Sequence[bytes | Grey | PictureError], *, explain: bool = False
    ) -> list[Answer | PictureError]:
        """Reads pictures in order; a bad one fails alone, one that is bad already is handed back. Raises as `read`."""
        cost = cost_of(explain)
        self._admit(cost * sum(not isinstance(picture, PictureError) for picture in pictures))
        waiting = [
            self._submit(picture, explain, cost) for picture in pictures if not isinstance(picture, PictureError)
        ]
        answers = iter(await asyncio.gather(*waiting, return_exceptions=True))
        results: list[Answer | PictureError] = []
        for picture in pictures:
            result = picture if isinstance(picture, PictureError) else next(answers)
            if isinstance(result, BaseException) and not isinstance(result, PictureError):
                raise result
            results.append(result)
        return results

    def close(self, timeout: float = 5.0) -> None:
        """Ends the thread after the batch it has; who still waits gets `Draining`."""
        with self._wakeup:
            self._closed = True
            self._wakeup.notify()
        self._thread.join(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _admit(self, cost: int) -> None:
        with self._wakeup:
            if self._closed:
                raise Draining(PUT_AWAY)
            # A request that is larger than the whole queue is let in when nobody waits: it could never be read otherwise.
            if self._admitted and self._admitted + cost > self._max_queue:
                raise Overloaded("Too many pictures are waiting to be read.")
            self._admitted += cost
        self._observer.queue_changed(cost)

    def _release(self, cost: int) -> None:
        with self._wakeup:
            self._admitted -= cost
        self._observer.queue_changed(-cost)

    def _submit(self, picture: bytes | Grey | Prepared, explain: bool, cost: int) -> asyncio.Future[Answer]:
        """Queues a picture that has been admitted; a large one is prepared first, beside the model's thread."""
        loop = asyncio.get_running_loop()
        if isinstance(picture, Prepared) or is_small(picture):
            entry = _Entry(picture, explain, cost, loop.create_future(), time.perf_counter())
            self._enqueue(entry)
            return entry.future
        return loop.create_task(self._read_large(picture, explain, cost))

    async def _read_large(self, picture: bytes | Grey, explain: bool, cost: int) -> Answer:
        loop = asyncio.get_running_loop()
        since = time.perf_counter()
        try:
            prepared = await loop.run_in_executor(self._pool, self._prepare, picture)
            if not isinstance(prepared, Prepared):
                raise prepared
        except BaseException:
            self._release(cost)
            raise
        entry = _Entry(prepared, explain, cost, loop.create_future(), since)
        self._enqueue(entry)
        return await entry.future

    def _enqueue(self, entry: _Entry) -> None:
        with self._wakeup:
            if self._thread.is_alive():
                self._entries.append(entry)
                self._wakeup.notify()
                return
        self._release(entry.cost)
        raise Draining(PUT_AWAY)

    # What follows runs on the model's thread.

    def _run(self) -> None:
        try:
            while batch := self._take():
                try:
                    outcomes = self._outcomes(batch)
                except BaseException:  # whatever it was, its callers must hear of it and the thread must live on
                    log.exception("reading a batch of %d failed", len(batch))
                    outcomes = [ModelFailed("The model failed.") for _ in batch]
                _deliver(batch, outcomes)
        finally:
            with self._wakeup:
                self._closed = True
                left = [*self._in_hand, *self._entries]
                self._entries.clear()
            _deliver(left, [Draining(PUT_AWAY) for _ in left])

    def _take(self) -> list[_Entry]:
        """What is waiting, up to a batch, without those whose caller has left; nothing when closed."""
        batch = self._in_hand = []
        size = released = 0
        with self._wakeup:
            while not batch and not self._closed:
                if not self._entries:
                    self._wakeup.wait()
                while self._entries and (not batch or size + self._entries[0].cost <= self._max_batch):
                    entry = self._entries.popleft()
                    released += entry.cost
                    if not entry.future.cancelled():
                        batch.append(entry)
                        size += entry.cost
            self._admitted -= released
        self._observer.queue_changed(-released)
        if batch:
            self._observer.batch_taken(size)
        return batch

    def _outcomes(self, batch: list[_Entry]) -> list[Answer | DigitsError]:
        prepared = [self._prepare(entry.picture) for entry in batch]
        good = [(entry, item) for entry, item in zip(batch, prepared, strict=True) if isinstance(item, Prepared)]
        readings = iter(self._reader.conclude([item for _, item in good], [entry.explain for entry, _ in good]))
        done = time.perf_counter()
        outcomes: list[Answer | DigitsError] = []
        for entry, item in zip(batch, prepared, strict=True):
            if isinstance(item, Prepared):
                reading = next(readings)
                busy = reading.decode_seconds + reading.ink_seconds + reading.model_seconds
                outcomes.append(Answer(reading, max(0.0, done - entry.since - busy)))
            else:
                outcomes.append(item)
        return outcomes

    def _prepare(self, picture: bytes | Grey | Prepared) -> Prepared | DigitsError:
        """Also runs in the pool, for large pictures."""
        if isinstance(picture, Prepared):
            return picture
        try:
            return self._reader.prepare(picture)
        except PictureError as error:
            return error
        except Exception:
            log.exception("preparing a picture failed")
            return ModelFailed("Preparing the picture failed.")


def _deliver(batch: Sequence[_Entry], outcomes: Sequence[Answer | DigitsError]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Answer], Answer | DigitsError]]] = {}
    for entry, outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(entry.future.get_loop(), []).append((entry.future, outcome))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: list[tuple[asyncio.Future[Answer], Answer | DigitsError]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, Answer):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
