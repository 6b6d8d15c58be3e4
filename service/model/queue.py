"""Who waits for the model's thread. The queue is bounded in pictures, and whoever comes to a full one is told at once."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from service.errors import Draining, Overloaded
from service.model.entries import Entry

PUT_AWAY = "This version of the model is being put away."


class Observer(Protocol):
    """Told of what happens; called from the event loop and from the model's thread."""

    def queue_changed(self, pictures: int) -> None:
        """So many more wait, or fewer."""
        ...

    def batch_taken(self, pictures: int) -> None:
        """So many go through the model at once."""
        ...


class Queue:
    """Entries in the order they came. A caller is admitted before its picture is prepared, and its entry is put in after that."""

    def __init__(self, max_pictures: int, observer: Observer) -> None:
        self._max_pictures = max_pictures
        self._observer = observer
        self._entries: deque[Entry] = deque()
        self._admitted = 0
        self._wakeup = threading.Condition(threading.Lock())
        self._closed = False

    def admit(self, places: int) -> None:
        """Takes so many places. Raises `Draining` or `Overloaded`."""
        with self._wakeup:
            if self._closed:
                raise Draining(PUT_AWAY)
            # A request that is larger than the whole queue is let in when nobody waits: it could never be read otherwise.
            if self._admitted and self._admitted + places > self._max_pictures:
                raise Overloaded("Too many pictures are waiting to be read.")
            self._admitted += places
        self._observer.queue_changed(places)

    def release(self, places: int) -> None:
        """Gives places back."""
        with self._wakeup:
            self._admitted -= places
        self._observer.queue_changed(-places)

    def put(self, entry: Entry, *, first: bool = False) -> bool:
        """Queues an entry whose places are taken, with `first` before all others; False when it is too late."""
        with self._wakeup:
            if self._closed:
                return False
            if first:
                self._entries.appendleft(entry)
            else:
                self._entries.append(entry)
            self._wakeup.notify()
        return True

    def take(self, room: int | None) -> Entry | None:
        """The next entry whose caller has not left, where it costs no more than `room`; None where there is no such.

        With `room` None any is taken, and waited for; there is none when the queue is closed.
        """
        with self._wakeup:
            while not self._closed:
                if self._entries and (room is None or self._entries[0].cost <= room):
                    entry = self._entries.popleft()
                    self._admitted -= entry.places
                    self._observer.queue_changed(-entry.places)
                    if not entry.future.cancelled():
                        return entry
                elif room is not None:
                    break
                else:
                    self._wakeup.wait()
        return None

    def close(self) -> None:
        """Lets nobody in and nothing out any more."""
        with self._wakeup:
            self._closed = True
            self._wakeup.notify()

    def clear(self) -> list[Entry]:
        """Closes it and hands out what was left in it."""
        with self._wakeup:
            self._closed = True
            left = list(self._entries)
            self._entries.clear()
        return left
