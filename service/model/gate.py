"""Who is let in. One gate for all that a process reads, whatever the version: they share its memory and its processors.

What waits is bounded in pictures, in bytes and in time. How long a newcomer would wait is estimated from what waits for the
model's thread and for the pool that decodes large pictures, and from how fast both have been lately. Each has an estimate of its
own, so that large pictures are refused for what large ones cost and small ones go on, and the other way round. How long the wait
may be is for `Patience` to say.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

from service.errors import Overloaded
from service.model.pace import Pace
from service.model.patience import Patience

Reason = Literal["pictures", "bytes", "wait", "deadline"]

DECODERS = 2
"""Threads that prepare large pictures."""

AT_HAND = 1.25
"""The wait, in portions of the usual time, for which nobody is refused: one is in work, and the next is ready after it."""

_WHY: dict[Reason, str] = {
    "pictures": "Too many pictures are waiting to be read.",
    "bytes": "The pictures that are waiting to be read have too many bytes.",
    "wait": "The wait would be too long.",
    "deadline": "The wait was too long.",
}

LOADED_SECONDS = 1.0
"""After a version is loaded: for so long the model's pace may still be the one that was measured meanwhile."""


class Gate:
    """Counts what is in hand and refuses what would be too much. Safe to share between threads.

    `max_wait`, of a burst, `standing_wait` and `deadline` in seconds. `refused` is told of each request that is refused, or
    dropped, for overload. Until something has been measured a picture counts as 0.3 ms of the model's thread, and a megapixel
    as 30 ms of a decoder.
    """

    def __init__(
        self,
        *,
        max_pictures: int,
        max_bytes: float = math.inf,
        max_wait: float = math.inf,
        standing_wait: float = math.inf,
        deadline: float = 10.0,
        refused: Callable[[Reason], None] = lambda reason: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.max_pictures = max_pictures
        self.deadline = deadline
        self._max_bytes = max_bytes
        self._door_patience = Patience(max_wait, standing_wait)
        self._model_patience = Patience(max_wait, standing_wait)
        self._decoder_patience = Patience(max_wait, standing_wait)
        self._refused = refused
        self._clock = clock
        self._lock = threading.Lock()
        self._pictures = 0
        self._bytes = 0
        self._effort = 0
        self._model = Pace(0.0003)
        self._decoder = Pace(30e-9)
        self._busy_until = -math.inf
        self._loading = 0
        self._loaded_at = -math.inf

    @property
    def in_hand(self) -> tuple[int, int, int]:
        """Pictures and bytes that wait, and the decoders' effort that is not done yet."""
        return self._pictures, self._bytes, self._effort

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """While a version is loaded, which takes its time from the one that serves: a queue may be as long as a burst's then.

        And for `LOADED_SECONDS` after that, until the model's pace is measured anew.
        """
        with self._lock:
            self._loading += 1
        try:
            yield
        finally:
            with self._lock:
                self._loading -= 1
                self._loaded_at = self._clock()

    def check(self, length: int = 0, *, large: bool = False, late: float = 0.0) -> None:
        """Raises `Overloaded` where a request would be refused, judged by the `length` of its body in bytes.

        `large`: it needs a decoder. `late`: how many seconds it has waited already.
        """
        with self._lock:
            reason = self._reason(1, large, self._door_patience, late)
            if reason is None and self._bytes and self._bytes + length > self._max_bytes:
                reason = "bytes"
        if reason is not None:
            raise self.overloaded(reason, large)

    def enter(self, places: int, effort: int = 0) -> None:
        """Takes places for so many pictures, and decoders for so much effort. Raises `Overloaded`."""
        with self._lock:
            reason = self._reason(places, effort > 0, self._model_patience)
            if reason is None:
                self._pictures += places
                self._effort += effort
        if reason is not None:
            raise self.overloaded(reason, effort > 0)

    def leave(self, places: int) -> None:
        """Gives places back."""
        with self._lock:
            self._pictures -= places

    def taken(self, places: int) -> None:
        """The model's thread has taken so many pictures in hand."""
        with self._lock:
            self._pictures -= places
            self._busy_until = max(self._busy_until, self._clock()) + places * self._model.seconds

    def read(self, pictures: int, seconds: float, *, crowded: bool) -> None:
        """The model's thread is done with a batch. `crowded`: it left others waiting, so it was as large as they get."""
        with self._lock:
            self._busy_until = -math.inf
            note = self._model.note if crowded else self._model.note_alone
            note(pictures, seconds)

    def decoded(self, effort: int, seconds: float) -> None:
        """So much effort took a decoder so long."""
        with self._lock:
            self._decoder.note(effort, seconds)

    def spared(self, effort: int) -> None:
        """So much effort is over: it was made, or will not be."""
        with self._lock:
            self._effort -= effort

    def hold(self, size: int, own: int = 0) -> None:
        """Counts bytes that have come for a request that holds `own` already. Raises `Overloaded`, and does not count them then.

        A request that is larger than the whole budget is let in when nobody else holds anything.
        """
        with self._lock:
            full = self._bytes > own and self._bytes + size > self._max_bytes
            if not full:
                self._bytes += size
        if full:
            raise self.overloaded("bytes")

    def let_go(self, size: int) -> None:
        """Counts bytes out; less than none counts them in, whatever there is."""
        with self._lock:
            self._bytes -= size

    def overloaded(self, reason: Reason, large: bool = False) -> Overloaded:
        """The error for whoever is refused or dropped, which is counted here. It says when the wait will be over.

        That is after the `deadline` at the latest, however long the estimate: what is in hand now is read or dropped by then.
        """
        self._refused(reason)
        with self._lock:
            seconds = min(self._wait(large), self.deadline)
        return Overloaded(_WHY[reason], max(1, math.ceil(seconds)))

    # What follows is called with the lock held.

    def _reason(self, places: int, large: bool, patience: Patience, late: float = 0.0) -> Reason | None:
        # Who comes when nobody waits is let in, however much it is and however slow the model was: it could never be read
        # otherwise, and nobody would learn that the model is fast again.
        if self._pictures and self._pictures + places > self.max_pictures:
            return "pictures"
        now = self._clock()
        wait = late + (self._model_wait() if self._pictures else 0.0)
        if patience.refuses(now, wait, self._least(self._model, now)):
            return "wait"
        if large and self._decoder_patience.refuses(now, self._decoder_wait(), self._least(self._decoder, now)):
            return "wait"
        return None

    def _least(self, pace: Pace, now: float) -> float:
        """The wait for which nobody is refused."""
        loading = self._loading or now - self._loaded_at < LOADED_SECONDS
        return math.inf if loading else AT_HAND * pace.portion

    def _wait(self, large: bool) -> float:
        """Seconds that a newcomer would wait. A large picture keeps its turn while it is decoded, so it waits for the slower
        of both and not for one after the other."""
        return max(self._model_wait(), self._decoder_wait()) if large else self._model_wait()

    def _model_wait(self) -> float:
        return max(0.0, self._busy_until - self._clock()) + self._pictures * self._model.seconds

    def _decoder_wait(self) -> float:
        return self._effort * self._decoder.seconds / DECODERS
