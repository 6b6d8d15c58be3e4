"""The exported graph: float32, frozen, with scaling, softmax and calibration inside; docs/artifact.md has its signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.calibrate import Calibration
from trainer.errors import PublishError


def save(model: Any, calibration: Calibration, folder: Path) -> None:
    """Writes the SavedModel of a float32 Keras `model` into `folder`. Raises `PublishError` where the graph holds bfloat16."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def answer(images: Any) -> dict[str, Any]:
        logits = model(images, training=False)
        return {
            "probabilities": tf.nn.softmax(logits["digits"] / calibration.temperature),
            "digit_probability": tf.sigmoid(logits["is_digit"][:, 0] * calibration.slope + calibration.offset),
        }

    signature = [tf.TensorSpec([None, 28, 28], tf.uint8, name="images")]
    frozen = convert_variables_to_constants_v2(tf.function(answer, signature, autograph=False).get_concrete_function())
    # A frozen function lists its outputs without their names, in an order of its own: their ranks tell them apart.
    ranks = [len(output.shape) for output in frozen.outputs]

    def serve(images: Any) -> dict[str, Any]:
        outputs = frozen(images)
        return {"probabilities": outputs[ranks.index(2)], "digit_probability": outputs[ranks.index(1)]}

    module = tf.Module()
    module.frozen = frozen
    try:
        tf.saved_model.save(
            module, str(folder), signatures={"serving_default": tf.function(serve, signature, autograph=False)}
        )
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
