"""Answers to labelled pictures, measured: pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import metrics
from trainer.manifest import Thresholds
from trainer.metrics import Proportion, Reliability


@dataclass(frozen=True)
class Evaluation:
    """Answers to N labelled pictures and what follows from them.

    `labels` and `predicted` int64 `[N]`; `probabilities` float32 `[N, 10]`; `confidence` (the highest of a row) and
    `digit_probability` float32 `[N]`; `confusion` int64 `[10, 10]`, row = label; `precision` and `recall` per class;
    `kept` = the share taken for a digit; `coverage` = the share answered `ok`; `curve` = `metrics.risk_coverage`.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    digit_probability: NDArray[np.float32]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    thresholds: Thresholds
    accuracy: Proportion
    ece: float
    reliability: Reliability
    confusion: NDArray[np.int64]
    precision: list[Proportion]
    recall: list[Proportion]
    kept: Proportion
    refused: Proportion
    coverage: Proportion
    accuracy_of_ok: Proportion
    curve: tuple[NDArray[np.float64], NDArray[np.float64]]

    @cached_property
    def ece_interval(self) -> tuple[float, float]:
        """The ends of `metrics.ece_interval`; computed when it is first asked for."""
        return metrics.ece_interval(self.confidence, self.predicted == self.labels)

    def worst(self, limit: int) -> NDArray[np.int64]:
        """Indices of the mistakes, those made most confidently first."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")][:limit]

    def as_metrics(self, name: str, sha256: str) -> dict[str, Any]:
        """The manifest's entry, as in docs/artifact.md; `accuracy_of_ok` is 0 where nothing was `ok`."""
        return {
            "name": name,
            "pictures": self.accuracy.trials,
            "sha256": sha256,
            "accuracy": self.accuracy.value,
            "accuracy_low": self.accuracy.low,
            "accuracy_high": self.accuracy.high,
            "ece": self.ece,
            "coverage": self.coverage.value,
            "accuracy_of_ok": self.accuracy_of_ok.value if self.accuracy_of_ok.trials else 0.0,
        }


@dataclass(frozen=True)
class Refusals:
    """What became of pictures that show no digit.

    `refused` and `ok` are shares of them; `auroc` and `fpr` (at `TPR`) tell how well `digit_probability` parts them from
    MNIST's test set, whatever the threshold.
    """

    TPR = 0.99

    refused: Proportion
    ok: Proportion
    auroc: float
    fpr: float

    def as_metrics(self, name: str, sha256: str) -> dict[str, Any]:
        """The manifest's entry, as in docs/artifact.md."""
        shares = {"refused": self.refused.value, "auroc": self.auroc}
        return {"name": name, "pictures": self.refused.trials, "sha256": sha256, **shares}


@dataclass(frozen=True)
class SetScore:
    """One set beside MNIST's test set: its pictures of digits, its pictures of none; at least one of the two is there."""

    name: str
    sha256: str
    digits: Evaluation | None
    others: Refusals | None

    def as_metrics(self) -> list[dict[str, Any]]:
        """The manifest's entries: one, or where there is both, one for each under a name of its own."""
        both = self.digits is not None and self.others is not None
        parts = [(self.digits, "_digits"), (self.others, "_no_digits")]
        return [part.as_metrics(self.name + both * end, self.sha256) for part, end in parts if part is not None]


@dataclass(frozen=True)
class Survey:
    """All that is told of a model: MNIST's test set, other sets, and the test set under each of `corruptions.KINDS`."""

    test: Evaluation
    sets: tuple[SetScore, ...]
    corruptions: dict[str, Evaluation]


def mean_error(corruptions: Sequence[Evaluation]) -> float:
    """The mean over corruptions of the share read wrong."""
    return float(np.mean([1 - e.accuracy.value for e in corruptions]))


def assess(
    probabilities: NDArray[np.float32],
    digit_probability: NDArray[np.float32],
    labels: NDArray[np.int64],
    thresholds: Thresholds,
) -> Evaluation:
    """The measures of answers given already, shapes as in `Evaluation`. Raises `ValueError` when they differ."""
    if not len(labels) or probabilities.shape != (len(labels), 10) or digit_probability.shape != (len(labels),):
        raise ValueError(f"{len(labels)} labels for {probabilities.shape} and {digit_probability.shape}")
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = predicted == labels
    kept = digit_probability >= thresholds.digit_probability
    ok = kept & (confidence >= thresholds.confidence)
    confusion = metrics.confusion_matrix(labels, predicted)
    precision, recall = metrics.precision_recall(confusion)
    return Evaluation(
        labels=np.asarray(labels, np.int64),
        probabilities=probabilities,
        digit_probability=digit_probability,
        predicted=predicted,
        confidence=confidence,
        thresholds=thresholds,
        accuracy=metrics.accuracy(labels, predicted),
        ece=metrics.ece(confidence, correct),
        reliability=metrics.reliability(confidence, correct),
        confusion=confusion,
        precision=precision,
        recall=recall,
        kept=metrics.wilson(int(kept.sum()), len(labels)),
        refused=metrics.wilson(int((~kept).sum()), len(labels)),
        coverage=metrics.wilson(int(ok.sum()), len(labels)),
        accuracy_of_ok=metrics.wilson(int(correct[ok].sum()), int(ok.sum())),
        curve=metrics.risk_coverage(confidence, correct),
    )


def assess_refusals(
    probabilities: NDArray[np.float32],
    digit_probability: NDArray[np.float32],
    digits: NDArray[np.float32],
    thresholds: Thresholds,
) -> Refusals:
    """The measures of answers to pictures without a digit; `digits` is the `digit_probability` of MNIST's test set."""
    kept = digit_probability >= thresholds.digit_probability
    ok = kept & (probabilities.max(axis=1) >= thresholds.confidence)
    return Refusals(
        refused=metrics.wilson(int((~kept).sum()), len(kept)),
        ok=metrics.wilson(int(ok.sum()), len(kept)),
        auroc=metrics.auroc(digits, digit_probability),
        fpr=metrics.fpr_at_tpr(digits, digit_probability, Refusals.TPR),
    )
