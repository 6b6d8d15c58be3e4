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

from trainer import summary
from trainer.corruptions import KINDS, corrupt
from trainer.data import KNOWN, Mnist
from trainer.errors import DataError, TrainerError
from trainer.evaluate import (
    evaluate,
    load_manifest,
    load_signature,
    manifest_thresholds,
    noise,
    run,
    survey,
)
from trainer.manifest import Metrics, Thresholds
from trainer.measure import Evaluation, assess, mean_error
from trainer.npz import NO_DIGIT, UNKNOWN, Pictures

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
    text = summary.test_set(evaluate(artifact, images, np.array([3, 9, 5, 6, 1])))
    assert "60.00%  (23.07% to 88.24%)" in text
    assert "2 wrong" in text
    assert "40.00%" in text
    assert "50.00%" in text
    row = next(line for line in text.splitlines() if line.startswith("    9"))
    assert row.split() == ["9", "–", "0.00%", "·", "·", "·", "·", "1", "·", "·", "·", "·", "·"]


@pytest.fixture(scope="module")
def mnist() -> Mnist:
    """Twenty pictures, the last of them misread."""
    labels = np.arange(20) % 10
    images = written([*labels[:-1], 3], [250] * 20, [255] * 19 + [200])
    return Mnist(images, labels, images, labels, dict.fromkeys(KNOWN, "cd" * 32))


def pictures(name: str, images: NDArray[np.uint8], labels: list[int]) -> Pictures:
    return Pictures(name, images, np.array(labels, np.int64), np.full(len(labels), "drawn"), "ef" * 32)


def test_a_survey_by_hand(artifact: Path, mnist: Mnist) -> None:
    mixed = written([3, 4, 5, 6, 7], [255, 240, 204, 255, 230], [255, 200, 128, 100, 0])
    found = survey(
        load_signature(artifact),
        THRESHOLDS,
        mnist,
        [pictures("mixed", mixed, [3, 9, NO_DIGIT, NO_DIGIT, NO_DIGIT]), pictures("digits", mixed[:2], [3, 4])],
    )
    assert found.test.accuracy.failures == 1
    both, digits, even, shuffled = found.sets
    assert both.digits is not None
    assert (both.digits.accuracy.successes, both.digits.refused.successes) == (1, 0)
    assert both.others is not None
    assert (both.others.refused.successes, both.others.refused.trials) == (2, 3)
    assert both.others.ok.successes == 0
    assert (both.others.auroc, both.others.fpr) == (
        1.0,
        0.0,
    )  # 128 is the most of theirs, 200 the least of the test set
    assert digits.others is None
    assert [entry["name"] for entry in both.as_metrics()] == ["mixed_digits", "mixed_no_digits"]
    assert [entry["name"] for entry in digits.as_metrics()] == ["digits"]
    assert [even.name, shuffled.name] == ["noise", "shuffled_digits"]
    for score in found.sets:
        for entry in score.as_metrics():
            assert Metrics.model_validate(entry).sha256 == score.sha256
    assert tuple(found.corruptions) == KINDS
    expected = assess(*load_signature(artifact)(corrupt(mnist.test_images, "stripe", 0)), mnist.test_labels, THRESHOLDS)
    assert found.corruptions["stripe"].accuracy == expected.accuracy
    errors = [e.accuracy.failures / 20 for e in found.corruptions.values()]
    assert mean_error(list(found.corruptions.values())) == pytest.approx(sum(errors) / 15)


def test_noise_is_none_of_the_digits_and_always_the_same(mnist: Mnist) -> None:
    even, shuffled = noise(mnist.test_images, 10)
    assert (even.labels == NO_DIGIT).all()
    assert even.images.shape == shuffled.images.shape == (10, 28, 28)
    for drawn, image in zip(shuffled.images, mnist.test_images, strict=False):
        assert sorted(drawn.ravel().tolist()) == sorted(image.ravel().tolist())
    assert [p.sha256 for p in noise(mnist.test_images, 10)] == [even.sha256, shuffled.sha256]


def test_a_set_without_labels_cannot_be_measured(artifact: Path, mnist: Mnist) -> None:
    with pytest.raises(DataError, match="no label"):
        survey(load_signature(artifact), THRESHOLDS, mnist, [pictures("new", mnist.test_images[:1], [UNKNOWN])])


def test_the_tables_hold_every_set_and_corruption(artifact: Path, mnist: Mnist) -> None:
    strange = pictures("doodles", written([3, 4], [255, 255], [255, 0]), [NO_DIGIT, NO_DIGIT])
    found = survey(
        load_signature(artifact), THRESHOLDS, mnist, [pictures("scans", mnist.test_images, [*range(10)] * 2), strange]
    )
    text = summary.sets(found.sets)
    scans = next(line for line in text.splitlines() if line.startswith("scans"))
    assert scans.split()[1:3] == ["20", "95.00%"]
    doodles = next(line for line in text.splitlines() if line.startswith("doodles"))
    assert doodles.split() == ["doodles", "2", "50.00%", "9.45%", "to", "90.55%", "50.00%", "0.7375", "50.00%"]
    text = summary.corruptions(found)
    assert [line.split()[0] for line in text.splitlines()] == ["corruption", "none", *KINDS, "mean"]
    assert text.splitlines()[-1].endswith(f"{mean_error(list(found.corruptions.values())):.2%}")
    assert "no digits" not in summary.sets(found.sets[:1])


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
    mnist: Mnist,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    parse: Callable[[str], Any],
) -> None:
    from trainer import data

    monkeypatch.setattr(data, "load_mnist", lambda folder: mnist)
    npz = tmp_path / "scans.npz"
    np.savez(npz, images=mnist.test_images[:3], labels=np.array([0, 1, NO_DIGIT]), files=np.array(["a", "b", "c"]))
    path = run(artifact, None, tmp_path / "out", [npz])
    assert path == tmp_path / "out" / "index.html"
    assert [entry.name for entry in path.parent.iterdir()] == ["index.html"]
    printed = capsys.readouterr().out
    for words in ("95.00%", "scans", "zigzag", "mean error"):
        assert words in printed
    page = parse(path.read_text(encoding="utf-8"))
    assert "9 read as 3" in page.text
    assert len(page.all("img")) == 1
    assert "scans_no_digits" in page.text
    assert "zigzag" in page.text


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
