"""What is on its way through the model: what is kept of it, what comes of it, and how its caller is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import DigitsError
from service.reading.steps import Doubtful, Questions
from service.reading.texts import SecondOpinions
from service.reading.types import DigitReading, Grey, NumberReading, Prepared


@dataclass(frozen=True, slots=True)
class Answer:
    """A reading, and how long the picture waited: all its time that was not decode, ink or model, in seconds."""

    reading: DigitReading
    queue_seconds: float


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """The same of a number."""

    reading: NumberReading
    queue_seconds: float


def waited(reading: DigitReading | NumberReading, seconds: float) -> float:
    """The part of the `seconds` that a picture took in which nothing was done for it."""
    return max(0.0, seconds - reading.decode_seconds - reading.ink_seconds - reading.model_seconds)


@dataclass(frozen=True, slots=True)
class Second:
    """The model's opinions of `Doubtful`, and the seconds that it took over their batch."""

    opinions: SecondOpinions
    seconds: float


@dataclass(frozen=True, slots=True)
class Opinions:
    """The model's of `Questions`: float32 `[N, W / 2, 11]`, and the seconds that it took over their batch."""

    named: NDArray[np.float32]
    seconds: float


@dataclass(slots=True)
class Entry:
    """`cost`: how many pictures the model is asked about. `places`: how many in the queue are its own until it is taken.

    `future` is given an `Answer`, `Opinions` where `item` is `Questions`, and `Second` where it is `Doubtful`. `since`: when it
    came, by `time.perf_counter`.
    """

    item: bytes | Grey | Prepared | Questions | Doubtful
    explain: bool
    cost: int
    places: int
    future: asyncio.Future[Any]
    since: float


Outcome = Answer | Opinions | Second | DigitsError


def deliver(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
    """Settles the entries' futures, each on its own loop; called from the model's thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]] = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
        by_loop.setdefault(entry.future.get_loop(), []).append((entry.future, outcome))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: list[tuple[asyncio.Future[Any], Outcome]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, DigitsError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
