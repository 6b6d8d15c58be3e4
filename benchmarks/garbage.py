"""What pictures without digits cost a running service: `python -m benchmarks.garbage [--url URL] [--pid PID]`.

Sends noise, textures, scenes, letters, pictures of odd sizes and damaged files to `/v1/digit` and `/v1/number`, one at a time,
and prints what came of each. With the service's process id (Linux) it also prints by how much its peak of resident memory grew.
Exit status 1 when an answer is a 5xx, took more than two seconds, or did not come.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import httpx

from benchmarks.rubbish import pictures

SLOWEST = 2.0
"""Seconds that an answer may take."""
PATHS = ("/v1/digit", "/v1/number")


def peak_mb(pid: int) -> float:
    """The greatest resident memory that the process has had so far in MB, by the kernel's account (Linux).

    Raises `OSError` where there is no such process.
    """
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024 / 1e6


def main(words: list[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.garbage", description="What pictures without digits cost.")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--pid", type=int, help="the service's process, to watch its memory; with workers: one of them")
    parser.add_argument("--only", default="", help="only pictures whose name holds this")
    options = parser.parse_args(words)
    print(
        f"{'picture':28} {'KB':>7} {'path':12} {'status':>6} {'reading':14} {'digits':>6} {'seconds':>8} {'peak MB':>8}"
    )
    asked = bad = 0
    with httpx.Client(base_url=options.url, timeout=60) as client:
        for name, make in pictures().items():
            if options.only not in name:
                continue
            picture = make()
            for path in PATHS:
                asked += 1
                bad += _ask(client, name, path, picture, options.pid)
    print(f"\n{bad} of {asked} answers are a 5xx, slower than {SLOWEST:g} s, or missing")
    return 1 if bad or not asked else 0


def _ask(client: httpx.Client, name: str, path: str, picture: bytes, pid: int | None) -> bool:
    """Prints a row; whether something was wrong with the answer."""
    before = peak_mb(pid) if pid else 0.0
    started = time.perf_counter()
    try:
        answer = client.post(path, content=picture, headers={"Content-Type": "application/octet-stream"})
    except httpx.HTTPError as error:
        print(f"{name:28} {len(picture) / 1e3:7.0f} {path:12} {error}", flush=True)
        return True
    seconds = time.perf_counter() - started
    grown = f"{peak_mb(pid) - before:+8.0f}" if pid else f"{'–':>8}"
    reading = answer.json() if answer.status_code == httpx.codes.OK else {}
    said = str(reading.get("status", ""))
    digits = len(reading["text"].replace("\n", "")) if "text" in reading else int(reading.get("digit") is not None)
    wrong = answer.status_code >= 500 or seconds > SLOWEST
    print(
        f"{name:28} {len(picture) / 1e3:7.0f} {path:12} {answer.status_code:6} {said:14} {digits:6} {seconds:8.3f} {grown}"
        f"{'  too slow' if seconds > SLOWEST else ''}",
        flush=True,
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
