"""Micro-batching: callers' pictures, read together on the one thread that runs the model.

The thread takes what is waiting and never waits for more, so a lone picture is not delayed and a crowd is batched. The queue
is bounded in pictures and refuses at once when it is full. Every caller's future is settled, whatever happens.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from service.errors import DigitsError, Draining, ModelFailed, Overloaded, PictureError
from service.model.cost import cost_of, is_small
from service.model.entries import Answer, Entry, deliver
from service.reading.reader import Reader
from service.reading.types import Grey, Prepared

log = logging.getLogger(__name__)

PUT_AWAY = "This version of the model is being put away."
PREPARE_SECONDS = 0.02
"""How long the model may be kept from a batch by preparing small pictures; who is left over is in the next batch."""


class Observer(Protocol):
    """Told of what happens; called from the event loop and from the model's thread."""

    def queue_changed(self, pictures: int) -> None:
        """So many more wait, or fewer."""
        ...

    def batch_taken(self, pictures: int) -> None:
        """So many go through the model at once."""
        ...


class Batcher:
    """Reads pictures with one version of the model. Closed by `close`; its thread starts at once."""

    def __init__(
        self, reader: Reader, *, max_queue: int, max_batch: int, observer: Observer, name: str = "model"
    ) -> None:
        self._reader = reader
        self._max_queue = max_queue
        self._max_batch = max_batch
        self._observer = observer
        self._entries: deque[Entry] = deque()
        self._in_hand: list[Entry] = []
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
        """Asks the model what callers ask it, but before all who wait: load alone must not look like failure. Raises as `read`."""
        entry = self._entry(question, False, 0)
        self._enqueue(entry, first=True)
        return await entry.future

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

    def _entry(self, picture: bytes | Grey | Prepared, explain: bool, cost: int) -> Entry:
        return Entry(picture, explain, cost, asyncio.get_running_loop().create_future(), time.perf_counter())

    def _submit(self, picture: bytes | Grey, explain: bool, cost: int) -> asyncio.Future[Answer]:
        """Queues a picture that has been admitted; a large one is prepared first, beside the model's thread. Never raises."""
        entry = self._entry(picture, explain, cost)
        if is_small(picture):
            self._enqueue(entry)
            return entry.future
        try:
            preparing = asyncio.get_running_loop().run_in_executor(self._pool, self._prepare, picture)
        except RuntimeError:  # the pool takes no more
            self._refuse(entry, Draining(PUT_AWAY))
            return entry.future
        preparing.add_done_callback(functools.partial(self._prepared, entry))
        entry.future.add_done_callback(lambda _: preparing.cancel())  # the caller has left: it need not begin
        return entry.future

    def _prepared(self, entry: Entry, preparing: asyncio.Future[Prepared | DigitsError]) -> None:
        item = Draining(PUT_AWAY) if preparing.cancelled() else preparing.result()
        if isinstance(item, Prepared):
            entry.picture = item
            self._enqueue(entry)
        else:
            self._refuse(entry, item)

    def _enqueue(self, entry: Entry, *, first: bool = False) -> None:
        with self._wakeup:
            if not self._closed:
                if first:
                    self._entries.appendleft(entry)
                else:
                    self._entries.append(entry)
                self._wakeup.notify()
                return
        self._refuse(entry, Draining(PUT_AWAY))

    def _refuse(self, entry: Entry, error: DigitsError) -> None:
        self._release(entry.cost)
        if not entry.future.done():
            entry.future.set_exception(error)

    # What follows runs on the model's thread.

    def _run(self) -> None:
        try:
            while batch := self._take():
                try:
                    outcomes = self._outcomes(batch)
                except BaseException:  # whatever it was, its callers must hear of it and the thread must live on
                    log.exception("reading a batch of %d failed", len(batch))
                    outcomes = [ModelFailed("The model failed.") for _ in batch]
                deliver([entry for entry, _ in batch], outcomes)
        finally:
            with self._wakeup:
                self._closed = True
                left = [*self._in_hand, *self._entries]
                self._entries.clear()
            deliver(left, [Draining(PUT_AWAY) for _ in left])

    def _take(self) -> list[tuple[Entry, Prepared | DigitsError]]:
        """What is waiting, prepared, up to a batch and for `PREPARE_SECONDS`; nothing when closed."""
        self._in_hand = []
        batch: list[tuple[Entry, Prepared | DigitsError]] = []
        size = 0
        until = float("inf")
        while time.perf_counter() < until and (entry := self._next(size)) is not None:
            if not batch:
                until = time.perf_counter() + PREPARE_SECONDS
            batch.append((entry, self._prepare(entry.picture)))
            size += entry.cost
        if batch:
            self._observer.batch_taken(size)
        return batch

    def _next(self, size: int) -> Entry | None:
        """The next for a batch of `size`, without those whose caller has left; waits for the first, and for no other."""
        with self._wakeup:
            while not self._closed:
                if self._entries and (not self._in_hand or size + self._entries[0].cost <= self._max_batch):
                    entry = self._entries.popleft()
                    self._admitted -= entry.cost
                    self._observer.queue_changed(-entry.cost)
                    if not entry.future.cancelled():
                        self._in_hand.append(entry)
                        return entry
                elif self._in_hand:
                    break
                else:
                    self._wakeup.wait()
        return None

    def _outcomes(self, batch: list[tuple[Entry, Prepared | DigitsError]]) -> list[Answer | DigitsError]:
        good = [(entry, item) for entry, item in batch if isinstance(item, Prepared)]
        readings = iter(self._reader.conclude([item for _, item in good], [entry.explain for entry, _ in good]))
        done = time.perf_counter()
        outcomes: list[Answer | DigitsError] = []
        for entry, item in batch:
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
        except BaseException:  # whatever it was, as above
            log.exception("preparing a picture failed")
            return ModelFailed("Preparing the picture failed.")
