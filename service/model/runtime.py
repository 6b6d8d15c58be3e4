"""Runs a SavedModel through its signature. TensorFlow is imported here and only when a model is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused
from service.reading.tiles import HEIGHT, TILE
from service.reading.types import NameColumns, Signatures

SIGNATURE = "serving_default"
LINES = "lines"
WARM_UP = (1, 2, 4, 8, 16, 32, 64)
"""Batch sizes that are asked once before a model serves, so that no caller pays for the first time."""
WARM_UP_TILES = (1, 2, 3, 4)


def processors() -> int:
    """How many processors this process may use; a container's limit on CPU sets counts, where the system tells."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def open_saved_model(folder: Path, threads: int) -> Signatures:
    """Loads the SavedModel in `folder` and warms it up. Raises `ArtifactRefused` when a signature is another one."""
    tf = _tensorflow(threads)
    try:
        loaded = tf.saved_model.load(str(folder))
        signature = loaded.signatures[SIGNATURE]
    except Exception as error:  # TensorFlow raises whatever it likes on a bad file
        raise ArtifactRefused("saved_model.pb", f"cannot be loaded ({type(error).__name__})") from error
    _check_signature(tf, signature)

    def predict(images: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        answer = signature(images=tf.constant(images))
        return answer["probabilities"].numpy(), answer["digit_probability"].numpy()

    # The signature holds its resources weakly: without this they would go when this function returns.
    predict.model = loaded  # type: ignore[attr-defined]
    for size in WARM_UP:
        predict(np.zeros((size, 28, 28), np.uint8))
    return Signatures(predict, _lines(tf, loaded))


def _lines(tf: Any, loaded: Any) -> NameColumns | None:
    """The signature for lines, where the model has one."""
    if LINES not in loaded.signatures:
        return None
    signature = loaded.signatures[LINES]
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if not (
        list(inputs) == ["lines"]
        and inputs["lines"].dtype == tf.uint8
        and inputs["lines"].shape.as_list() == [None, HEIGHT, None]
        and list(outputs) == ["log_probabilities"]
        and outputs["log_probabilities"].dtype == tf.float32
    ):
        raise ArtifactRefused("saved_model.pb", f"the signature {LINES} is not the one of docs/artifact.md")

    def name_columns(lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        return np.asarray(signature(lines=tf.constant(lines))["log_probabilities"].numpy())

    name_columns.model = loaded  # type: ignore[attr-defined]
    for size in WARM_UP_TILES:
        name_columns(np.zeros((size, HEIGHT, TILE), np.uint8))
    return name_columns


def _tensorflow(threads: int) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # TensorFlow is already running here (a second version, or a test): its threads are what they are.
    return tf


def _check_signature(tf: Any, signature: Any) -> None:
    inputs = signature.structured_input_signature[1]
    outputs = signature.structured_outputs
    right = (
        list(inputs) == ["images"]
        and inputs["images"].dtype == tf.uint8
        and inputs["images"].shape.as_list() == [None, 28, 28]
        and {"probabilities", "digit_probability"} <= set(outputs)
        and all(outputs[name].dtype == tf.float32 for name in ("probabilities", "digit_probability"))
    )
    if not right:
        raise ArtifactRefused("saved_model.pb", f"the signature {SIGNATURE} is not the one of docs/artifact.md")
