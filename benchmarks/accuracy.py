"""How well a running service reads: `python -m benchmarks.accuracy --data FOLDER [--url URL]`.

FOLDER holds `mnist/` (the IDX files) and `dev/` (folders of `images/` and `labels.csv`), as far as they are there. A digit's
reading is right when `digit` equals the label, whatever the status; a picture without a digit is right when it is refused; a
number's reading is right when the whole `text` equals the label.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

from benchmarks import asking, numbers, scores
from benchmarks.numbers import NumberSample, NumberScore
from benchmarks.scores import Score
from benchmarks.sets import MNIST, Sample, UnknownGroup, chosen, folders, kinds, mnist_corrupted, mnist_test


def groups(words: str) -> tuple[str, frozenset[str]]:
    """`SET:GROUP,GROUP` as the set's name and its groups. Raises `ValueError` for anything else."""
    name, colon, listed = words.partition(":")
    if not name or not colon or not all(listed.split(",")):
        raise ValueError(words)
    return name, frozenset(listed.split(","))


def main(words: list[str] | None = None) -> int:
    """Prints the tables; exit status 1 where there was nothing to measure or an answer was missing."""
    arguments = _arguments(words)
    if arguments.data is None or not Path(arguments.data).is_dir():
        print("error: give the folder with mnist/ and dev/ as --data or DIGITS_DATA", file=sys.stderr)
        return 2
    mnist, dev = Path(arguments.data) / "mnist", Path(arguments.data) / "dev"
    only, limit = arguments.only, arguments.limit
    left_out: dict[str, frozenset[str]] = {}
    for name, listed in arguments.leave_out:
        left_out[name] = left_out.get(name, frozenset()) | listed
        print(f"{name}: without {', '.join(sorted(listed))}")
    found: dict[str, Score] = {}
    spoilt: dict[str, Score] = {}
    whole: dict[str, NumberScore] = {}
    try:
        with httpx.Client(base_url=arguments.url, timeout=120) as client:
            if arguments.digits:
                sets = folders(dev, left_out)
                found = _digits(client, chain(mnist_test(mnist), sets) if mnist.is_dir() else sets, only, limit)
            if arguments.corruptions and mnist.is_dir():
                print()
                spoilt = _digits(client, mnist_corrupted(mnist), None, limit)
                print(f"{'mean error':42} {sum(1 - s.right / s.pictures for s in spoilt.values()) / len(spoilt):8.2%}")
            if arguments.numbers:
                print()
                strings = numbers.number_folders(dev, limit, only)
                made = numbers.synthetic(mnist, limit, only) if mnist.is_dir() else iter(())
                whole = _numbers(client, chain(strings, made))
    except UnknownGroup as error:
        print(f"error: --leave-out: {error}", file=sys.stderr)
        return 2
    except httpx.HTTPError as error:
        print(f"error: {arguments.url}: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        parts: dict[str, dict[str, Score] | dict[str, NumberScore]]
        parts = {"sets": found, "corruptions": spoilt, "numbers": whole}
        rows = {part: [score.record(name) for name, score in of_it.items()] for part, of_it in parts.items()}
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    errors = [score.errors for part in (found, spoilt, whole) for score in part.values()]
    return 0 if errors and not any(errors) else 1


def _arguments(words: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(description="Measures how well a running service reads.")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--data", type=Path, default=os.environ.get("DIGITS_DATA"), help="default: DIGITS_DATA")
    parser.add_argument("--only", help="only sets whose name holds this")
    parser.add_argument("--limit", type=_count, metavar="N", help="N pictures of each set, drawn, always the same ones")
    parser.add_argument(
        "--leave-out",
        type=groups,
        action="append",
        default=[],
        metavar="SET:GROUP,…",
        help="leave groups out of a set, such as those that were trained on",
    )
    both = argparse.BooleanOptionalAction
    parser.add_argument("--digits", action=both, default=True, help="the sets of single digits and of none")
    parser.add_argument("--numbers", action=both, default=True, help="the sets of numbers")
    parser.add_argument("--corruptions", action="store_true", help="MNIST's test set under fifteen corruptions, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args(words)


def _count(word: str) -> int:
    if int(word) < 1:
        raise ValueError(word)
    return int(word)


def _digits(
    client: httpx.Client, sets: Iterator[tuple[str, list[Sample]]], only: str | None, limit: int | None
) -> dict[str, Score]:
    """Measures and prints set after set; those without digits are compared with MNIST's test set, where it came before."""
    print(scores.HEAD)
    found: dict[str, Score] = {}
    digits: list[float] | None = None
    for whole, samples in sets:
        if only and only not in whole:
            continue
        asked = [samples[place] for place in chosen(len(samples), limit)]
        for name, part, answers in kinds(whole, asked, asking.digits(client, asked)):
            found[name] = scores.score(part, answers, digits)
            print(found[name].line(name), flush=True)
        if whole == MNIST:
            digits = found[MNIST].digit_probability
    return found


def _numbers(client: httpx.Client, sets: Iterator[tuple[str, list[NumberSample]]]) -> dict[str, NumberScore]:
    """Measures and prints set after set."""
    print(numbers.HEAD)
    found: dict[str, NumberScore] = {}
    for whole, samples in sets:
        for name, part, answers in kinds(whole, samples, asking.numbers(client, samples)):
            found[name] = numbers.score(part, answers)
            print(found[name].line(name), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
