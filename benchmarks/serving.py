"""What serving costs, and what the service does when it is pressed: `python -m benchmarks.serving`.

Starts the service and an empty endpoint on loopback, drives both with the same load, and prints requests a second, latencies,
CPU, memory and the ratio of the two. Without an option that names a part this takes about two minutes. The service's settings
are those of the environment. Linux; the machine ought to have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import figures, lifetime, overload, plots, questions, servers, throughput
from benchmarks.figures import Part
from benchmarks.load import Driver, driver
from benchmarks.processes import NotReady, many_files

CLIENTS = (1, 8, 32, 128)
OVERLOAD_SECONDS, CHANGES_SECONDS = 60.0, 30.0


def main(words: list[str] | None = None) -> int:
    """Prints the tables; exit status 1 where something failed or a part could not be measured."""
    options = _parser().parse_args(words)
    many_files()
    signal.signal(signal.SIGTERM, lambda sig, frame: sys.exit(128 + sig))  # so that the servers are ended, too
    print(", ".join(f"{name}: {value}" for name, value in figures.machine().items()), file=sys.stderr)
    done: list[Part] = []
    problems: list[str] = []
    with ExitStack() as stack:
        drive = stack.enter_context(driver())
        for name, measure in _parts(options).items():
            try:
                part = measure(drive)
            except (NotReady, questions.Unfit, OSError) as error:
                problems.append(f"{name}: {error}")
                continue
            done.append(part)
            problems += part.problems
            for table in part.tables:
                print(f"{table.markdown() if options.markdown else table.text()}\n", flush=True)
    if options.json:
        record = {"machine": figures.machine(), "workers": options.workers, "problems": problems}
        record |= {part.name: part.figures for part in done}
        options.json.write_text(json.dumps(figures.finite(record), indent=1) + "\n")
    if options.plot:
        rows = next((part.figures for part in done if part.name == "throughput"), None)
        if rows:
            plots.write(rows, options.plot)
        else:
            problems.append("--plot: there is no table to plot")
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if problems or not done else 0


def _parts(options: argparse.Namespace) -> dict[str, Callable[[Driver], Part]]:
    """What was asked for, in the order in which it is measured; the short table where no part was."""
    parts: dict[str, Callable[[Driver], Part]] = {}
    workers, seconds = options.workers, options.seconds
    named = options.overload or options.soak or options.start or options.changes
    if options.full or options.peers is not None or not named:
        large = options.clients if options.full else [min(8, max(options.clients))]
        encodings = questions.ENCODINGS
        cells = throughput.grid(options.sizes, encodings, options.clients, large)
        if not options.full:  # a megapixel of grey values as JSON is a matter of seconds
            cells = [cell for cell in cells if cell.encoding != "json" or cell.size == "28x28"]
        each = seconds or (8.0 if options.full else 3.0)
        peers = None if options.peers is None else {"naive": sys.executable, **dict(options.peers)}
        parts["throughput"] = lambda drive: throughput.run(drive, cells, each, workers, peers)
    if options.overload:
        cases = [case for case in overload.CASES if case.size in options.sizes]
        parts["overload"] = lambda drive: overload.run(drive, cases, seconds or OVERLOAD_SECONDS, workers)
    if options.start:
        parts["start"] = lambda drive: lifetime.start(workers)
    if options.changes:
        parts["changes"] = lambda drive: lifetime.changes(drive, seconds or CHANGES_SECONDS, workers)
    if options.soak:
        parts["soak"] = lambda drive: lifetime.soak(drive, options.soak, workers)
    return parts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.serving", description="Measures what serving costs.")
    parser.add_argument("--full", action="store_true", help="the whole table: every size with every number of clients")
    parser.add_argument(
        "--overload", action="store_true", help="open loop, 28x28 at twice and 1MP at ten times the peak"
    )
    parser.add_argument("--soak", type=_positive, metavar="MINUTES", help="full load for so long, and how memory grows")
    parser.add_argument("--start", action="store_true", help="readiness and idle memory beside importing TensorFlow")
    parser.add_argument(
        "--changes", action="store_true", help="a version published and rolled back, SIGTERM, under load"
    )
    parser.add_argument(
        "--peers", nargs="*", type=_peer, metavar="NAME_PYTHON=PATH",
        help=f"the table with peers, too ({', '.join(servers.PEERS)}): LITSERVE_PYTHON=PATH is the python of a virtual "
        "environment that has it, tensorflow and pillow; the naive app has this python if no other is given",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes of each server (default: 1)")
    parser.add_argument("--seconds", type=_positive, help="how long to measure each cell, or each part")
    parser.add_argument("--clients", type=_numbers, default=list(CLIENTS), metavar="N,…", help="default: 1,8,32,128")
    parser.add_argument("--sizes", type=_sizes, default=list(questions.SIZES), metavar="SIZE,…", help="default: all")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the table of 28x28 as a plot, SVG or PNG")
    return parser


def _positive(word: str) -> float:
    value = float(word)
    if not value > 0:
        raise ValueError(word)
    return value


def _numbers(word: str) -> list[int]:
    numbers = [int(part) for part in word.split(",")]
    if min(numbers) < 1:
        raise ValueError(word)
    return numbers


def _sizes(word: str) -> list[str]:
    sizes = word.split(",")
    if not set(sizes) <= set(questions.SIZES):
        raise argparse.ArgumentTypeError(f"sizes are {', '.join(questions.SIZES)}")
    return sizes


def _peer(word: str) -> tuple[str, str]:
    """`LITSERVE_PYTHON=path` as the peer's name and the path."""
    variable, _, python = word.partition("=")
    name = variable.removesuffix("_PYTHON").lower()
    if name not in servers.PEERS or not python:
        raise argparse.ArgumentTypeError(f"peers are {', '.join(f'{n.upper()}_PYTHON=PATH' for n in servers.PEERS)}")
    return name, python


if __name__ == "__main__":
    sys.exit(main())
