"""An artifact's answers to labelled pictures, measured; `python -m trainer evaluate ARTIFACT`.

Measured is the exported graph through its signature, as a service would ask it, never the Keras model it came from.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import metrics
from trainer.errors import TrainerError
from trainer.manifest import Thresholds
from trainer.metrics import Proportion, Reliability

Images = NDArray[np.uint8]
Signature = Callable[[Images], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""uint8 `[N, 28, 28]` → `probabilities` float32 `[N, 10]`, `digit_probability` float32 `[N]`; any N, none included."""


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
    coverage: Proportion
    accuracy_of_ok: Proportion
    curve: tuple[NDArray[np.float64], NDArray[np.float64]]

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


def evaluate(
    artifact: Path, images: Images, labels: NDArray[np.int64], thresholds: Thresholds | None = None
) -> Evaluation:
    """Asks the artifact about every picture. `thresholds` are the manifest's unless given (no manifest is needed then).

    `images` uint8 `[N, 28, 28]`, `labels` integer `[N]`, N ≥ 1. Raises `TrainerError`.
    """
    thresholds = thresholds or manifest_thresholds(load_manifest(artifact))
    probabilities, digit_probability = load_signature(artifact)(images)
    return assess(probabilities, digit_probability, labels, thresholds)


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
        coverage=metrics.wilson(int(ok.sum()), len(labels)),
        accuracy_of_ok=metrics.wilson(int(correct[ok].sum()), int(ok.sum())),
        curve=metrics.risk_coverage(confidence, correct),
    )


def load_signature(artifact: Path, batch: int = 500) -> Signature:
    """The SavedModel's `serving_default` as a function of arrays that asks in batches, the last partial one included.

    Raises `TrainerError` where there is no SavedModel, it cannot be loaded, or its signature is another.
    """
    if not (artifact / "saved_model.pb").is_file():
        raise TrainerError(
            f"{artifact}: no saved_model.pb there; give the folder of one version, as in artifacts/digits/1"
        )
    tf: Any = importlib.import_module("tensorflow")
    try:
        model: Any = tf.saved_model.load(str(artifact))
        signature: Any = model.signatures["serving_default"]
        inputs, outputs = set(signature.structured_input_signature[1]), set(signature.structured_outputs)
    except Exception as error:  # TensorFlow raises OSError, ValueError, KeyError and its own for damaged files
        raise TrainerError(f"{artifact}: its SavedModel cannot be loaded: {str(error).splitlines()[0]}") from error
    if inputs != {"images"} or outputs != {"probabilities", "digit_probability"}:
        raise TrainerError(f"{artifact}: its signature maps {sorted(inputs)} to {sorted(outputs)}")

    def answer(images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities = np.empty((len(images), 10), np.float32)
        digit_probability = np.empty(len(images), np.float32)
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            given = signature(images=tf.constant(images[part], tf.uint8))
            probabilities[part] = given["probabilities"].numpy()
            digit_probability[part] = given["digit_probability"].numpy()
        return probabilities, digit_probability

    answer.__dict__["model"] = model  # a signature does not keep the model that it belongs to alive
    return answer


def load_manifest(artifact: Path) -> dict[str, Any]:
    """The artifact's manifest as it stands. Raises `TrainerError` where it is missing or no JSON object."""
    path = artifact / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainerError(f"{path}: cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise TrainerError(f"{path}: holds no object")
    return manifest


def manifest_thresholds(manifest: Mapping[str, Any]) -> Thresholds:
    """The two thresholds of a manifest. Raises `TrainerError`."""
    try:
        given = manifest["thresholds"]
        return Thresholds(float(given["confidence"]), float(given["digit_probability"]))
    except (KeyError, TypeError, ValueError) as error:
        raise TrainerError(f"the manifest's thresholds cannot be read: {error!r}") from error


def summary(evaluation: Evaluation) -> str:
    """What `evaluate` prints: the figures, then a line per class with its row of the confusion matrix."""

    def share(p: Proportion) -> str:
        return f"{p.value:8.2%}  ({p.low:.2%} to {p.high:.2%})" if p.trials else "       –"

    e = evaluation
    lines = [
        f"pictures         {e.accuracy.trials:8}  {e.accuracy.failures} wrong",
        f"accuracy         {share(e.accuracy)}",
        f"ECE              {e.ece:8.4f}  (15 bins)",
        f"taken for digits {share(e.kept)}  digit_probability ≥ {e.thresholds.digit_probability:.4g}",
        f"coverage of ok   {share(e.coverage)}  and confidence ≥ {e.thresholds.confidence:.4g}",
        f"accuracy of ok   {share(e.accuracy_of_ok)}  {e.accuracy_of_ok.failures} wrong",
        "",
        f"{'digit':>5} {'precision':>9} {'recall':>9}   read as " + "".join(f"{digit:6}" for digit in range(10)),
    ]
    for digit, row in enumerate(e.confusion):
        cells = "".join(f"{count or '·':>6}" for count in row)
        precision, recall = (
            f"{p.value:9.2%}" if p.trials else f"{'–':>9}" for p in (e.precision[digit], e.recall[digit])
        )
        lines.append(f"{digit:5} {precision} {recall}           {cells}")
    return "\n".join(lines)


def run(artifact: Path, data: Path | None, out: Path) -> Path:
    """`evaluate ARTIFACT [--data DIR] [--out DIR]`: measures on MNIST's test set, prints, and writes the report.

    `out` is the report's folder; returns its index.html. Raises `TrainerError`, or `OSError` when it cannot be written.
    """
    from trainer import data as datasets
    from trainer import html, report

    manifest = load_manifest(artifact)
    mnist = datasets.load_mnist(data)
    evaluation = evaluate(artifact, mnist.test_images, mnist.test_labels)
    print(summary(evaluation))
    page = report.evaluation_report(manifest, evaluation, mnist.test_images, mnist.sha256["test_images"])
    path = html.write(out / "index.html", page)
    print(f"\nreport: {path}")
    return path
