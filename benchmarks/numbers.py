"""Labelled pictures of whole numbers, and what the service's answers to them are worth."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import forms, scenes, strings
from benchmarks.scores import Counts
from benchmarks.sets import chosen, encoded, mnist_arrays
from trainer import metrics

STRINGS, LINES, NOTES = 2_000, 1_000, 500
"""Pictures in the sets of synthetic strings, of synthetic lines on paper, and in either of those of such on notes on a table."""

NOTES_NAME, ASKEW_NAME = "MNIST lines, notes on a table", "MNIST lines, notes seen askew"
FORMS_NAME = "MNIST digits, fields of forms"
SIDEWAYS_NAME = "MNIST lines, on their side"
HEAD = (
    f"{'numbers':42} {'pictures':>8} {'right':>8} {'ok':>8} {'right of ok':>11} {'refused':>8} {'errors':>6} "
    f"{'distance':>8} {'ECE':>7} {'95 % interval':>18}"
)


@dataclass(frozen=True)
class NumberSample:
    """One encoded picture, or what makes it, and its whole text, lines parted by a line feed; `kind`: see `sets.kinds`."""

    picture: bytes | Callable[[], bytes]
    text: str
    kind: str = ""


def number_folders(root: Path, limit: int | None, only: str | None) -> Iterator[tuple[str, list[NumberSample]]]:
    """Every set of strings below `root`, by name: folders whose `labels.csv` has labels of several digits.

    `limit`: pictures of each; `only`: what a set's name must hold.
    """
    for path in sorted(p.parent for p in root.glob("*/labels.csv") if (only or "") in p.parent.name):
        with (path / "labels.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["label"]]
        if any(len(row["label"]) > 1 for row in rows):
            picked = [rows[place] for place in chosen(len(rows), limit)]
            yield (
                path.name,
                [NumberSample((path / "images" / row["file"]).read_bytes(), row["label"]) for row in picked],
            )


def synthetic(root: Path, limit: int | None, only: str | None) -> Iterator[tuple[str, list[NumberSample]]]:
    """Strings of MNIST's test digits, dark on light, one to four such lines on synthetic paper, one to three on notes on a table,
    upright and askew, digits in the fields of forms, and pages and notes on their side.

    A string is of the kind `touching` where some neighbours have no free column between them.
    """
    images, labels = mnist_arrays(root)
    for name, make, count, seed in (
        ("MNIST strings", strings.plain, STRINGS, 5),
        ("MNIST lines on synthetic paper", strings.on_paper, LINES, 6),
    ):
        if only and only not in name:
            continue
        pages = [make(images, labels, np.random.default_rng([seed, place])) for place in chosen(count, limit)]
        yield name, [NumberSample(p.picture, p.text, p.ground or ("apart" if p.apart else "touching")) for p in pages]
    for name, askew in ((NOTES_NAME, False), (ASKEW_NAME, True)):
        if not only or only in name:
            yield name, [_note(images, labels, place, askew=askew) for place in chosen(NOTES, limit)]
    if not only or only in FORMS_NAME:
        fields = ((place, forms.FORMS[place % len(forms.FORMS)]) for place in chosen(NOTES, limit))
        yield FORMS_NAME, [_field(images, labels, place, form) for place, form in fields]
    if not only or only in SIDEWAYS_NAME:
        yield SIDEWAYS_NAME, [_sideways(images, labels, place) for place in chosen(NOTES, limit)]


def _note(images: NDArray[np.uint8], labels: NDArray[np.uint8], place: int, *, askew: bool) -> NumberSample:
    random = np.random.default_rng([14 if askew else 12, place])
    table = scenes.drawn_table(random)
    page = strings.on_paper(images, labels, random, lines=(1, 3), digits=(1, 8), margin=scenes.MARGIN)

    def lay() -> bytes:
        return scenes.on_table(page.picture, np.random.default_rng([13, place]), table=table, askew=askew)

    return NumberSample(lay, page.text, table)


def _field(images: NDArray[np.uint8], labels: NDArray[np.uint8], place: int, form: forms.Form) -> NumberSample:
    """A form's field; of ten one is empty."""
    field = forms.field(images, labels, np.random.default_rng([16, place]), form, empty=place % 10 == place // 10 % 10)
    return NumberSample(field.picture, field.text, form)


def _sideways(images: NDArray[np.uint8], labels: NDArray[np.uint8], place: int) -> NumberSample:
    """A page, or such a note, that was photographed by somebody who held the camera by another side."""
    random = np.random.default_rng([15, place])
    if place % 2:
        upright = _note(images, labels, NOTES + place, askew=False)
    else:
        page = strings.on_paper(images, labels, random, lines=(1, 3))
        upright = NumberSample(page.picture, page.text, "paper")
    quarters = int(random.choice((1, 3)))
    return NumberSample(lambda: scenes.turned(encoded(upright), quarters), upright.text, upright.kind)


@dataclass(frozen=True)
class NumberScore(Counts):
    """Of a set of numbers; `distance`: the mean edit distance, each divided by the longer text's length; `ece`: see `score`."""

    distance: float

    def record(self, name: str) -> dict[str, Any]:
        """As above, with the distance."""
        return super().record(name) | {"distance": self.distance}

    def line(self, name: str) -> str:
        """A row of the table."""
        n = self.pictures
        return (
            f"{name:42} {n:8} {self.right / n:8.2%} {self.ok_columns()} {self.refused / n:8.2%} {self.errors:6} "
            f"{self.distance:8.4f} {self.ece_columns()}"
        )


def score(samples: Sequence[NumberSample], answers: Sequence[dict[str, Any] | None]) -> NumberScore:
    """`answers`: the service's readings of `samples`, in their order; None where it answered with an error.

    The ECE, with the ends of its interval, is of the whole text's confidence in the readings that have a text.
    """
    right = ok = right_of_ok = refused = errors = 0
    distance = 0.0
    confidence: list[float] = []
    correct: list[bool] = []
    for sample, reading in zip(samples, answers, strict=True):
        text = "" if reading is None else str(reading["text"])
        distance += edit_distance(text, sample.text) / max(len(text), len(sample.text), 1)
        if reading is None:
            errors += 1
            continue
        hit = text == sample.text
        right += hit
        refused += reading["status"] in ("blank", "not_a_digit")
        ok += reading["status"] == "ok"
        right_of_ok += hit and reading["status"] == "ok"
        if text:
            confidence.append(reading["confidence"])
            correct.append(hit)
    ece = (metrics.ece(confidence, correct), *metrics.ece_interval(confidence, correct)) if confidence else None
    return NumberScore(len(samples), right, ok, right_of_ok, refused, errors, ece, distance / len(samples))


def edit_distance(one: str, other: str) -> int:
    """The least number of characters put in, taken out or exchanged that makes one text of the other.

    Source: V. I. Levenshtein, Soviet Physics Doklady 10 (1966); by rows, as R. A. Wagner, M. J. Fischer, JACM 21 (1974).
    """
    before = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        row = [place]
        for at, against in enumerate(other, 1):
            row.append(min(before[at] + 1, row[-1] + 1, before[at - 1] + (letter != against)))
        before = row
    return before[-1]
