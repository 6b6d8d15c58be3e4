"""What a load driver is asked to do, and what it counts."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

OK = 200


@dataclass(frozen=True)
class Question:
    """A whole request, and what a right answer's body holds."""

    request: bytes
    expected: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Job:
    """What to send where. `clients`: connections, in the open loop at most; `rate`: arrivals a second, None: closed loop."""

    port: int
    questions: tuple[Question, ...]
    clients: int
    seconds: float
    warm_up: float = 0.0
    rate: float | None = None
    patience: float = 30.0
    """Seconds that are waited for what is in flight at the end."""
    count: bytes | None = None
    """Answers are counted by the number that follows this in their bodies."""
    host: str = "127.0.0.1"


@dataclass
class Tally:
    """What came of a job. Of a closed loop, what was answered well during the warm-up or after the end is not in `times`."""

    seconds: float = 0.0
    times: dict[int, array[float]] = field(default_factory=dict)
    """Seconds from question to answer, by status."""
    sent: int = 0
    in_time: int = 0
    """Right answers between the warm-up and the end."""
    wrong: int = 0
    """Answers with status 200 that belong to another question."""
    resets: int = 0
    """Connections that ended while a question was in flight."""
    unanswered: int = 0
    refused: int = 0
    """Connections that could not be made; no question was sent on them."""
    dropped: int = 0
    """Arrivals of the open loop for which no connection was free."""
    counted: Counter[int] = field(default_factory=Counter)
    cpu_seconds: float = 0.0
    """Of the driver itself."""

    def answers(self, status: int = OK) -> int:
        """How many had this status."""
        return len(self.times.get(status, ()))

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return self.in_time / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        """Questions that were sent and not answered well."""
        others = sum(len(times) for status, times in self.times.items() if status != OK)
        return others + self.wrong + self.resets + self.unanswered
