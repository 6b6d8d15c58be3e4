"""Drives an HTTP server with many keep-alive connections, and checks every answer. Runs in a process of its own.

Closed loop: each client asks again as soon as it is answered. Open loop: questions arrive at a fixed rate, whatever the server
does; a question's time counts from its arrival. The client is as little as HTTP/1.1 allows: requests are bytes made beforehand,
of an answer only the status, `Content-Length` and `Connection` are read.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from array import array
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from typing import Any, cast

from benchmarks.jobs import OK, Job, Question, Tally
from benchmarks.processes import many_files

_TICK = 0.001


class _Connection(asyncio.Protocol):
    """One connection with at most one question in flight."""

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._received = bytearray()
        self._end = -1  # of the answer, once its head is there
        self._body = 0
        self.question: Question | None = None
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, question: Question, at: float) -> None:
        self.question, self.asked_at = question, at
        self._driver.tally.sent += 1
        self._transport.write(question.request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if self._end < 0:
            head = received.find(b"\r\n\r\n")
            if head < 0:
                return
            fields = bytes(received[:head]).lower()
            length = fields.find(b"\r\ncontent-length:")
            if length < 0:  # chunked, which no answer here is
                self.close()
                return
            self._status = int(fields[9:12])
            self._last = b"\r\nconnection: close" in fields
            self._body = head + 4
            self._end = self._body + int(fields[length + 17 :].split(b"\r\n", 1)[0])
        if len(received) < self._end or self.question is None:
            return
        body = bytes(received[self._body : self._end])
        question, self.question = self.question, None
        del received[: self._end]
        self._end = -1
        self._driver.answered(self, question, self._status, body)
        if self._last:
            self.close()
        else:
            self._driver.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._driver.lost(self)


class _Driver:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.tally = Tally(seconds=job.seconds)
        self._questions = cycle(job.questions)
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin = self._end = 0.0
        self._arriving = job.rate is not None
        self._over = asyncio.Event()

    @property
    def _asking(self) -> bool:
        return self._arriving if self.job.rate is not None else time.perf_counter() < self._end

    async def run(self) -> Tally:
        started = time.process_time()
        self._begin = time.perf_counter() + self.job.warm_up
        self._end = self._begin + self.job.seconds
        if self.job.rate is None:
            for _ in range(self.job.clients):
                self._start(self._connect())
        else:
            await self._arrive(self.job.rate)
            self._arriving = False
            for connection in self._idle:
                connection.close()
            self._look()
        try:
            await asyncio.wait_for(self._over.wait(), max(0.0, self._end - time.perf_counter()) + self.job.patience)
        except TimeoutError:
            self.tally.unanswered = sum(connection.question is not None for connection in self._open)
        for connection in self._open:
            connection.question = None
            connection.close()
        self.tally.cpu_seconds = time.process_time() - started
        return self.tally

    async def _arrive(self, rate: float) -> None:
        begin = time.perf_counter()
        arrived, total = 0, int(rate * (self.job.warm_up + self.job.seconds))
        while arrived < total:
            due = min(total, int((time.perf_counter() - begin) * rate) + 1)
            for number in range(arrived, due):
                self._arrived(begin + number / rate)
            arrived = due
            await asyncio.sleep(_TICK)

    def _arrived(self, at: float) -> None:
        if self._idle:
            self._idle.pop().ask(next(self._questions), at)
        elif len(self._open) + self._opening < self.job.clients:
            self._start(self._connect(at))
        else:
            self.tally.dropped += 1

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._opening += 1
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, at: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), self.job.host, self.job.port)
        except OSError:
            self.tally.refused += 1
        else:
            self._open.add(connection)
            connection.ask(next(self._questions), time.perf_counter() if at is None else at)
        self._opening -= 1
        self._look()

    def answered(self, connection: _Connection, question: Question, status: int, body: bytes) -> None:
        now, tally = time.perf_counter(), self.tally
        right = status == OK and all(part in body for part in question.expected)
        tally.wrong += status == OK and not right
        in_time = self._begin <= now <= self._end
        tally.in_time += right and in_time
        if right and not in_time and self.job.rate is None:
            return
        tally.times.setdefault(status, array("d")).append(now - connection.asked_at)
        if self.job.count is not None and right:
            _, _, rest = body.partition(self.job.count)
            digits = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
            tally.counted[int(digits or -1)] += 1

    def free(self, connection: _Connection) -> None:
        if not self._asking:
            connection.close()
        elif self.job.rate is None:
            connection.ask(next(self._questions), time.perf_counter())
        else:
            self._idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.question is not None:
            self.tally.resets += 1
        if self.job.rate is None and self._asking:
            self._start(self._connect())
        self._look()

    def _look(self) -> None:
        """Whether this is the end: nobody is connected any more, and in the open loop no one is to come."""
        if not self._arriving and not self._open and not self._opening:
            self._over.set()


def drive(job: Job) -> Tally:
    """Runs the job here and now. Blocks."""
    many_files()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Driver(job).run())


class Driver:
    """Drives in a process of its own, so that whoever measures can do so meanwhile."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def start(self, job: Job) -> Future[Tally]:
        return self._pool.submit(drive, job)

    def run(self, job: Job) -> Tally:
        return self.start(job).result()


@contextmanager
def driver() -> Iterator[Driver]:
    """A driver's process, warm."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(many_files).result()
        yield Driver(pool)
