"""The exported graph: float32, frozen, with scaling, softmax and calibration inside; docs/artifact.md has its signatures."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.calibrate import SUREST_LOGIT, Calibration
from trainer.errors import PublishError, TrainerError
from trainer.writing import HEIGHT

Network = Callable[[Any], dict[str, Any]]
"""Traced by TensorFlow: uint8 `[N, 28, 28]` → `digits` float32 `[N, 10]` and `is_digit` float32 `[N]`, both logits."""


def of_model(model: Any) -> Network:
    """The network of a float32 Keras `model`."""

    def network(images: Any) -> dict[str, Any]:
        logits = model(images, training=False)
        return {"digits": logits["digits"], "is_digit": logits["is_digit"][:, 0]}

    return network


def of_artifact(artifact: Path) -> Network:
    """The network of a published version, its weights as they are. Raises `TrainerError` where it has no such signature."""
    tf: Any = importlib.import_module("tensorflow")
    try:
        loaded: Any = tf.saved_model.load(str(artifact))
    except Exception as error:  # TensorFlow raises OSError, ValueError, KeyError and its own for damaged files
        raise TrainerError(f"{artifact}: its SavedModel cannot be loaded: {str(error).splitlines()[0]}") from error
    if "logits" not in loaded.signatures:
        raise TrainerError(
            f"{artifact}: has no signature `logits`, so it cannot be calibrated anew; versions published since it was "
            "added to the format do"
        )

    def network(images: Any) -> dict[str, Any]:
        return dict(loaded.signatures["logits"](images=images))  # a closure: a signature does not keep its model alive

    return network


def answers(
    network: Network, images: NDArray[np.uint8], batch: int = 500
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What `network` says of uint8 `[N, 28, 28]`: its logits, `[N, 10]` and `[N]`. Any N, none included."""
    tf: Any = importlib.import_module("tensorflow")
    digits, is_digit = np.empty((len(images), 10)), np.empty(len(images))
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        given = network(tf.constant(images[part], tf.uint8))
        digits[part], is_digit[part] = given["digits"].numpy(), given["is_digit"].numpy()
    return digits, is_digit


def save(network: Network, calibration: Calibration, folder: Path, lines: Callable[[Any], Any] | None = None) -> None:
    """Writes the SavedModel of `network` into `folder`. Raises `PublishError` where the graph holds bfloat16.

    The network is frozen into one function, which both signatures call, so that its weights are in the file once. `lines`, where
    it is given, is the network that reads lines, as `trainer.lines` describes it.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    images = [tf.TensorSpec([None, 28, 28], tf.uint8, name="images")]
    frozen = convert_variables_to_constants_v2(tf.function(network, images, autograph=False).get_concrete_function())
    # A frozen function lists its outputs without their names, in an order of its own: their ranks tell them apart.
    ranks = [len(output.shape) for output in frozen.outputs]

    def logits(images: Any) -> dict[str, Any]:
        outputs = frozen(images)
        return {"digits": outputs[ranks.index(2)], "is_digit": outputs[ranks.index(1)]}

    def serve(images: Any) -> dict[str, Any]:
        given, scales = logits(images), calibration.scales
        whether = given["is_digit"] * scales.slope + scales.offset
        sharpness = tf.exp(scales.trust * tf.clip_by_value(whether, -SUREST_LOGIT, SUREST_LOGIT)) / scales.temperature
        return {
            "probabilities": tf.nn.softmax(given["digits"] * sharpness[:, None]),
            "digit_probability": tf.sigmoid(whether),
        }

    module = tf.Module()
    module.frozen = frozen
    signatures = {
        "serving_default": tf.function(serve, images, autograph=False),
        "logits": tf.function(logits, images, autograph=False),
    }
    if lines is not None:
        shape = [tf.TensorSpec([None, HEIGHT, None], tf.uint8, name="lines")]
        whole = convert_variables_to_constants_v2(tf.function(lines, shape, autograph=False).get_concrete_function())
        module.lines = whole
        signatures["lines"] = tf.function(lambda lines: {"log_probabilities": whole(lines)[0]}, shape, autograph=False)
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures)
    except tf.errors.OpError as error:  # how TensorFlow says that the disk is full
        raise PublishError(
            f"{folder}: the graph could not be written: {error.message}; nothing was published"
        ) from error
    (folder / "assets").rmdir()  # empty, and version control does not keep empty folders
    bad = bfloat16_nodes(folder)
    if bad:
        raise PublishError(f"{folder}: the exported graph computes in bfloat16 ({bad[0]} and {len(bad) - 1} more)")


def bfloat16_nodes(folder: Path) -> list[str]:
    """Names of the nodes of a SavedModel, its functions included, that have to do with bfloat16."""
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return [node.name for node in nodes if any(_holds(value, types_pb2.DT_BFLOAT16) for value in node.attr.values())]


def _holds(value: Any, dtype: int) -> bool:
    return value.type == dtype or value.tensor.dtype == dtype or dtype in value.list.type
