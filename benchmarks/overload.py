"""Open loop: more questions than the service can take, at a fixed rate, whatever it answers.

Its peak is measured first, in the closed loop, with so few clients that nobody is refused: whoever is asks again at once, which
would be an overload, too. An arrival for which no connection is free is dropped and counted: the number of connections is
bounded, as a load balancer bounds it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks import servers
from benchmarks.figures import Part, Table, milliseconds, number, percent, percentile, ratio
from benchmarks.jobs import OK, Job
from benchmarks.load import Driver
from benchmarks.processes import NotReady, Watch
from benchmarks.throughput import measure, primed

BUSY, FAULT = 503, 500
PEAK_SECONDS = 5.0
REST_SECONDS = 5.0


@dataclass(frozen=True)
class Overload:
    """How hard to press: `factor` times the peak, over at most so many connections. The peak is that of one of `peak_clients`."""

    size: str
    encoding: str
    factor: float
    connections: int
    peak_clients: tuple[int, ...]


CASES = (Overload("28x28", "multipart", 2.0, 8192, (16, 32, 64)), Overload("1MP", "multipart", 10.0, 2048, (2, 3, 4)))


@dataclass(frozen=True)
class Outcome:
    """What came of it. Times in seconds, from the question's arrival; `others`: answers that are neither 200, 500 nor 503."""

    size: str
    factor: float
    peak: float
    offered: float
    accepted: float
    share: float
    p99: float
    busy: int
    busy_median: float
    faults: int
    others: int
    resets: int
    unanswered: int
    refused: int
    dropped: int
    wrong: int
    before_mb: float
    peak_mb: float
    after_mb: float
    driver_cores: float


def press(driver: Driver, case: Overload, seconds: float, workers: int) -> Outcome:
    """Starts the service, finds its peak, presses it for so long and lets it rest."""
    with servers.service(workers) as server:
        asked = primed(server, case.size, case.encoding)
        tallies = [measure(driver, server, asked, count, PEAK_SECONDS)[0] for count in case.peak_clients]
        peak = max((tally.rate for tally in tallies if not tally.answers(BUSY)), default=0.0)
        if not peak:
            raise NotReady(f"{case.size}: even {min(case.peak_clients)} clients are refused in part")
        before = server.usage().resident_mb
        rate = case.factor * peak
        with Watch(server.pid) as watch:
            tally = driver.run(Job(server.port, asked, case.connections, seconds, rate=rate))
        time.sleep(min(REST_SECONDS, seconds))
        after = server.usage().resident_mb
    busy = tally.times.get(BUSY, ())
    others = sum(len(times) for status, times in tally.times.items() if status not in (OK, BUSY, FAULT))
    return Outcome(
        size=case.size, factor=case.factor, peak=peak, offered=rate, accepted=tally.rate,
        share=ratio(tally.rate, peak), p99=percentile(tally.times.get(OK, ()), 0.99),
        busy=len(busy), busy_median=percentile(busy, 0.5), faults=tally.answers(FAULT), others=others,
        resets=tally.resets, unanswered=tally.unanswered, refused=tally.refused, dropped=tally.dropped,
        wrong=tally.wrong, before_mb=before, peak_mb=watch.peak_mb, after_mb=after,
        driver_cores=tally.cpu_seconds / seconds,
    )  # fmt: skip


def run(driver: Driver, cases: Sequence[Overload], seconds: float, workers: int) -> Part:
    """Each case with a service of its own."""
    found = [press(driver, case, seconds, workers) for case in cases]
    problems = [
        f"overload, {o.size}: {o.faults} answers 500, {o.resets} resets, {o.unanswered} without an answer, {o.wrong} wrong"
        for o in found
        if o.faults or o.resets or o.unanswered or o.wrong
    ]
    return Part("overload", [table(found, seconds)], [asdict(outcome) for outcome in found], problems)


def table(found: Sequence[Outcome], seconds: float) -> Table:
    """A column for each case."""
    lines = {
        "peak without refusals, requests/s": lambda o: number(o.peak),
        "offered, requests/s": lambda o: number(o.offered),
        "answered 200, requests/s": lambda o: number(o.accepted),
        "share of the peak": lambda o: percent(o.share),
        "p99 of these, ms": lambda o: milliseconds(o.p99),
        "answered 503": lambda o: number(o.busy),
        "median time of the 503s, ms": lambda o: milliseconds(o.busy_median),
        "answered 500": lambda o: number(o.faults),
        "other answers": lambda o: number(o.others),
        "connections reset": lambda o: number(o.resets),
        "no answer": lambda o: number(o.unanswered),
        "connections refused": lambda o: number(o.refused),
        "arrivals without a free connection": lambda o: number(o.dropped),
        "answers to another question": lambda o: number(o.wrong),
        "memory before, MB": lambda o: number(o.before_mb),
        "at most": lambda o: number(o.peak_mb),
        "after": lambda o: number(o.after_mb),
        "cores that the driver took": lambda o: number(o.driver_cores, 2),
    }
    head = ("", *(f"{outcome.size}, {outcome.factor:g}×" for outcome in found))
    return Table(
        f"Overload, open loop, {seconds:g} s", head, [(name, *(map(say, found))) for name, say in lines.items()]
    )
