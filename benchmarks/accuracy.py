"""How well a running service reads: `python -m benchmarks.accuracy --data FOLDER [--url URL]`.

FOLDER holds `mnist/` (the IDX files) and `dev/` (folders of `images/` and `labels.csv`), as far as they are there. A reading is
right when `digit` equals the label, whatever the status; a picture without a digit is right when it is refused.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

from benchmarks.sets import Sample, folders, mnist_test

_CLIENTS = 8
_BATCH = 32
_HEAD = f"{'set':32} {'pictures':>8} {'right':>8} {'ok':>8} {'right of ok':>11} {'refused':>8} {'errors':>6}"


@dataclass(frozen=True)
class Score:
    """Counts over one set."""

    pictures: int
    right: int
    ok: int
    right_of_ok: int
    refused: int
    errors: int

    def line(self, name: str) -> str:
        """A row of the table."""
        n = self.pictures
        of_ok = f"{self.right_of_ok / self.ok:11.2%}" if self.ok else f"{'–':>11}"
        return (
            f"{name:32} {n:8} {self.right / n:8.2%} {self.ok / n:8.2%} {of_ok} {self.refused / n:8.2%} {self.errors:6}"
        )


def score(samples: list[Sample], answers: list[dict[str, Any]]) -> Score:
    """`answers` are the service's results for `samples`, in their order."""
    right = ok = right_of_ok = refused = errors = 0
    for sample, answer in zip(samples, answers, strict=True):
        reading = answer["reading"]
        if reading is None:
            errors += 1
            continue
        no_digit = reading["status"] in ("blank", "not_a_digit")
        hit = no_digit if sample.label is None else reading["digit"] == sample.label
        right += hit
        refused += no_digit
        ok += reading["status"] == "ok"
        right_of_ok += hit and reading["status"] == "ok"
    return Score(len(samples), right, ok, right_of_ok, refused, errors)


def ask(client: httpx.Client, samples: list[Sample]) -> list[dict[str, Any]]:
    """Sends the pictures in batches over several connections; waits when the service says that it is busy."""
    batches = [samples[at : at + _BATCH] for at in range(0, len(samples), _BATCH)]

    def send(batch: list[Sample]) -> list[dict[str, Any]]:
        for _ in range(60):
            answer = client.post("/v1/digits", files=[("images", ("picture", s.picture)) for s in batch])
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                answer.raise_for_status()
                results: list[dict[str, Any]] = answer.json()["results"]
                return results
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        answer.raise_for_status()
        return []

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return list(chain.from_iterable(pool.map(send, batches)))


def main() -> int:
    """Prints the table; exit status 1 where there was nothing to measure or an answer was missing."""
    parser = argparse.ArgumentParser(description="Measures how well a running service reads.")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--data", type=Path, default=os.environ.get("DIGITS_DATA"), help="default: DIGITS_DATA")
    parser.add_argument("--only", help="only sets whose name holds this")
    arguments = parser.parse_args()
    if arguments.data is None or not Path(arguments.data).is_dir():
        print("error: give the folder with mnist/ and dev/ as --data or DIGITS_DATA", file=sys.stderr)
        return 2
    sets: Iterator[tuple[str, list[Sample]]] = folders(Path(arguments.data) / "dev")
    if (Path(arguments.data) / "mnist").is_dir():
        sets = chain(mnist_test(Path(arguments.data) / "mnist"), sets)
    errors = measured = 0
    print(_HEAD)
    with httpx.Client(base_url=arguments.url, timeout=120) as client:
        for name, samples in sets:
            if arguments.only and arguments.only not in name:
                continue
            result = score(samples, ask(client, samples))
            print(result.line(name), flush=True)
            errors += result.errors
            measured += 1
    return 0 if measured and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
