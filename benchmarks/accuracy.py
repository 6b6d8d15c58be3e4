"""How well a running service reads: `python -m benchmarks.accuracy --data FOLDER [--url URL]`.

FOLDER holds `mnist/` (the IDX files) and `dev/` (folders of `images/` and `labels.csv`), as far as they are there. A reading is
right when `digit` equals the label, whatever the status; a picture without a digit is right when it is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

from benchmarks.scores import HEAD, Score, score
from benchmarks.sets import MNIST, Sample, UnknownGroup, folders, mnist_corrupted, mnist_test

_CLIENTS = 8
_BATCH = 32


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


def groups(words: str) -> tuple[str, frozenset[str]]:
    """`SET:GROUP,GROUP` as the set's name and its groups. Raises `ValueError` for anything else."""
    name, colon, listed = words.partition(":")
    if not name or not colon or not all(listed.split(",")):
        raise ValueError(words)
    return name, frozenset(listed.split(","))


def main(words: list[str] | None = None) -> int:
    """Prints the table; exit status 1 where there was nothing to measure or an answer was missing."""
    parser = argparse.ArgumentParser(description="Measures how well a running service reads.")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--data", type=Path, default=os.environ.get("DIGITS_DATA"), help="default: DIGITS_DATA")
    parser.add_argument("--only", help="only sets whose name holds this")
    parser.add_argument(
        "--leave-out",
        type=groups,
        action="append",
        default=[],
        metavar="SET:GROUP,…",
        help="leave groups out of a set, such as those that were trained on",
    )
    parser.add_argument("--corruptions", action="store_true", help="MNIST's test set under fifteen corruptions, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args(words)
    if arguments.data is None or not Path(arguments.data).is_dir():
        print("error: give the folder with mnist/ and dev/ as --data or DIGITS_DATA", file=sys.stderr)
        return 2
    mnist = Path(arguments.data) / "mnist"
    left_out: dict[str, frozenset[str]] = {}
    for name, listed in arguments.leave_out:
        left_out[name] = left_out.get(name, frozenset()) | listed
        print(f"{name}: without {', '.join(sorted(listed))}")
    sets = folders(Path(arguments.data) / "dev", left_out)
    if mnist.is_dir():
        sets = chain(mnist_test(mnist), sets)
    with httpx.Client(base_url=arguments.url, timeout=120) as client:
        spoilt: dict[str, Score] = {}
        try:
            scores = _table(client, sets, arguments.only)
        except UnknownGroup as error:
            print(f"error: --leave-out: {error}", file=sys.stderr)
            return 2
        if arguments.corruptions and mnist.is_dir():
            print()
            spoilt = _table(client, mnist_corrupted(mnist), None)
            print(f"{'mean error':32} {sum(1 - s.right / s.pictures for s in spoilt.values()) / len(spoilt):8.2%}")
    if arguments.json:
        rows = {"sets": scores, "corruptions": spoilt}
        found = {kind: [score.record(name) for name, score in part.items()] for kind, part in rows.items()}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    every = [*scores.values(), *spoilt.values()]
    return 0 if every and not any(s.errors for s in every) else 1


def _table(client: httpx.Client, sets: Iterator[tuple[str, list[Sample]]], only: str | None) -> dict[str, Score]:
    """Measures and prints set after set; those without digits are compared with MNIST's test set, where it came before."""
    print(HEAD)
    scores: dict[str, Score] = {}
    digits: list[float] | None = None
    for name, samples in sets:
        if only and only not in name:
            continue
        result = score(samples, ask(client, samples), digits)
        if name == MNIST:
            digits = result.digit_probability
        print(result.line(name), flush=True)
        scores[name] = result
    return scores


if __name__ == "__main__":
    sys.exit(main())
