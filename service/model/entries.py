"""A picture on its way through the model: what is kept of it, what comes of it, and how its caller is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import DigitsError
from service.reading.types import DigitReading, Grey, Prepared


@dataclass(frozen=True, slots=True)
class Answer:
    """A reading, and how long the picture waited: all its time that was not decode, ink or model, in seconds."""

    reading: DigitReading
    queue_seconds: float


@dataclass(slots=True)
class Entry:
    """`cost`: how many pictures the model is asked about. `since`: when it came, by `time.perf_counter`."""

    picture: bytes | Grey | Prepared
    explain: bool
    cost: int
    future: asyncio.Future[Answer]
    since: float


def deliver(entries: Sequence[Entry], outcomes: Sequence[Answer | DigitsError]) -> None:
    """Settles the entries' futures, each on its own loop; called from the model's thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Answer], Answer | DigitsError]]] = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
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
