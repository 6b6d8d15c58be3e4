"""The artifact here is a SavedModel that reads its answer off the picture's first row, so every figure is known beforehand."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.errors import TrainerError
from trainer.evaluate import (
    Evaluation,
    assess,
    evaluate,
    load_manifest,
    load_signature,
    manifest_thresholds,
    run,
    summary,
)
from trainer.manifest import Thresholds

THRESHOLDS = Thresholds(confidence=0.9, digit_probability=0.5)


def written(digits: list[int], confidence: list[int], digit: list[int]) -> NDArray[np.uint8]:
    """Pictures to which the artifact answers `digits`, with `confidence` / 255, being digits with `digit` / 255."""
    images = np.zeros((len(digits), 28, 28), np.uint8)
    images[:, 0, :3] = np.stack([digits, confidence, digit], axis=1)
    return images


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tf: Any = importlib.import_module("tensorflow")

    def serve(images: Any) -> dict[str, Any]:
        first = tf.cast(images[:, 0, :3], tf.float32)
        own, sure = tf.one_hot(tf.cast(first[:, 0], tf.int32), 10), first[:, 1:2] / 255
        return {"probabilities": own * sure + (1 - own) * (1 - sure) / 9, "digit_probability": first[:, 2] / 255}

    folder = tmp_path_factory.mktemp("artifact") / "1"
    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, name="images")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    thresholds = {"confidence": THRESHOLDS.confidence, "digit_probability": THRESHOLDS.digit_probability}
    (folder / "manifest.json").write_text(json.dumps({"name": "digits", "version": 1, "thresholds": thresholds}))
    return folder


@pytest.mark.parametrize("count", [0, 1, 4, 5, 11])
def test_the_signature_answers_every_picture(artifact: Path, count: int) -> None:
    signature = load_signature(artifact, batch=4)
    digits = np.arange(count) % 10
    probabilities, digit_probability = signature(written(digits.tolist(), [255] * count, [51] * count))
    assert probabilities.shape == (count, 10)
    assert digit_probability.shape == (count,)
    assert probabilities.dtype == digit_probability.dtype == np.dtype("float32")
    np.testing.assert_array_equal(probabilities.argmax(axis=1) if count else [], digits)
    np.testing.assert_allclose(digit_probability, 0.2, rtol=1e-6)


def test_evaluate_by_hand(artifact: Path) -> None:
    # ok, ok but wrong, uncertain, refused, wrong and refused
    images = written([3, 4, 5, 6, 7], [255, 240, 204, 255, 230], [255, 200, 128, 100, 0])
    e = evaluate(artifact, images, np.array([3, 9, 5, 6, 1]))
    assert e.thresholds == THRESHOLDS  # the manifest's
    assert (e.accuracy.successes, e.accuracy.trials) == (3, 5)
    assert (e.kept.successes, e.coverage.successes) == (3, 2)
    assert (e.accuracy_of_ok.successes, e.accuracy_of_ok.trials) == (1, 2)
    assert e.predicted.tolist() == [3, 4, 5, 6, 7]
    np.testing.assert_allclose(e.confidence, np.array([255, 240, 204, 255, 230]) / 255, rtol=1e-6)
    assert e.confusion[9, 4] == e.confusion[1, 7] == 1
    assert e.confusion.sum() == 5
    assert e.worst(10).tolist() == [1, 4]  # the surer mistake first
    assert e.worst(1).tolist() == [1]
    # 15 bins: 204/255 = 0.8 alone, 230/255 = 0.902 alone, 240/255 = 0.941 with the two at 1
    expected = (0.2 + 230 / 255 + 3 * abs(2 / 3 - (2 + 240 / 255) / 3)) / 5
    assert e.ece == pytest.approx(expected, abs=1e-6)
    entry = e.as_metrics("drawn", "ab")
    assert entry["accuracy_low"] < entry["accuracy"] == 0.6 < entry["accuracy_high"]
    assert (entry["pictures"], entry["coverage"], entry["accuracy_of_ok"]) == (5, 0.4, 0.5)


def test_evaluate_needs_no_manifest_where_thresholds_are_given(artifact: Path) -> None:
    e = evaluate(artifact, written([1], [230], [255]), np.array([1]), Thresholds(0.95, 0.5))
    assert (e.kept.successes, e.coverage.successes) == (1, 0)
    assert np.isnan(e.accuracy_of_ok.value)
    json.loads(json.dumps(e.as_metrics("one", "ab"), allow_nan=False))


def test_the_summary_holds_every_figure(artifact: Path) -> None:
    images = written([3, 4, 5, 6, 7], [255, 240, 204, 255, 230], [255, 200, 128, 100, 0])
    text = summary(evaluate(artifact, images, np.array([3, 9, 5, 6, 1])))
    assert "60.00%  (23.07% to 88.24%)" in text
    assert "2 wrong" in text
    assert "40.00%" in text
    assert "50.00%" in text
    row = next(line for line in text.splitlines() if line.startswith("    9"))
    assert row.split() == ["9", "–", "0.00%", "·", "·", "·", "·", "1", "·", "·", "·", "·", "·"]


def test_shapes_that_do_not_fit_are_refused() -> None:
    for count, labels in ((2, 3), (0, 0)):
        with pytest.raises(ValueError, match="labels for"):
            assess(
                np.zeros((count, 10), np.float32), np.zeros(count, np.float32), np.zeros(labels, np.int64), THRESHOLDS
            )


def test_no_artifact_a_damaged_one_and_another_signature(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match=r"no saved_model\.pb"):
        load_signature(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(TrainerError, match="cannot be loaded") as caught:
        load_signature(tmp_path)
    assert "\n" not in str(caught.value)
    tf: Any = importlib.import_module("tensorflow")
    other = tf.Module()
    other.serve = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    tf.saved_model.save(other, str(tmp_path / "other"), signatures={"serving_default": other.serve})
    with pytest.raises(TrainerError, match=r"maps \['x'\] to \['y'\]"):
        load_signature(tmp_path / "other")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"thresholds": {"confidence": "high"}}'])
def test_a_manifest_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(TrainerError, match="manifest"):
        manifest_thresholds(load_manifest(tmp_path))


def test_run_prints_and_writes_the_report(
    artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    parse: Callable[[str], Any],
) -> None:
    from trainer import data

    labels = np.arange(20) % 10
    images = written([*labels[:-1], 3], [250] * 20, [255] * 20)
    mnist = data.Mnist(images, labels, images, labels, dict.fromkeys(data.KNOWN, "cd" * 32))
    monkeypatch.setattr(data, "load_mnist", lambda folder: mnist)
    path = run(artifact, None, tmp_path / "out")
    assert path == tmp_path / "out" / "index.html"
    assert [entry.name for entry in path.parent.iterdir()] == ["index.html"]
    assert "95.00%" in capsys.readouterr().out
    page = parse(path.read_text(encoding="utf-8"))
    assert "9 read as 3" in page.text
    assert len(page.all("img")) == 1


def test_the_released_artifact_on_mnist() -> None:
    from trainer.data import load_mnist

    folder, root = os.environ.get("DIGITS_DATA"), Path(__file__).parents[2] / "artifacts" / "digits"
    versions = [path for path in root.glob("*") if path.name.isdecimal()] if root.is_dir() else []
    if not folder:
        pytest.skip("needs MNIST: set DIGITS_DATA to the folder that holds mnist/")
    if not versions:
        pytest.skip("no version is published below artifacts/digits")
    newest = max(versions, key=lambda path: int(path.name))
    mnist = load_mnist(Path(folder) / "mnist")
    e: Evaluation = evaluate(newest, mnist.test_images, mnist.test_labels)
    claimed = next(entry for entry in load_manifest(newest)["metrics"] if entry["name"] == "mnist_test")
    assert e.accuracy.value == pytest.approx(claimed["accuracy"], abs=3e-4)
    assert e.accuracy.value >= 0.995
