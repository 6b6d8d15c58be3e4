"""What goes through the model at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from service.errors import DigitsError
from service.model.entries import Answer, Entry, Opinions, Outcome, Second, waited
from service.reading.reader import Reader
from service.reading.steps import Doubtful, Questions
from service.reading.types import Prepared

Item = Prepared | Questions | Doubtful | DigitsError


@dataclass(slots=True)
class Batch:
    """`items`: what the entries hold, prepared, one for each. `since`: when the first was taken, by `time.perf_counter`."""

    entries: list[Entry] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    since: float = 0.0

    @property
    def is_long(self) -> bool:
        """Whether there is more in it than single digits: parts of a number, or an explanation."""
        return any(entry.cost > 1 for entry in self.entries)

    def read(self, reader: Reader) -> list[Outcome]:
        """What comes of each entry."""
        pairs = list(zip(self.entries, self.items, strict=True))
        good = [(entry, item) for entry, item in pairs if isinstance(item, Prepared)]
        readings = iter(reader.conclude([item for _, item in good], [entry.explain for entry, _ in good]))
        opinions = iter(_opinions(reader, [item for item in self.items if isinstance(item, Questions)]))
        done = time.perf_counter()
        outcomes: list[Outcome] = []
        for entry, item in pairs:
            if isinstance(item, Prepared):
                reading = next(readings)
                outcomes.append(Answer(reading, waited(reading, done - entry.since)))
            elif isinstance(item, Questions):
                outcomes.append(next(opinions))
            elif isinstance(item, Doubtful):
                outcomes.append(_second(reader, item))
            else:
                outcomes.append(item)
        return outcomes


def _opinions(reader: Reader, asked: Sequence[Questions]) -> list[Opinions]:
    """The model's of all of them at once."""
    if not asked:
        return []
    started = time.perf_counter()
    named = reader.name_columns(np.concatenate([questions.tiles for questions in asked]))
    seconds = time.perf_counter() - started
    ends = np.cumsum([len(questions.tiles) for questions in asked])[:-1]
    return [Opinions(part, seconds) for part in np.split(named, ends)]


def _second(reader: Reader, asked: Doubtful) -> Second:
    started = time.perf_counter()
    opinions = reader.second_opinions(asked.pictures)
    return Second(opinions, time.perf_counter() - started)
