"""Sends the service requests that were spoilt in every way: `python -m benchmarks.fuzz [--requests N] [--seed N]`.

Pictures of every format, forms, JSON and HTTP itself, over several connections. Every answer is checked: no 5xx but 503, within two
seconds, errors as `application/problem+json` that tell nothing of the inside; and in the end the service lives, and its memory is
what it was. The service's settings are those of the environment. Exit status 1: something was wrong; `--keep` has the requests.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.figures import Table, machine, number
from benchmarks.fuzz_cases import BOMB, HTTP, KINDS, Case, case, good
from benchmarks.fuzz_check import fault
from benchmarks.garbage import peak_mb
from benchmarks.jobs import OK
from benchmarks.processes import NotReady, Server, answers
from benchmarks.servers import service
from benchmarks.wire import Closed, Garbled, Silent, Wire
from service.model.gate import DECODERS

CLIENTS = 4
MAX_GROWTH_MB = 64.0
"""By which memory may have grown in the end."""
PICTURE_MB = 800.0
"""What a picture may take while it is decoded: 16 bytes for each of 50 megapixels, see docs/settings.md."""
SETTINGS = {
    "DIGITS_REQUEST_SECONDS": "1",  # what never becomes whole has to be answered in time, too
    # The C library gives back at once what was freed, so that what is measured is what the service holds.
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}
BUSY = 503
TRIES = 5
"""How often a request is sent that is answered `BUSY`: a refusal says nothing of what was sent."""
_SHOWN = 20
CLOSED = 0
"""Stands for a status where a connection was closed without an answer, as it may be where there was no HTTP."""


@dataclass
class Outcome:
    """What came of a run. `answers`: how many by kind and status; `faults`: in words."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    sent: int = 0
    seconds: float = 0.0


class Run:
    """Sends requests to a port, each client over a connection of its own; `keep`: a folder for those with a bad answer."""

    def __init__(self, port: int, keep: Path | None = None) -> None:
        self.outcome = Outcome()
        self._port, self._keep = port, keep
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def all(self, seed: int, requests: int, clients: int = CLIENTS, seconds: float = float("inf")) -> Outcome:
        """So many requests, or as many as there is time for; ends early where nobody listens any more."""
        numbers, begun = count(), time.perf_counter()

        def client() -> None:
            wire = Wire(self._port)
            try:
                while not self._stop.is_set() and time.perf_counter() - begun < seconds:
                    with self._lock:
                        at = next(numbers)
                    if at >= requests:
                        return
                    self.ask(wire, case(seed, at))
            finally:
                wire.close()

        with ThreadPoolExecutor(clients) as pool:
            for done in [pool.submit(client) for _ in range(clients)]:
                done.result()
        self.outcome.seconds = time.perf_counter() - begun
        return self.outcome

    def ask(self, wire: Wire, asked: Case) -> None:
        """Asks, again where the service is busy, and takes down what came of it."""
        for _ in range(TRIES):
            status, wait, wrong = self._once(wire, asked)
            if wrong or status != BUSY:
                break
            time.sleep(min(wait, 1.0))
        with self._lock:
            self.outcome.sent += 1
            if wrong:
                self.outcome.faults.append(f"{asked.name}: {wrong}")
        if wrong and self._keep:
            self._keep.mkdir(parents=True, exist_ok=True)
            (self._keep / f"{asked.name}.http").write_bytes(asked.request)

    def _once(self, wire: Wire, asked: Case) -> tuple[int, float, str | None]:
        """The status, the seconds to wait where it is `BUSY`, and what is wrong."""
        status, seconds, wait, wrong = CLOSED, 0.0, 0.0, None
        if (
            asked.kind == HTTP
        ):  # what is left of it on its connection might be taken for a part of the next, and of the last
            wire.close()
        try:
            answer = wire.ask(asked.request)
            status, seconds = answer.status, answer.seconds
            wrong = fault(asked, answer)
            wait = float(answer.headers["retry-after"]) if status == BUSY and not wrong else 0.0
        except Closed as error:
            wrong = f"no answer: {error}" if asked.http else None
        except Silent as error:
            wrong = f"no answer: {error}"
        except Garbled as error:
            wrong = f"no HTTP: {error}" if asked.http else None
        except OSError as error:
            wrong = f"no connection: {error}"
            self._stop.set()
        if asked.kind == HTTP:
            wire.close()
        with self._lock:
            self.outcome.answers[asked.kind, status] += 1
            self.outcome.slowest[asked.kind] = max(self.outcome.slowest.get(asked.kind, 0.0), seconds)
        return status, wait, wrong


def table(outcome: Outcome) -> Table:
    """How many answers of each kind had which status, and the slowest."""
    statuses = sorted({status for _, status in outcome.answers} - {CLOSED})
    head = ("", "answers", *map(str, statuses), "closed", "slowest, s")
    rows = []
    for kind in (*KINDS, "all"):
        found = {
            s: sum(n for (k, t), n in outcome.answers.items() if t == s and kind in (k, "all"))
            for s in (*statuses, CLOSED)
        }
        if total := sum(found.values()):
            slowest = max(outcome.slowest.values()) if kind == "all" else outcome.slowest[kind]
            rows.append((kind, *(number(value) for value in (total, *found.values())), number(slowest, 2)))
    return Table(f"{number(outcome.sent)} requests in {outcome.seconds:.0f} s", head, rows)


def memory(server: Server, idle: float) -> tuple[str, list[str]]:
    """A line about the server's memory, and what is wrong with it. `idle`: MB before."""
    peak, after = peak_mb(server.pid), server.usage().resident_mb
    wrong = []
    if after > idle + MAX_GROWTH_MB:
        wrong.append(f"memory has grown by {after - idle:.0f} MB; {MAX_GROWTH_MB:.0f} are allowed")
    if peak > idle + MAX_GROWTH_MB + DECODERS * PICTURE_MB:
        wrong.append(f"the peak of memory is {peak:.0f} MB")
    return f"memory in MB: {idle:.0f} before, {peak:.0f} at the peak, {after:.0f} after", wrong


def replay(server: Server, files: list[Path]) -> None:
    """Sends kept requests again, each by itself, and prints what is answered."""
    for file in files:
        run, kind = Run(server.port), file.stem.partition("-")[2]
        run.ask(Wire(server.port), Case(0, kind, file.read_bytes(), refused=kind == BOMB, http=kind != HTTP))
        statuses = ", ".join(str(status) for _, status in run.outcome.answers)
        print(f"{file.name}: {statuses}; {number(run.outcome.slowest[kind], 2)} s; {run.outcome.faults or 'good'}")


def measure(server: Server, options: argparse.Namespace) -> Outcome:
    """The whole run, and what it has left of the server. Prints the table."""
    wire = Wire(server.port)
    for request in good() * 2:  # what is loaded and made at first use belongs to the memory before
        wire.ask(request)
    wire.close()
    idle = server.usage().resident_mb
    outcome = Run(server.port, options.keep).all(options.seed, options.requests, options.clients, options.seconds_limit)
    shown = table(outcome)
    print(shown.markdown() if options.markdown else shown.text())
    if server.process.poll() is not None or answers(server.port, "/readyz") != OK:
        outcome.faults.append("the service is not ready any more")
    else:
        line, wrong = memory(server, idle)
        outcome.faults += wrong
        print(f"\n{line}")
    return outcome


def main(words: list[str] | None = None) -> int:
    """Prints the table; exit status 1 where something was wrong."""
    parser = argparse.ArgumentParser("python -m benchmarks.fuzz", description="Sends the service spoilt requests.")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same requests")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds-limit", type=float, default=float("inf"), help="send no more after so long")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="requests with bad answers are written there")
    parser.add_argument(
        "--replay", type=Path, nargs="+", metavar="FILE", help="send such requests again, and no others"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args(words)
    print(", ".join(f"{name}: {value}" for name, value in machine().items()), file=sys.stderr)
    try:
        with service(settings=SETTINGS) as server:
            if options.replay:
                replay(server, options.replay)
                return 0
            outcome = measure(server, options)
    except NotReady as error:
        print(f"problem: {error}", file=sys.stderr)
        return 1
    for each in outcome.faults[:_SHOWN]:
        print(f"problem: {each}")
    print(f"\n{len(outcome.faults)} problems with {number(outcome.sent)} requests")
    return 1 if outcome.faults or not outcome.sent else 0


if __name__ == "__main__":
    sys.exit(main())
