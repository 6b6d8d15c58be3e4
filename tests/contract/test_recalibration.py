"""The whole loop: held-out pictures as files, through the service's pipeline, into a new calibration of the same network."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.model.artifact import Manifest as ServiceManifest
from tests.conftest import ROOT, Trained, run_trainer
from trainer import graph
from trainer.calibrate import Scales
from trainer.evaluate import load_signature
from trainer.export import checksums
from trainer.manifest import Manifest
from trainer.npz import load_pictures
from trainer.pens import draw_digits
from trainer.reference import distribution

pytestmark = pytest.mark.timeout(300)  # the first test waits for the training
VERIFY = f"{sys.executable} -m service verify"


def service(*words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DIGITS_")} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "service", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def manifest(artifact: Path) -> Manifest:
    return Manifest.model_validate_json((artifact / "manifest.json").read_text())


@pytest.fixture(scope="module")
def held_out(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`plain` and `distorted` .npz files of the tiny artifact's held-out pictures, read by the service."""
    folder = tmp_path_factory.mktemp("pictures")
    done = run_trainer("pictures", "--out", folder / "val", "--data", trained.data, "--any-data", "--validation", "300")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("750 pictures, with their labels in labels.csv\n")
    files = {}
    for name, flags in {"plain": ["--not-groups", "distorted"], "distorted": ["--groups", "distorted"]}.items():
        files[name] = folder / f"{name}.npz"
        labels = ["--labels", str(folder / "val" / "labels.csv"), *flags]
        done = service("read", folder / "val" / "images", "--npz", files[name], *labels)
        assert done.returncode == 0, done.stderr
    return files


@pytest.fixture(scope="module")
def recalibrated(trained: Trained, held_out: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recalibrated")
    shutil.copytree(trained.artifact, root / "1")
    done = run_trainer(
        "calibrate", root / "1", "--npz", held_out["plain"], "--distorted", held_out["distorted"], "--data", trained.data,
        "--any-data", "--artifacts", root, "--verify", VERIFY, "--wrong-of-ok", "0.02",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "2"


def test_the_pictures_keep_their_labels_on_the_way(held_out: dict[str, Path]) -> None:
    plain, distorted = load_pictures(held_out["plain"]), load_pictures(held_out["distorted"])
    assert plain.digits.sum() > 290
    assert plain.outliers.sum() > 100
    assert distorted.digits.all()


def test_the_service_takes_the_recalibrated_version(trained: Trained, recalibrated: Path) -> None:
    assert service("verify", recalibrated).returncode == 0
    assert (recalibrated / "SHA256SUMS").read_text() == checksums(recalibrated)
    written, parent = manifest(recalibrated), manifest(trained.artifact)
    assert (written.version, written.parent, parent.parent) == (2, 1, None)
    assert (written.parameters, written.seed, written.training_data) == (
        parent.parameters,
        parent.seed,
        parent.training_data,
    )
    assert written.command.startswith("python -m trainer calibrate 1 --npz plain.npz --distorted distorted.npz")
    assert written.thresholds != parent.thresholds
    assert [entry.name for entry in written.metrics][:2] == ["mnist_test", "plain"]
    files = {p.relative_to(trained.artifact) for p in trained.artifact.rglob("*")}
    assert {p.relative_to(recalibrated) for p in recalibrated.rglob("*")} == files
    text = (recalibrated / "manifest.json").read_text()
    read: dict[str, Any] = ServiceManifest.model_validate_json(text).model_dump(mode="json")
    assert read == written.model_dump(mode="json") == json.loads(text)


def test_the_manifest_tells_what_was_asked_for_and_attained(recalibrated: Path, held_out: dict[str, Path]) -> None:
    record = manifest(recalibrated).calibration
    assert record is not None
    assert (record.asked.kept_digits, record.asked.wrong_of_ok) == (0.998, 0.02)
    assert [entry.name for entry in record.data] == ["plain", "distorted"]
    plain = load_pictures(held_out["plain"])
    assert record.data[0].sha256 == hashlib.sha256(plain.images.tobytes()).hexdigest()
    thresholds = manifest(recalibrated).thresholds
    probabilities, digit_probability = load_signature(recalibrated)(plain.images[plain.digits])
    kept = digit_probability >= thresholds.digit_probability
    ok = kept & (probabilities.max(1) >= thresholds.confidence)
    wrong = probabilities.argmax(1) != plain.labels[plain.digits]
    assert kept.mean() == pytest.approx(record.attained.kept_digits, abs=1e-9)
    assert ok.mean() == pytest.approx(record.attained.coverage, abs=1e-9)
    assert wrong[ok].mean() == pytest.approx(record.attained.wrong_of_ok, abs=1e-9)
    assert kept.mean() >= 0.998
    reference = manifest(recalibrated).reference
    assert reference is not None
    assert [(entry.name, entry.pictures) for entry in reference.data] == [("plain", int(plain.digits.sum()))]
    assert reference.confidence == distribution(probabilities.max(1), reference.confidence.edges)


@pytest.mark.parametrize("recalibrate", [False, True], ids=["trained", "recalibrated"])
def test_the_signature_logits_is_the_network_before_calibration(
    trained: Trained, recalibrated: Path, recalibrate: bool
) -> None:
    import tensorflow as tf

    artifact = recalibrated if recalibrate else trained.artifact
    signature = tf.saved_model.load(str(artifact)).signatures["logits"]
    outputs = {n: (s.dtype.name, s.shape.as_list()) for n, s in signature.structured_outputs.items()}
    assert outputs == {"digits": ("float32", [None, 10]), "is_digit": ("float32", [None])}
    record = manifest(artifact).calibration
    assert record is not None
    images = draw_digits(np.arange(20) % 10, [7])
    digits, is_digit = graph.answers(graph.of_artifact(artifact), images)
    if recalibrate:  # the weights are those that were trained, to the bit
        for given, before in zip(
            (digits, is_digit), graph.answers(graph.of_artifact(trained.artifact), images), strict=True
        ):
            np.testing.assert_array_equal(given, before)
    probabilities, digit_probability = load_signature(artifact)(images)
    scales = Scales(record.temperature, record.trust, record.slope, record.offset)
    np.testing.assert_allclose(probabilities, scales.probabilities(digits, is_digit), atol=1e-5)
    np.testing.assert_allclose(digit_probability, scales.digit_probability(is_digit), atol=1e-5)
    weights = 4 * manifest(artifact).parameters
    assert weights < (artifact / "saved_model.pb").stat().st_size < 1.2 * weights + 100_000  # in the file once


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(200) % 10, "0 pictures without one (label -1); a calibration needs 100 at least"),
        (np.full(200, -1), "0 pictures of a digit (labels 0 to 9)"),
        (np.where(np.arange(200) < 150, 1, -2), "50 of 200 pictures have no label"),
    ],
)
def test_pictures_that_do_not_do_are_one_line(
    trained: Trained, tmp_path: Path, labels: np.ndarray[Any, Any], message: str
) -> None:
    images = draw_digits(np.arange(200) % 10, [3])
    np.savez(tmp_path / "mine.npz", images=images, labels=labels, files=np.full(200, "x.png"))
    words: list[str | Path] = [
        "--npz",
        tmp_path / "mine.npz",
        "--data",
        trained.data,
        "--any-data",
        "--artifacts",
        tmp_path / "new",
    ]
    done = run_trainer("calibrate", trained.artifact, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: mine.npz: ")
    assert message in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_version_without_logits_or_damaged_is_refused(
    trained: Trained, held_out: dict[str, Path], tmp_path: Path
) -> None:
    import tensorflow as tf

    old = Path(shutil.copytree(trained.artifact, tmp_path / "1"))
    words: list[str | Path] = [
        "--npz",
        held_out["plain"],
        "--data",
        trained.data,
        "--any-data",
        "--artifacts",
        tmp_path / "new",
    ]
    loaded = tf.saved_model.load(str(old))
    tf.saved_model.save(
        loaded, str(tmp_path / "graph"), signatures={"serving_default": loaded.signatures["serving_default"]}
    )
    shutil.copy(tmp_path / "graph" / "saved_model.pb", old / "saved_model.pb")
    damaged = run_trainer("calibrate", old, *words)
    assert damaged.returncode == 2
    assert "is damaged: its files are not those of SHA256SUMS" in damaged.stderr
    (old / "SHA256SUMS").write_text(checksums(old))
    done = run_trainer("calibrate", old, *words)
    assert done.returncode == 2
    assert "has no signature `logits`" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "new").exists()
