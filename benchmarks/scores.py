"""What the service's answers to a labelled set are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.sets import Sample
from trainer import metrics

HEAD = (
    f"{'set':42} {'pictures':>8} {'right':>8} {'error':>8} {'ok':>8} {'right of ok':>11} {'refused':>8} {'errors':>6} "
    f"{'ECE':>7} {'95 % interval':>18} {'AUROC':>7}"
)


@dataclass(frozen=True)
class Counts:
    """Counts over one set of any kind; `ece` with the ends of its interval, None where no confidence was stated."""

    pictures: int
    right: int
    ok: int
    right_of_ok: int
    refused: int
    errors: int
    ece: tuple[float, float, float] | None

    def record(self, name: str) -> dict[str, Any]:
        """A row of what `--json` writes; `trainer.served` says what the fields mean."""
        value, low, high = self.ece or (None, None, None)
        return {
            "name": name,
            "pictures": self.pictures,
            "error": 1 - self.right / self.pictures,
            "ok": self.ok / self.pictures,
            "right_of_ok": self.right_of_ok / self.ok if self.ok else None,
            "refused": self.refused / self.pictures,
            "ece": value,
            "ece_low": low,
            "ece_high": high,
        }

    def ok_columns(self) -> str:
        """Of a row of the table: the share that is `ok`, and how much of that is right."""
        of_ok = f"{self.right_of_ok / self.ok:11.2%}" if self.ok else f"{'–':>11}"
        return f"{self.ok / self.pictures:8.2%} {of_ok}"

    def ece_columns(self) -> str:
        """Of a row of the table: the ECE and its interval."""
        if not self.ece:
            return f"{'–':>7} {'–':>18}"
        value, low, high = self.ece
        return f"{value:7.4f} {f'{low:.4f} to {high:.4f}':>18}"


@dataclass(frozen=True)
class Score(Counts):
    """Of a set of pictures of one digit or none. The ECE is of the readings that name a digit.

    `auroc` tells how well `digit_probability` parts MNIST's test set from a set without digits. None where there is none.
    """

    digit_probability: list[float]
    auroc: float | None = None

    def record(self, name: str) -> dict[str, Any]:
        """As above, with the AUROC."""
        return super().record(name) | {"auroc": self.auroc}

    def line(self, name: str) -> str:
        """A row of the table."""
        n = self.pictures
        auroc = f"{'–':>7}" if self.auroc is None else f"{self.auroc:7.4f}"
        return (
            f"{name:42} {n:8} {self.right / n:8.2%} {1 - self.right / n:8.2%} {self.ok_columns()} "
            f"{self.refused / n:8.2%} {self.errors:6} {self.ece_columns()} {auroc}"
        )


def score(samples: list[Sample], answers: list[dict[str, Any]], digits: Sequence[float] | None = None) -> Score:
    """`answers` are the service's results for `samples`, in their order; `digits` the `digit_probability` of MNIST's test set.

    A `blank` has no such probability and counts as 0.
    """
    right = ok = right_of_ok = refused = errors = 0
    confidence: list[float] = []
    correct: list[bool] = []
    probability: list[float] = []
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
        probability.append(reading["digit_probability"] or 0.0)
        if sample.label is not None and reading["digit"] is not None:
            confidence.append(reading["confidence"])
            correct.append(hit)
    ece = (metrics.ece(confidence, correct), *metrics.ece_interval(confidence, correct)) if confidence else None
    alien = bool(probability) and all(sample.label is None for sample in samples)
    auroc = metrics.auroc(digits, probability) if digits and alien else None
    return Score(len(samples), right, ok, right_of_ok, refused, errors, ece, probability, auroc)
