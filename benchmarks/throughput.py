"""Closed loop: the service, the empty endpoint and any peers under the same load, cell after cell, side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks import questions, servers
from benchmarks.figures import Part, Table, milliseconds, number, percentile, ratio
from benchmarks.jobs import OK, Job, Question, Tally
from benchmarks.load import Driver
from benchmarks.processes import NotReady, Server

WARM_UP = 0.3
"""As a share of the seconds that are measured."""


@dataclass(frozen=True)
class Cell:
    """What is asked: the size and the encoding of the pictures, and how many clients ask."""

    size: str
    encoding: str
    clients: int


@dataclass(frozen=True)
class Row:
    """What a server made of it. `cores`: processors that it kept busy;
    `cpu_each`: CPU seconds a request; `ratio`: of its rate to the empty endpoint's."""

    server: str
    size: str
    encoding: str
    clients: int
    rate: float
    p50: float
    p99: float
    cores: float
    cpu_each: float
    resident_mb: float
    failed: int
    driver_cores: float
    ratio: float


@dataclass(frozen=True)
class Target:
    """A server, and its questions by size and encoding."""

    server: Server
    questions: Mapping[tuple[str, str], tuple[Question, ...]]


def grid(sizes: Sequence[str], encodings: Sequence[str], clients: Sequence[int], large: Sequence[int]) -> list[Cell]:
    """The cells; pictures larger than the smallest are asked for by `large` clients."""
    kinds = [
        (size, encoding) for size in sizes for encoding in encodings if (encoding, size) not in questions.NOT_TAKEN
    ]
    return [Cell(*kind, count) for kind in kinds for count in (clients if kind[0] == "28x28" else large)]


def primed(server: Server, size: str, encoding: str) -> tuple[Question, ...]:
    """The service's questions, checked. Raises `Unfit`."""
    return questions.primed(server.port, size, questions.requests(size, encoding, servers.PATHS[encoding]))


def measure(
    driver: Driver, server: Server, asked: tuple[Question, ...], clients: int, seconds: float
) -> tuple[Tally, float]:
    """Drives the server in the closed loop: what came of it, and the CPU seconds that it took."""
    warm_up = seconds * WARM_UP
    before = server.usage().cpu_seconds
    tally = driver.run(Job(server.port, asked, clients, seconds, warm_up))
    return tally, server.usage().cpu_seconds - before


def row(target: Target, cell: Cell, driver: Driver, seconds: float, whole: float | None = None) -> Row:
    """Measures one cell; `whole`: the empty endpoint's rate, where this is not it."""
    asked = target.questions[cell.size, cell.encoding]
    tally, cpu = measure(driver, target.server, asked, cell.clients, seconds)
    times = tally.times.get(OK, ())
    return Row(
        target.server.name, cell.size, cell.encoding, cell.clients, tally.rate,
        percentile(times, 0.5), percentile(times, 0.99), cpu / (seconds * (1 + WARM_UP)), ratio(cpu, tally.sent),
        target.server.usage().resident_mb, tally.failed,
        tally.cpu_seconds / (seconds * (1 + WARM_UP)), ratio(tally.rate, tally.rate if whole is None else whole),
    )  # fmt: skip


def run(driver: Driver, cells: Sequence[Cell], seconds: float, workers: int, peers: Mapping[str, str] | None) -> Part:
    """Measures every cell. The servers are asked in turn, so that what slows the machine slows all."""
    problems: list[str] = []
    with ExitStack() as stack:
        service = stack.enter_context(servers.service(workers))
        kinds = list(dict.fromkeys((cell.size, cell.encoding) for cell in cells))
        ours = Target(service, {kind: primed(service, *kind) for kind in kinds})
        first = ours.questions[kinds[0]][0].request
        answer_bytes = len(questions.ask(service.port, first)[1])
        empty = Target(
            stack.enter_context(servers.empty_endpoint(answer_bytes, workers)),
            {
                (size, encoding): tuple(
                    map(Question, questions.requests(size, encoding, servers.EMPTY_PATHS[encoding]))
                )
                for size, encoding in kinds
            },
        )
        others = [] if peers is None else list(_peers(stack, peers, workers, problems))
        every = [ours, empty, *others]
        rows = []
        for cell in cells:
            whole = _alone(empty, every, cell, driver, seconds)
            rows += [_alone(ours, every, cell, driver, seconds, whole.rate), whole]
            rows += [
                _alone(other, every, cell, driver, seconds, whole.rate)
                for other in others
                if (cell.size, cell.encoding) in other.questions
            ]
            print(f"{cell.size} {cell.encoding} {cell.clients}: {rows[-1].rate:.0f} /s", file=sys.stderr)
    problems += [f"{r.server}, {r.size} {r.encoding}, {r.clients} clients: {r.failed} failed" for r in rows if r.failed]
    return Part("throughput", tables(rows, workers), [asdict(found) for found in rows], problems)


def _alone(
    target: Target, every: Sequence[Target], cell: Cell, driver: Driver, seconds: float, whole: float | None = None
) -> Row:
    """As `row`, while all the others are stopped."""
    with ExitStack() as stack:
        for other in every:
            if other is not target:
                stack.enter_context(other.server.stopped())
        return row(target, cell, driver, seconds, whole)


def _peers(stack: ExitStack, peers: Mapping[str, str], workers: int, problems: list[str]) -> Iterator[Target]:
    """The peers that can be run; they are asked for small pictures in forms, the one thing that all of them take."""
    for name, peer in servers.PEERS.items():
        python = peers.get(name)
        if python is None:
            print(f"{name} is not measured: give {name.upper()}_PYTHON=PATH to --peers", file=sys.stderr)
            continue
        reason = servers.missing(peer, python)
        if reason is None:
            try:
                server = stack.enter_context(servers.peer(peer, python, workers))
                sent = questions.requests("28x28", "multipart", peer.path, peer.field)
                yield Target(server, {("28x28", "multipart"): questions.primed(server.port, "28x28", sent)})
            except (NotReady, questions.Unfit) as error:
                reason = str(error)
        if reason is not None:
            problems.append(f"{name} is not measured: {reason}")


def tables(rows: Sequence[Row], workers: int) -> list[Table]:
    """A table for each size and encoding."""
    head = (
        "clients",
        "server",
        "requests/s",
        "of the empty",
        "p50 ms",
        "p99 ms",
        "cores",
        "CPU ms each",
        "MB",
        "failed",
    )
    found: dict[str, list[tuple[str, ...]]] = {}
    for r in rows:
        title = f"{r.size}, {r.encoding}, {workers} worker{'s' if workers > 1 else ''}"
        found.setdefault(title, []).append(
            (
                str(r.clients), r.server, number(r.rate, 0 if r.rate >= 100 else 1), number(r.ratio, 2),
                milliseconds(r.p50), milliseconds(r.p99), number(r.cores, 2), milliseconds(r.cpu_each),
                number(r.resident_mb), str(r.failed),
            )
        )  # fmt: skip
    return [Table(title, head, cells) for title, cells in found.items()]
