"""Micro-batching: callers' pictures, read together on the threads that run the model.

A thread takes what is waiting and never waits for more, so a lone picture is not delayed and a crowd is batched. One thread
reads all single digits: they take Python as long as they take the model, and threads that take turns at that only wait for each
other. It lets another go on where it has something that takes the model long. What may wait is bounded, and who comes when it is
too much is refused at once. Every caller's future is settled, whatever happens.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from service.errors import DigitsError, Draining, ModelFailed, PictureError
from service.model.batch import Batch
from service.model.cost import cost_of, effort_beside
from service.model.entries import Answer, Entry, NumberAnswer, deliver
from service.model.gate import DECODERS, Gate
from service.model.handover import Handover
from service.model.numbers import Numbers
from service.model.queue import PUT_AWAY, Observer, Queue
from service.reading.reader import Reader
from service.reading.steps import Doubtful, Questions
from service.reading.types import Grey, Prepared

log = logging.getLogger(__name__)

PREPARE_SECONDS = 0.02
"""How long the model may be kept from a batch by preparing small pictures; who is left over is in the next batch."""
FEW = 4
"""Entries: no more are not halved."""


class Batcher:
    """Reads pictures with one version of the model. Closed by `close`; its threads start at once."""

    def __init__(
        self,
        reader: Reader,
        gate: Gate,
        *,
        max_batch: int,
        observer: Observer,
        threads: int = 1,
        name: str = "model",
    ) -> None:
        self._reader = reader
        self._max_batch = max_batch
        self._observer = observer
        self._queue = Queue(gate, observer)
        self._handover = Handover(reader, self._enqueue)
        self._taking = threading.Lock()  # held by the thread that takes from the queue
        self._ended = 0.0  # the last batch
        self._last = 0  # how many entries it had
        self._pool = ThreadPoolExecutor(DECODERS, thread_name_prefix=f"{name}-decode")
        self._numbers = Numbers(reader, self._queue, self._pool, max_batch=max_batch, name=name)
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    async def read(self, picture: bytes | Grey, *, explain: bool = False) -> Answer:
        """Reads one picture. Raises `PictureError`, `Overloaded`, `Draining` or `ModelFailed`."""
        return await self.submit(picture, explain=explain)

    def submit(self, picture: bytes | Grey, *, explain: bool = False) -> asyncio.Future[Answer]:
        """The same for who has no task to wait in: raises `Overloaded` or `Draining`, all else the future does."""
        cost, effort = cost_of(explain), effort_beside(picture)
        self._queue.admit(cost, effort)
        return self._submit(picture, explain, cost, effort)

    async def probe(self, question: Prepared) -> Answer:
        """Asks the model what callers ask it, but before all who wait: load alone must not look like failure. Raises as `read`."""
        entry = self._entry(question, False, 0)
        self._enqueue(entry, first=True)
        answer: Answer = await entry.future
        return answer

    async def read_many(
        self, pictures: Sequence[bytes | Grey | PictureError], *, explain: bool = False
    ) -> list[Answer | PictureError]:
        """Reads pictures in order; a bad one fails alone, one that is bad already is handed back. Raises as `read`."""
        cost = cost_of(explain)
        good = [(picture, effort_beside(picture)) for picture in pictures if not isinstance(picture, PictureError)]
        self._queue.admit(cost * len(good), sum(effort for _, effort in good))
        waiting = [self._submit(picture, explain, cost, effort) for picture, effort in good]
        answers = iter(await asyncio.gather(*waiting, return_exceptions=True))
        results: list[Answer | PictureError] = []
        for picture in pictures:
            result = picture if isinstance(picture, PictureError) else next(answers)
            if isinstance(result, BaseException) and not isinstance(result, PictureError):
                raise result
            results.append(result)
        return results

    async def read_number(self, picture: bytes | Grey, *, explain: bool = False) -> NumberAnswer:
        """Reads a number of any length. Raises as `read`."""
        return await self._numbers.read(picture, explain)

    def close(self, timeout: float = 5.0) -> None:
        """Ends each thread after the batch it has; who still waits gets `Draining`."""
        self._queue.close()
        for thread in self._threads:
            thread.join(timeout / len(self._threads))
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._numbers.close()

    def _entry(self, picture: bytes | Grey | Prepared, explain: bool, cost: int) -> Entry:
        return Entry(picture, explain, cost, cost, asyncio.get_running_loop().create_future(), time.perf_counter())

    def _submit(self, picture: bytes | Grey, explain: bool, cost: int, effort: int) -> asyncio.Future[Answer]:
        """Queues a picture that has been admitted; a large one is prepared first, beside the model's thread. Never raises."""
        entry = self._entry(picture, explain, cost)
        loop, gate = entry.future.get_loop(), self._queue.gate
        deadline = loop.call_later(gate.deadline, self._expire, entry.future, effort > 0)
        entry.future.add_done_callback(lambda _: deadline.cancel())
        if not effort:
            self._handover.add(entry)
            return entry.future
        try:
            preparing = loop.run_in_executor(self._pool, self._prepare_large, picture, effort)
        except RuntimeError:  # the pool takes no more
            gate.spared(effort)
            self._refuse(entry, Draining(PUT_AWAY))
            return entry.future
        preparing.add_done_callback(lambda _: gate.spared(effort))
        preparing.add_done_callback(functools.partial(self._prepared, entry))
        entry.future.add_done_callback(lambda _: preparing.cancel())  # nobody waits for it: it need not begin
        return entry.future

    def _expire(self, future: asyncio.Future[Answer], large: bool) -> None:
        if not future.done():
            future.set_exception(self._queue.gate.overloaded("deadline", large))

    def _prepared(self, entry: Entry, preparing: asyncio.Future[Prepared | DigitsError]) -> None:
        item = Draining(PUT_AWAY) if preparing.cancelled() else preparing.result()
        if isinstance(item, Prepared):
            entry.item = item
            self._enqueue(entry)
        else:
            self._refuse(entry, item)

    def _enqueue(self, entry: Entry, *, first: bool = False) -> None:
        if not self._queue.put(entry, first=first):
            self._refuse(entry, Draining(PUT_AWAY))

    def _refuse(self, entry: Entry, error: DigitsError) -> None:
        self._queue.release(entry.places)
        if not entry.future.done():
            entry.future.set_exception(error)

    # What follows runs on the model's threads.

    def _run(self) -> None:
        batch = Batch()
        try:
            while True:
                with self._taking:
                    while self._take(batch) and not batch.is_long:
                        self._read(batch)
                        batch = Batch()
                if not batch.entries:  # it is closed
                    break
                self._read(batch)
                batch = Batch()
        finally:
            waiting = self._queue.clear()
            self._queue.release(sum(entry.places for entry in waiting))
            left = [*batch.entries, *waiting]
            deliver(left, [Draining(PUT_AWAY) for _ in left])

    def _read(self, batch: Batch) -> None:
        crowded = self._queue.length > 0
        try:
            outcomes = batch.read(self._reader)
        except BaseException:  # whatever it was, its callers must hear of it and the thread must live on
            log.exception("reading a batch of %d failed", len(batch.entries))
            outcomes = [ModelFailed("The model failed.") for _ in batch.entries]
        now = time.perf_counter()
        # In a crowd threads may work side by side: what counts is the time from batch to batch.
        since = max(batch.since, self._ended) if crowded else batch.since
        self._ended = now
        self._last = len(batch.entries)
        self._queue.gate.read(sum(entry.cost for entry in batch.entries), now - since, crowded=crowded)
        deliver(batch.entries, outcomes)

    def _take(self, batch: Batch) -> bool:
        """Puts what is waiting into it, prepared, up to `max_batch` and for `PREPARE_SECONDS`; False: it is closed.

        Of those who ask again and again, the last batch's and who waits now, it takes half at most: if it took all, the event loop
        would have nothing to do while the model has, and the model nothing while the loop has.
        """
        self._handover.begin()
        size, most = 0, 1
        until = float("inf")
        while len(batch.entries) < most and time.perf_counter() < until:
            entry = self._queue.take(self._max_batch - size if batch.entries else None)
            if entry is None:
                break
            if not batch.entries:
                batch.since = time.perf_counter()
                until = batch.since + PREPARE_SECONDS
                most = max(FEW, (1 + self._queue.length + self._last) // 2)
            batch.entries.append(entry)
            item = entry.item
            batch.items.append(item if isinstance(item, Questions | Doubtful) else self._prepare(item))
            size += entry.cost
        self._handover.end()
        if batch.entries:
            self._observer.batch_taken(size)
        return bool(batch.entries)

    def _prepare(self, picture: bytes | Grey | Prepared) -> Prepared | DigitsError:
        if isinstance(picture, Prepared):
            return picture
        try:
            return self._reader.prepare(picture)
        except PictureError as error:
            return error
        except BaseException:  # whatever it was, as above
            log.exception("preparing a picture failed")
            return ModelFailed("Preparing the picture failed.")

    def _prepare_large(self, picture: bytes | Grey, effort: int) -> Prepared | DigitsError:
        """Runs in the pool."""
        started = time.perf_counter()
        item = self._prepare(picture)
        if isinstance(item, Prepared):
            self._queue.gate.decoded(effort, time.perf_counter() - started)
        return item
