"""An artifact's answers to labelled pictures, measured; `python -m trainer evaluate ARTIFACT`.

Measured is the exported graph through its signature, as a service would ask it, never the Keras model it came from.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.corruptions import KINDS, corrupt
from trainer.data import Mnist
from trainer.errors import TrainerError
from trainer.manifest import Thresholds
from trainer.measure import Evaluation, SetScore, Survey, assess, assess_refusals
from trainer.npz import NO_DIGIT, Pictures, fingerprint

Images = NDArray[np.uint8]
Signature = Callable[[Images], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""uint8 `[N, 28, 28]` → `probabilities` float32 `[N, 10]`, `digit_probability` float32 `[N]`; any N, none included."""

_SEED = 0  # of corruptions and noise: every model is measured on the same pictures


def evaluate(
    artifact: Path, images: Images, labels: NDArray[np.int64], thresholds: Thresholds | None = None
) -> Evaluation:
    """Asks the artifact about every picture. `thresholds` are the manifest's unless given (no manifest is needed then).

    `images` uint8 `[N, 28, 28]`, `labels` integer `[N]`, N ≥ 1. Raises `TrainerError`.
    """
    thresholds = thresholds or manifest_thresholds(load_manifest(artifact))
    probabilities, digit_probability = load_signature(artifact)(images)
    return assess(probabilities, digit_probability, labels, thresholds)


def survey(signature: Signature, thresholds: Thresholds, mnist: Mnist, sets: Sequence[Pictures]) -> Survey:
    """MNIST's test set, plain and corrupted, the `sets`, and noise. Raises `DataError` where a set lacks labels."""
    for pictures in sets:
        pictures.need_labels()
    images, labels = mnist.test_images, mnist.test_labels
    test = assess(*signature(images), labels, thresholds)

    def score(pictures: Pictures) -> SetScore:
        digits = others = None
        if pictures.digits.any():
            digits = assess(*signature(pictures.images[pictures.digits]), pictures.labels[pictures.digits], thresholds)
        if pictures.outliers.any():
            answers = signature(pictures.images[pictures.outliers])
            others = assess_refusals(*answers, test.digit_probability, thresholds)
        return SetScore(pictures.name, pictures.sha256, digits, others)

    return Survey(
        test=test,
        sets=tuple(score(pictures) for pictures in [*sets, *noise(images)]),
        corruptions={kind: assess(*signature(corrupt(images, kind, _SEED)), labels, thresholds) for kind in KINDS},
    )


def noise(images: Images, count: int = 1000) -> list[Pictures]:
    """What nobody would take for a digit: evenly distributed grey values; the first `images` with their pixels shuffled.

    The second have the brightness of digits, and nothing else of them.
    """
    random = np.random.default_rng(_SEED)
    even = random.integers(0, 256, (count, 28, 28), np.uint8)
    shuffled = random.permuted(images[:count].reshape(-1, 28 * 28), axis=1).reshape(-1, 28, 28)
    return [
        Pictures(
            name=name,
            images=drawn,
            labels=np.full(len(drawn), NO_DIGIT, np.int64),
            files=np.full(len(drawn), name),
            sha256=fingerprint(drawn),
        )
        for name, drawn in (("noise", even), ("shuffled_digits", shuffled))
    ]


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


def run(artifact: Path, data: Path | None, out: Path, npz: Sequence[Path] = (), served: Path | None = None) -> Path:
    """`evaluate ARTIFACT [--data DIR] [--out DIR] [--npz FILE …]`: measures, prints, and writes the report.

    `npz` are files of `trainer.npz`, measured beside MNIST's test set. `out` is the report's folder; returns its
    index.html. Raises `TrainerError`, or `OSError` when it cannot be written.
    """
    from trainer import data as datasets
    from trainer import html, report, summary
    from trainer.npz import load_pictures
    from trainer.served import load_served

    manifest = load_manifest(artifact)
    sets = [load_pictures(path) for path in npz]
    mnist = datasets.load_mnist(data)
    found = survey(load_signature(artifact), manifest_thresholds(manifest), mnist, sets)
    print("\n\n".join([summary.test_set(found.test), summary.sets(found.sets), summary.corruptions(found)]))
    page = report.evaluation_report(
        manifest,
        found.test,
        mnist.test_images,
        mnist.sha256["test_images"],
        sets=found.sets,
        corruptions=found.corruptions,
        served=load_served(served) if served else None,
    )
    path = html.write(out / "index.html", page)
    print(f"\nreport: {path}")
    return path
