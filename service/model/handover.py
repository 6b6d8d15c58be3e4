"""From the event loop to the model's threads: what came in one turn of the loop, at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import numpy as np

from service.model.entries import Entry
from service.reading.reader import Reader
from service.turn import Turn

GIVE_WAY_SECONDS = 0.005
"""How long the event loop waits, at most, for what it has handed over to be taken and prepared."""
AT_ONCE = 32
"""So many pictures are looked at by the event loop before it does anything else."""
_CROWD = 3
"""Fewer pictures are prepared sooner each by itself."""

log = logging.getLogger(__name__)


class Handover:
    """Gives entries to `enqueue` at the end of the loop's turn.

    Both the loop and the model's threads are Python, which runs one at a time, and to be let in takes either several times as long
    as what it does for a small picture. So the loop prepares a crowd of clean ones by itself, and then lets a thread go first that
    takes them to the model, or prepares others.
    """

    def __init__(self, reader: Reader, enqueue: Callable[[Entry], None]) -> None:
        self._reader = reader
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
        now, later = entries[:AT_ONCE], entries[AT_ONCE:]
        if later:
            asyncio.get_running_loop().call_soon(self._end, later)
        self._prepare_clean(now)
        for entry in now:
            self._enqueue(entry)
        if self._waited_for:  # else all threads are in the model, and there is nobody to wait for
            self._prepared.wait(GIVE_WAY_SECONDS)

    def _prepare_clean(self, entries: list[Entry]) -> None:
        if len(entries) < _CROWD:
            return
        pictures = [entry.item for entry in entries if isinstance(entry.item, bytes | np.ndarray)]
        try:
            prepared = self._reader.prepare_clean(pictures)
        except Exception:  # one of them: a thread will prepare each by itself
            log.exception("preparing %d pictures together failed", len(pictures))
            return
        for entry, item in zip(entries, prepared, strict=True):
            if item is not None:
                entry.item = item
