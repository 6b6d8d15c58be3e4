"""What serving costs at one client: `python -m benchmarks.serving`.

Starts the service on a free port of loopback and prints the time from start to ready, the resident memory, and the latency of
`POST /v1/digit` with a drawn 28×28 PNG, as a multipart form and as a raw body.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np

_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Running:
    """A service that is ready: its address, its process, and the seconds from its start to ready."""

    url: str
    pid: int
    ready_seconds: float

    def resident_mb(self) -> float:
        """Resident memory in MB, by the kernel's account."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def service() -> Iterator[Running]:
    """Starts the service with its defaults on a free port and ends it afterwards."""
    environment = {**os.environ, "DIGITS_LOG_LEVEL": "warning", "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("Digits is ready")), "")
        if not line or time.perf_counter() - started > _READY_SECONDS:
            raise SystemExit("error: the service did not become ready; `python -m service serve` shows why")
        yield Running(line.split()[3], process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(60)


def digit() -> bytes:
    """A 28×28 PNG of a 7, two strokes of white on black."""
    picture = np.zeros((28, 28), np.uint8)
    cv2.polylines(picture, [np.array([[7, 6], [20, 6], [12, 22]], np.int32)], False, 255, 2, cv2.LINE_AA)
    return bytes(cv2.imencode(".png", picture)[1])


def latencies(ask: Callable[[], httpx.Response], seconds: float) -> list[float]:
    """Milliseconds of each of the calls that fit into `seconds`, one after the other, after 100 to warm up."""
    for _ in range(100):
        ask().raise_for_status()
    taken = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        ask().raise_for_status()
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Measures what serving costs at one client.")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure each kind of request")
    arguments = parser.parse_args()
    picture = digit()
    with service() as running, httpx.Client(base_url=running.url) as client:
        print(f"ready after          {running.ready_seconds:8.2f} s")
        print(f"resident when ready  {running.resident_mb():8.0f} MB")
        kinds: dict[str, Callable[[], httpx.Response]] = {
            "healthz, for comparison": lambda: client.get("/healthz"),
            "/v1/digit, multipart": lambda: client.post("/v1/digit", files={"image": picture}),
            "/v1/digit, raw body": lambda: client.post(
                "/v1/digit", content=picture, headers={"Content-Type": "image/png"}
            ),
        }
        print(f"\n{'one client, milliseconds':28} {'p50':>7} {'p90':>7} {'p99':>7} {'requests':>9}")
        for name, ask in kinds.items():
            taken = latencies(ask, arguments.seconds)
            cut = statistics.quantiles(taken, n=100)
            print(f"{name:28} {cut[49]:7.2f} {cut[89]:7.2f} {cut[98]:7.2f} {len(taken):9}")
        print(f"\nresident afterwards  {running.resident_mb():8.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
