"""What a service does over time: its start, hours of load, a new version and a way back under load, and its end under load."""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import questions, servers
from benchmarks.figures import Part, Table, number, percent
from benchmarks.jobs import Job, Tally
from benchmarks.load import Driver
from benchmarks.processes import Server, Usage, Watch, usage
from benchmarks.throughput import primed
from service.model.artifact import CHECKSUMS, MANIFEST
from service.model.folder import DEFAULT

CLIENTS = 32
SETTLED_SECONDS = 60.0
_VERSION = b'"version":'
_IMPORT = "import tensorflow, sys; print('imported', flush=True); sys.stdin.read()"


@dataclass(frozen=True)
class Start:
    """Medians of several starts."""

    name: str
    ready_seconds: float
    resident_mb: float
    cpu_seconds: float


def start(workers: int, repeats: int = 3) -> Part:
    """Readiness and idle memory: the service, a process that only imports TensorFlow, and the empty endpoint, in turn."""
    found: dict[str, list[tuple[float, Usage]]] = {}
    for _ in range(repeats):
        for name, take in _STARTS.items():
            found.setdefault(name, []).append(take(workers))
    starts = [
        Start(
            name,
            statistics.median(seconds for seconds, _ in taken),
            statistics.median(used.resident_mb for _, used in taken),
            statistics.median(used.cpu_seconds for _, used in taken),
        )
        for name, taken in found.items()
    ]
    head = ("", "ready after, s", "resident, idle, MB", "CPU until then, s")
    rows = [(s.name, number(s.ready_seconds, 2), number(s.resident_mb), number(s.cpu_seconds, 2)) for s in starts]
    table = Table(f"Start, medians of {repeats}, {workers} worker(s)", head, rows)
    return Part("start", [table], [asdict(one) for one in starts])


def _service(workers: int) -> tuple[float, Usage]:
    with servers.service(workers) as server:
        return server.ready_seconds, server.usage()


def _empty(workers: int) -> tuple[float, Usage]:
    with servers.empty_endpoint(400, workers) as server:
        return server.ready_seconds, server.usage()


def _import(workers: int) -> tuple[float, Usage]:
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _IMPORT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("error: TensorFlow cannot be imported")
        seconds, used = time.perf_counter() - begun, usage(process.pid)
        process.stdin.close()
    return seconds, used


_STARTS: dict[str, Callable[[int], tuple[float, Usage]]] = {
    "service": _service,
    "import tensorflow": _import,
    "empty endpoint": _empty,
}


def growth(samples: list[tuple[float, float]], settled: float) -> tuple[float, float]:
    """Resident MB once `settled` seconds are over and at the end, each the median of ten samples or as many as there are."""
    later = [mb for seconds, mb in samples if seconds >= settled] or [mb for _, mb in samples]
    return statistics.median(later[:10]), statistics.median(later[-10:])


def soak(driver: Driver, minutes: float, workers: int) -> Part:
    """Full load for so long: how memory grows after the first minute, or after a quarter of a shorter time."""
    seconds = minutes * 60
    settled = min(SETTLED_SECONDS, seconds / 4)
    with servers.service(workers) as server:
        asked = primed(server, "28x28", "multipart")
        idle = server.usage().resident_mb
        with Watch(server.pid, min(1.0, settled / 10)) as watch:
            tally = driver.run(Job(server.port, asked, CLIENTS, seconds))
    early, late = growth(watch.samples, settled)
    figures = {
        "minutes": minutes, "rate": tally.rate, "answered": tally.in_time, "failed": tally.failed, "idle_mb": idle,
        "early_mb": early, "late_mb": late, "growth": late / early - 1, "peak_mb": watch.peak_mb,
        "samples": watch.samples,
    }  # fmt: skip
    rows = [
        ("answered", number(tally.in_time)), ("requests/s", number(tally.rate)), ("failed", number(tally.failed)),
        ("memory before, MB", number(idle)), (f"after {settled:.0f} s", number(early, 1)), ("at the end", number(late, 1)),
        ("growth between these", percent(late / early - 1)), ("at most, MB", number(watch.peak_mb, 1)),
    ]  # fmt: skip
    table = Table(f"Soak, {minutes:g} minutes, {CLIENTS} clients, 28x28 multipart", ("", "service"), rows)
    return Part("soak", [table], [figures], [f"soak: {tally.failed} failed"] if tally.failed else [])


def changes(driver: Driver, seconds: float, workers: int) -> Part:
    """A version published and rolled back under load, then SIGTERM under load: what failed."""
    with TemporaryDirectory(prefix="digits-versions-") as temporary:
        root = Path(temporary)
        first, second = republished(servers.artifact(), root, 1), republished(servers.artifact(), root, 2, hidden=True)
        settings = {
            "DIGITS_ARTIFACTS": temporary,
            "DIGITS_RELOAD_SECONDS": "0.2",
            "DIGITS_VERSION": "",
            "DIGITS_DIGEST": "",
        }
        with servers.service(workers, settings) as server:
            asked = primed(server, "28x28", "multipart")
            load = driver.start(Job(server.port, asked, CLIENTS, seconds, count=_VERSION))
            time.sleep(seconds / 6)
            second.rename(root / "2")
            taken = _until(server, 2, seconds)
            time.sleep(seconds / 6)
            (root / DEFAULT).write_text(first.name)
            back = _until(server, 1, seconds)
            published = load.result()
            load = driver.start(Job(server.port, asked, CLIENTS, seconds / 3, count=_VERSION))
            time.sleep(seconds / 6)
            server.process.terminate()
            ended = load.result()
    problems = (
        [] if taken and back else ["changes: the versions did not change while there was load; give it --seconds"]
    )
    runs = {"published and rolled back": published, "SIGTERM": ended}
    problems += [f"{name}: {tally.failed} failed" for name, tally in runs.items() if tally.failed]
    head = ("under load", "sent", "by version 1", "by version 2", "failed", "of these resets", "refused at the end")
    rows = [
        (
            name, number(t.sent), number(t.counted[1]), number(t.counted[2]), number(t.failed), number(t.resets),
            number(t.refused),
        )
        for name, t in runs.items()
    ]  # fmt: skip
    table = Table(f"Changes, {CLIENTS} clients, 28x28 multipart", head, rows)
    return Part("changes", [table], [_record(name, tally) for name, tally in runs.items()], problems)


def _record(name: str, tally: Tally) -> dict[str, Any]:
    return {
        "name": name, "sent": tally.sent, "versions": dict(tally.counted), "failed": tally.failed, "wrong": tally.wrong,
        "resets": tally.resets, "unanswered": tally.unanswered, "refused": tally.refused,
        "statuses": {status: len(times) for status, times in tally.times.items()},
    }  # fmt: skip


def republished(artifact: Path, root: Path, version: int, *, hidden: bool = False) -> Path:
    """A copy of a version under another number; hidden: under a name that the service does not look at."""
    folder = Path(copytree(artifact, root / (f".staging-{version}" if hidden else str(version))))
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"version": version}))
    (folder / CHECKSUMS).unlink()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files
    ]
    (folder / CHECKSUMS).write_text("".join(lines))
    return folder


def _until(server: Server, version: int, seconds: float) -> bool:
    """Whether the version answers by default before so many seconds are over."""
    request = questions.requests("28x28", "raw", servers.PATHS["raw"])[0]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if _VERSION + str(version).encode() in questions.ask(server.port, request)[1]:
            return True
        time.sleep(0.1)
    return False
