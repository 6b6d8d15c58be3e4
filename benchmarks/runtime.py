"""What the model alone costs: `python -m benchmarks.runtime [ARTIFACT] [--runtime tensorflow|litert] [--threads 1]`.

Prints the median time of one picture and of 32 at once, the resident memory of a process that has the model and nothing else
of the service, and how large the model is. ARTIFACT is a version's folder; default: the highest released one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import DigitsError
from service.model.artifact import open_artifact
from service.model.folder import scan
from service.model.version import runtime
from service.reading.tiles import HEIGHT, TILE
from service.settings import RUNTIMES, Settings

CALLS = 200
BATCHES = (1, 32)


def milliseconds(ask: Callable[[NDArray[np.uint8]], object], images: NDArray[np.uint8]) -> float:
    """Median of `CALLS` calls, after a tenth as many to warm up."""
    for _ in range(CALLS // 10):
        ask(images)
    taken = []
    for _ in range(CALLS):
        started = time.perf_counter()
        ask(images)
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def resident_mb() -> float:
    """Resident memory of this process in MB, by the kernel's account (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.runtime", description="What the model alone costs.")
    parser.add_argument("artifact", nargs="?", type=Path, metavar="ARTIFACT", help="a version's folder")
    parser.add_argument("--runtime", choices=sorted(RUNTIMES), help="what runs the model (default: DIGITS_RUNTIME)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the model (default: 1)")
    options = parser.parse_args()
    try:
        settings = Settings.read(runtime=options.runtime, threads=options.threads)
        versions = scan(settings.artifacts)
        if options.artifact is None and not versions:
            parser.error(f"there is no version of the model in {settings.artifacts}")
        folder = options.artifact or versions[max(versions)]
        manifest = open_artifact(folder).manifest
        model = runtime(settings)(folder)
    except DigitsError as error:
        raise SystemExit(f"error: {error.detail}") from None
    print(f"version {manifest.version} with {settings.runtime}, threads: {settings.threads}; medians of {CALLS}")
    for count in BATCHES:
        images = np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)
        print(f"{count:>2} at once       {milliseconds(model.digits, images):>10.2f} ms")
    if model.lines is not None:
        tile = np.random.default_rng(0).integers(0, 256, (1, HEIGHT, TILE)).astype(np.uint8)
        print(f"a tile of a line {milliseconds(model.lines, tile):>9.2f} ms")
    print(f"resident memory {resident_mb():>8.0f} MB")
    print(f"parameters      {manifest.parameters:>10,}")
    work = "not told" if manifest.multiply_adds is None else f"{manifest.multiply_adds:,}"
    print(f"multiply-adds   {work:>10}")


if __name__ == "__main__":
    main()
