"""From the event loop to the model's threads: what came in one turn of the loop, at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from service.model.entries import Entry
from service.turn import Turn

GIVE_WAY_SECONDS = 0.005
"""How long the event loop waits, at most, for what it has handed over to be prepared."""


class Handover:
    """Gives entries to `enqueue` at the end of the loop's turn, and lets the thread that prepares them go first.

    Both are Python, which runs one thread at a time. OpenCV gives way to the loop at each of its calls; to be let in again would
    take it several times as long as its work.
    """

    def __init__(self, enqueue: Callable[[Entry], None]) -> None:
        self._enqueue = enqueue
        self._turn = Turn(self._end)
        self._prepared = threading.Event()
        self._waited_for = False

    def add(self, entry: Entry) -> None:
        """Takes an entry of this turn. Called from the loop of its future."""
        self._turn.add(entry)

    def begin(self) -> None:
        """A thread, one at a time, is about to wait for entries, or to prepare some."""
        self._waited_for = True

    def end(self) -> None:
        """It has prepared what was there."""
        self._waited_for = False
        self._prepared.set()

    def _end(self, entries: list[Entry]) -> None:
        self._prepared.clear()
        for entry in entries:
            self._enqueue(entry)
        if self._waited_for:  # else all threads are in the model, and there is nobody to wait for
            self._prepared.wait(GIVE_WAY_SECONDS)
