"""Counting what happens thousands of times a second: it is noted, and counted some at once, in a fraction of the time."""

from __future__ import annotations

import contextlib
import logging
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import prometheus_client

log = logging.getLogger(__name__)

LOT = 64

T = TypeVar("T")


class Lot(Generic[T]):
    """Has `count` count what is noted, `LOT` at once or whatever there is. Safe to share between threads."""

    def __init__(self, count: Callable[[list[T]], None]) -> None:
        self._count = count
        self._noted: deque[T] = deque()

    def note(self, item: T) -> None:
        """Takes one more."""
        self._noted.append(item)
        if len(self._noted) >= LOT:
            self.count()

    def count(self) -> None:
        """Counts what has been noted so far."""
        items: list[T] = []
        with contextlib.suppress(IndexError):  # another thread counts, too
            items.extend(self._noted.popleft() for _ in range(len(self._noted)))
        if items:
            with logged():
                self._count(items)


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """What goes wrong within, such as a full disk with several workers, is logged and no more: whoever serves must live on."""
    try:
        yield
    except Exception:
        log.exception("a metric was not counted")


class Histogram(prometheus_client.Histogram):
    """The library's, which can take several observations at once."""

    def observe_many(self, amounts: Sequence[float]) -> None:
        """As `observe` does for each of them."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]
        self._sum.inc(sum(amounts))
        for index, count in Counter(bisect_left(self._upper_bounds, amount) for amount in amounts).items():
            self._buckets[index].inc(count)
