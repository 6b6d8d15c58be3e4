"""`model.tflite` is what the SavedModel is, and what a converter that fails silently has written is refused."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Trained
from trainer import lite
from trainer.errors import PublishError
from trainer.evaluate import Signature, load_signature
from trainer.manifest import Manifest

GOLDEN = np.full((2, 28, 28), 255, np.uint8)


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)


@pytest.fixture(scope="module")
def published(trained: Trained) -> Signature:
    return load_signature(trained.artifact)


@pytest.fixture(scope="module")
def parameters(trained: Trained) -> int:
    return Manifest.model_validate_json((trained.artifact / "manifest.json").read_text()).parameters


def saved(folder: Path, *, pole: float) -> Path:
    """A SavedModel without weights, whose answers are no numbers where a picture's mean is `pole`."""
    tf: Any = importlib.import_module("tensorflow")

    def serve(images: Any) -> dict[str, Any]:
        mean = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2])
        off = mean - pole
        return {"probabilities": tf.repeat((off / off)[:, None], 10, axis=1), "digit_probability": mean / 255}

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, name="images")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257])
def test_it_answers_any_number_of_pictures_as_the_saved_model_does(
    trained: Trained, published: Signature, count: int
) -> None:
    given = lite.load(trained.artifact / lite.FILE)(noise(count))
    for answer, expected in zip(given, published(noise(count)), strict=True):
        assert answer.shape == expected.shape
        assert answer.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-4)


def test_what_is_too_small_for_the_weights_is_refused(trained: Trained, published: Signature, parameters: int) -> None:
    path = trained.artifact / lite.FILE
    assert path.stat().st_size > 4 * 0.8 * parameters
    lite.check(path, published, parameters, noise(8), GOLDEN)
    with pytest.raises(
        PublishError, match=r"model\.tflite: has [\d,]+ bytes, and [\d,]+ float32 parameters need at least"
    ):
        lite.check(path, published, parameters * 2, noise(8), GOLDEN)


def test_an_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    staged = saved(tmp_path / "staged", pole=255)
    with pytest.raises(PublishError, match="gives an answer that is no number on a golden image"):
        lite.write(staged, 10, noise(8), GOLDEN)
    lite.write(staged, 10, noise(8), noise(2))


def test_answers_that_differ_are_refused_also_where_one_is_no_number(
    trained: Trained, published: Signature, parameters: int, tmp_path: Path
) -> None:
    def other(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities, digit_probability = published(images)
        probabilities[(images == 7).all((1, 2)), 3] += 2e-4
        return probabilities, digit_probability

    path = trained.artifact / lite.FILE
    sevens = np.concatenate([noise(300), np.full((1, 28, 28), 7, np.uint8)])
    lite.check(path, other, parameters, sevens[:300], GOLDEN)
    with pytest.raises(PublishError, match=r"its answers differ from the SavedModel's by 0\.0002"):
        lite.check(path, other, parameters, sevens, GOLDEN)
    staged = saved(tmp_path / "staged", pole=7)
    with pytest.raises(PublishError, match="its answers differ from the SavedModel's by nan"):
        lite.write(staged, 10, sevens, GOLDEN)


def test_of_many_pictures_the_first_are_asked(
    trained: Trained, published: Signature, parameters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counting(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        asked.append(len(images))
        return published(images)

    monkeypatch.setattr(lite, "MOST_PICTURES", 5)
    lite.check(trained.artifact / lite.FILE, counting, parameters, noise(8), GOLDEN)
    assert asked == [2, 5]


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / lite.FILE).write_bytes(bytes(1000))
    with pytest.raises(PublishError, match=r"model\.tflite: cannot be run"):
        lite.load(tmp_path / lite.FILE)


def test_a_graph_that_cannot_be_converted_is_refused(tmp_path: Path) -> None:
    tf: Any = importlib.import_module("tensorflow")

    def serve(images: Any) -> dict[str, Any]:
        return {"probabilities": tf.strings.length(tf.strings.as_string(images))}

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, name="images")])
    tf.saved_model.save(module, str(tmp_path / "staged"), signatures={"serving_default": module.serve})
    with pytest.raises(PublishError, match=r"the graph cannot be converted to model\.tflite: "):
        lite.write(tmp_path / "staged", 1, noise(1), GOLDEN)
    assert not (tmp_path / "staged" / lite.FILE).exists()
