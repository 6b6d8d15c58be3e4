"""Who waits for the model's thread, in the order that they came, wherever they were meanwhile. `Gate` says who may."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from typing import Protocol

from service.errors import Draining
from service.model.entries import Entry
from service.model.gate import Gate, Reason

PUT_AWAY = "This version of the model is being put away."


class Observer(Protocol):
    """Told of what happens; called from the event loop and from the model's thread."""

    def queue_changed(self, pictures: int) -> None:
        """So many more wait, or fewer."""
        ...

    def batch_taken(self, pictures: int) -> None:
        """So many go through the model at once."""
        ...

    def refused(self, reason: Reason) -> None:
        """A request was refused or dropped, for overload."""
        ...


class Queue:
    """Entries by the time that their callers came: a large picture does not lose its turn while it is decoded.

    A caller is admitted before its picture is prepared, and its entry is put in after that.
    """

    def __init__(self, gate: Gate, observer: Observer) -> None:
        self.gate = gate
        self._observer = observer
        self._entries: list[tuple[float, int, Entry]] = []
        self._number = itertools.count()
        self._wakeup = threading.Condition(threading.Lock())
        self._closed = False

    def admit(self, places: int, effort: int = 0) -> None:
        """Takes so many places, and so much of the decoders. Raises `Draining` or `Overloaded`."""
        if self._closed:
            raise Draining(PUT_AWAY)
        self.gate.enter(places, effort)
        self._observer.queue_changed(places)

    def release(self, places: int) -> None:
        """Gives places back."""
        self.gate.leave(places)
        self._observer.queue_changed(-places)

    def put(self, entry: Entry, *, first: bool = False) -> bool:
        """Queues an entry whose places are taken, with `first` before all others; False when it is too late."""
        with self._wakeup:
            if self._closed:
                return False
            heapq.heappush(self._entries, (-math.inf if first else entry.since, next(self._number), entry))
            self._wakeup.notify()
        return True

    def take(self, room: int | None) -> Entry | None:
        """The next entry that is still waited for, where it costs no more than `room`; None where there is no such.

        Whoever has left or has waited too long is passed over. With `room` None any is taken, and waited for; there is none
        when the queue is closed.
        """
        with self._wakeup:
            while not self._closed:
                if self._entries and (room is None or self._entries[0][2].cost <= room):
                    entry = heapq.heappop(self._entries)[2]
                    if not entry.future.done():
                        self.gate.taken(entry.places)
                        self._observer.queue_changed(-entry.places)
                        return entry
                    self.release(entry.places)
                elif room is not None:
                    break
                else:
                    self._wakeup.wait()
        return None

    @property
    def length(self) -> int:
        """How many entries wait in it."""
        return len(self._entries)

    def close(self) -> None:
        """Lets nobody in and nothing out any more."""
        with self._wakeup:
            self._closed = True
            self._wakeup.notify_all()

    def clear(self) -> list[Entry]:
        """Closes it and hands out what was left in it."""
        with self._wakeup:
            self._closed = True
            left = [entry for _, _, entry in sorted(self._entries, key=lambda item: item[:2])]
            self._entries.clear()
        return left
