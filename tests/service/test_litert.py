"""LiteRT runs `model.tflite` for any number of pictures, from any thread, and refuses what is not the contract's."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import ArtifactRefused, SettingsError
from service.model.litert import FILE, SIZES, open_tflite
from service.model.version import runtime
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def pictures(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def write(
    folder: Path, shape: list[int | None], dtype: str = "uint8", key: str = "serving_default", **more: str
) -> Path:
    """A `model.tflite` that answers with sums over the picture's rows, and its mean; `more` renames outputs."""
    tf: Any = importlib.import_module("tensorflow")

    def serve(images: Any) -> dict[str, Any]:
        rows = tf.reduce_mean(tf.cast(images, tf.float32), 2)
        return {
            more.get("probabilities", "probabilities"): rows[:, :10],
            more.get("digit_probability", "digit_probability"): tf.reduce_mean(rows, 1),
        }

    folder.mkdir(exist_ok=True)
    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec(shape, dtype, name="images")])
    tf.saved_model.save(module, str(folder / "saved"), signatures={key: module.serve})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"), signature_keys=[key])
    (folder / FILE).write_bytes(converter.convert())
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("litert") / "1", [None, 28, 28])


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 31, 32, 41, 64, 105])
def test_every_picture_gets_its_own_answer(folder: Path, count: int) -> None:
    probabilities, digit_probability = open_tflite(folder, 1).digits(pictures(count))
    assert probabilities.dtype == digit_probability.dtype == np.float32
    assert probabilities.shape == (count, 10)
    np.testing.assert_allclose(probabilities, pictures(count).mean(2)[:, :10], rtol=1e-5)
    np.testing.assert_allclose(digit_probability, pictures(count).mean((1, 2)), rtol=1e-5)


def test_the_pieces_make_up_any_number() -> None:
    assert list(SIZES) == sorted(SIZES, reverse=True)
    assert SIZES[-1] == 1


def test_it_takes_pictures_that_do_not_lie_in_a_row(folder: Path) -> None:
    images = pictures(20)[::2, ::-1]
    np.testing.assert_allclose(open_tflite(folder, 1).digits(images)[1], images.mean((1, 2)), rtol=1e-5)


def test_threads_get_their_own_answers(folder: Path) -> None:
    predict = open_tflite(folder, 2).digits

    def ask(seed: int) -> bool:
        images = pictures(seed % 11 + 1, seed)
        return np.allclose(predict(images)[1], images.mean((1, 2)), rtol=1e-5)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))


def test_an_earlier_answer_is_not_overwritten(folder: Path) -> None:
    predict = open_tflite(folder, 1).digits
    first = predict(pictures(1))[0]
    kept = first.copy()
    predict(pictures(1, 1))
    np.testing.assert_array_equal(first, kept)


def test_the_setting_chooses_it(folder: Path) -> None:
    predict = runtime(Settings(runtime="litert", threads=1))(folder).digits
    np.testing.assert_allclose(predict(pictures(3))[1], pictures(3).mean((1, 2)), rtol=1e-5)


def test_a_version_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused) as refused:
        open_tflite(tmp_path, 1)
    assert refused.value.detail == "model.tflite: is missing: only DIGITS_RUNTIME=tensorflow runs this version"


@pytest.mark.parametrize("content", [b"", b"x" * 5000, None])
def test_a_file_that_is_no_model_is_refused(folder: Path, tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes()[:500] if content is None else content)
    with pytest.raises(ArtifactRefused, match=r"^model\.tflite: cannot be loaded \(\w+\)$"):
        open_tflite(tmp_path, 1)


@pytest.mark.parametrize(
    ("shape", "dtype", "names"),
    [
        ([1, 28, 28], "uint8", {}),
        ([None, 32, 28], "uint8", {}),
        ([None, 28, 28], "float32", {}),
        ([None, 28, 28], "uint8", {"probabilities": "digit_probability", "digit_probability": "probabilities"}),
        ([None, 28, 28], "uint8", {"digit_probability": "digit"}),
    ],
)
def test_another_signature_is_refused(
    tmp_path: Path, shape: list[int | None], dtype: str, names: dict[str, str]
) -> None:
    with pytest.raises(ArtifactRefused, match=r"^model\.tflite: the signature serving_default is not the one"):
        open_tflite(write(tmp_path, shape, dtype, **names), 1)


def test_a_signature_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused, match=r"^model\.tflite: has no signature serving_default$"):
        open_tflite(write(tmp_path, [None, 28, 28], key="logits"), 1)


def test_a_package_that_is_not_installed_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, published: Path) -> None:
    for name, package in (("litert", "ai_edge_litert"), ("tensorflow", "tensorflow")):
        with monkeypatch.context() as context:
            context.setitem(sys.modules, package, None)
            with pytest.raises(SettingsError) as told:
                Settings.read(runtime=name)
        assert told.value.detail == f"--runtime={name}: is not installed; install the extra {name}"
    code = "import sys; sys.modules['ai_edge_litert'] = None; from service.__main__ import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "DIGITS_RUNTIME": "litert", "DIGITS_ARTIFACTS": str(published), "DIGITS_WORKERS": "2"}
    for words in (["serve", "--port", "0"], ["read", "x.png"], ["verify", str(published / "1")]):
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr == "digits: DIGITS_RUNTIME=litert: is not installed; install the extra litert\n"
