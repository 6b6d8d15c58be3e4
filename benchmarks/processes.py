"""Servers as processes: starting and ending them, and the kernel's account of their time and memory (Linux)."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
READY_SECONDS = 180.0


class NotReady(Exception):
    """A server that ended or kept silent instead of serving; says which."""


@dataclass(frozen=True)
class Usage:
    """Of a process and all that it started: CPU seconds so far, and resident memory in MB now.

    Pages that several processes share count for each of them.
    """

    cpu_seconds: float
    resident_mb: float


def _parent_and_cpu(pid: int) -> tuple[int, float]:
    # The name, in parentheses, may hold anything; what is counted on from is its end.
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS  # its own, and that of children that have ended


def tree(root: int) -> list[int]:
    """The process and its descendants; empty where it is gone."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                children.setdefault(_parent_and_cpu(int(folder.name))[0], []).append(int(folder.name))
            except OSError:  # it has just ended
                continue
    found = [root] if (_PROC / str(root)).exists() else []
    for pid in found:
        found += children.get(pid, [])
    return found


def usage(root: int) -> Usage:
    """What the process and its descendants use."""
    cpu = resident = 0.0
    for pid in tree(root):
        try:
            cpu += _parent_and_cpu(pid)[1]
            resident += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE / 1e6
        except OSError:
            continue
    return Usage(cpu, resident)


class Watch:
    """Looks at a process's memory every so often while the context is open: `samples` of (seconds since its start, MB)."""

    def __init__(self, pid: int, interval: float = 0.5) -> None:
        self.samples: list[tuple[float, float]] = []
        self._pid, self._interval = pid, interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peak_mb(self) -> float:
        return max((mb for _, mb in self.samples), default=0.0)

    def _look(self) -> None:
        started = time.perf_counter()
        while True:
            self.samples.append((time.perf_counter() - started, usage(self._pid).resident_mb))
            if self._ended.wait(self._interval):
                return


@dataclass(frozen=True)
class Server:
    """A server that is ready: its port on loopback, its process, and the seconds from its start to ready."""

    name: str
    port: int
    process: subprocess.Popen[str]
    ready_seconds: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def usage(self) -> Usage:
        return usage(self.pid)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It and all that it started have no processor meanwhile: some take a part of one while nobody asks them."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)


def many_files() -> None:
    """Allows this process, and those it starts, as many open files as the system does: connections are files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    """A port of loopback on which nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def answers(port: int, path: str) -> int:
    """The status of a GET; 0 where nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return int(connection.makefile("rb").readline().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    port: int,
    ready: str,
    environment: Mapping[str, str],
    workers: int = 1,
    cwd: Path = ROOT,
) -> Iterator[Server]:
    """Runs a server until the context ends. It is ready when `GET ready` is answered with less than 500.

    Of several workers each may be the one that answers: then so must some dozens in a row. Raises `NotReady`.
    """
    begun = time.perf_counter()
    needed = 1 if workers == 1 else 20 * workers
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # so that an interrupt from the keyboard reaches it once, and from here
    )
    try:
        good = 0
        while good < needed:
            good = good + 1 if 0 < answers(port, ready) < 500 else 0
            if process.poll() is not None:
                raise NotReady(f"{name} ended with status {process.returncode} at its start: {' '.join(command)}")
            if time.perf_counter() - begun > READY_SECONDS:
                raise NotReady(f"{name} was not ready after {READY_SECONDS:g} s: {' '.join(command)}")
            if not good:
                time.sleep(0.01)
        yield Server(name, port, process, time.perf_counter() - begun)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):  # workers that outlive their parent would spoil the next measurement
        os.killpg(process.pid, signal.SIGKILL)
