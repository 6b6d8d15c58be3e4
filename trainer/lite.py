"""`model.tflite`: the SavedModel's graph once more, float32 as it is, for services that run it without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import lines
from trainer.errors import PublishError
from trainer.evaluate import Images, Signature, load_signature

FILE = "model.tflite"
MOST_PICTURES = 10_000
_SIGNATURE = "serving_default"
_AGREES = 1e-4
_LEAST_SHARE = 0.8
"""Of four bytes a parameter: batch normalisation is folded into the convolutions, and nothing else may be lost."""
_BATCH = 256


def write(
    staged: Path, parameters: int, images: Images, golden_images: Images, golden_lines: Images | None = None
) -> None:
    """Converts the SavedModel in `staged` into `model.tflite` beside it, and checks it against the SavedModel.

    Both must answer alike on `images` uint8 `[N, 28, 28]`, of which the first 10,000 are asked, on `golden_images` uint8
    `[K, 28, 28]`, and, where it reads lines, on `golden_lines` uint8 `[L, 32, W]`; `parameters` counts all that it has. Raises
    `PublishError`; what was written is then not fit to be published.
    """
    path = staged / FILE
    try:
        path.write_bytes(convert(staged, [_SIGNATURE] if golden_lines is None else [_SIGNATURE, lines.SIGNATURE]))
    except OSError as error:
        raise PublishError(f"{path}: {error.strerror or error}; nothing was published") from error
    check(path, load_signature(staged), parameters, images, golden_images)
    if golden_lines is not None:
        _agree(path, (load_lines(path)(golden_lines),), (np.exp(lines.load(staged)(golden_lines)),))


def convert(folder: Path, signatures: Sequence[str] = (_SIGNATURE,)) -> bytes:
    """The SavedModel in `folder` as the content of a `.tflite` file: its `signatures`, nothing quantised."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=list(signatures))
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises whatever it likes
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise PublishError(f"{folder}: the graph cannot be converted to {FILE}: {reason[0]}") from error


def check(path: Path, expected: Signature, parameters: int, images: Images, golden_images: Images) -> None:
    """Refuses what a converter that fails silently has written; arguments and errors as for `write`."""
    least = _LEAST_SHARE * 4 * parameters
    size = path.stat().st_size
    if size < least:
        raise PublishError(
            f"{path}: has {size:,} bytes, and {parameters:,} float32 parameters need at least {least:,.0f}"
        )
    answer = load(path)
    if not all(np.isfinite(output).all() for output in answer(golden_images)):
        raise PublishError(f"{path}: gives an answer that is no number on a golden image")
    for asked in (golden_images, images[:MOST_PICTURES]):
        _agree(path, answer(asked), expected(asked))


def _agree(path: Path, given: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> None:
    # `max` would pass over NaN; an empty set has no difference.
    difference = float(np.max([np.abs(a - b).max(initial=0) for a, b in zip(given, wanted, strict=True)]))
    if not difference <= _AGREES:
        raise PublishError(f"{path}: its answers differ from the SavedModel's by {difference:.2g}")


def load_lines(path: Path) -> Callable[[Images], NDArray[np.float32]]:
    """The file's reader of lines as a function of uint8 `[N, 32, W]`. Raises `PublishError` where it cannot be run."""
    run = _runner(path, lines.SIGNATURE)
    return lambda pictures: np.exp(run(lines=pictures)["log_probabilities"])


def load(path: Path) -> Signature:
    """The file as a function of uint8 `[N, 28, 28]`, any N. Raises `PublishError` where it cannot be run."""
    run = _runner(path, _SIGNATURE)

    def answer(images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities, digit_probability = np.empty((len(images), 10), np.float32), np.empty(len(images), np.float32)
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            given = run(images=images[part])
            probabilities[part], digit_probability[part] = given["probabilities"], given["digit_probability"]
        return probabilities, digit_probability

    return answer


def _runner(path: Path, signature: str) -> Any:
    # The interpreter inside TensorFlow is deprecated in favour of this package.
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_path=str(path), num_threads=os.cpu_count() or 1)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner(signature)
    except (RuntimeError, ValueError) as error:
        raise PublishError(f"{path}: cannot be run: {error}") from error
