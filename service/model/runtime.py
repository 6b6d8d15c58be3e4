"""Runs a SavedModel through its signature. TensorFlow is imported here and only when a model is opened."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused
from service.reading.crosscheck import WIDTH
from service.reading.tiles import HEIGHT, TILE
from service.reading.types import Signatures

SIGNATURE = "serving_default"
LINES = "lines"
WARM_UP = (1, 2, 4, 8, 16, 32, 64)
"""Batch sizes that are asked once before a model serves, so that no caller pays for the first time."""
WARM_UP_TILES = (1, 2, 3, 4)

_STDERR = 2
_OF_ITSELF = (b"before absl::InitializeLog() is called", b"oneDNN custom operations are on")

_BY_THE_CALLER = -1
"""Threads for operations that could be run side by side: none but the one that asks."""


def processors() -> int:
    """How many processors this process may use; a container's limit on CPU sets counts, where the system tells."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def open_saved_model(folder: Path, threads: int) -> Signatures:
    """Loads the SavedModel in `folder` and warms it up. Raises `ArtifactRefused` when a signature is another one.

    It is run in a session, by the thread that asks and no other. Called as a function, TensorFlow 2's way, a single picture takes
    it three times as long, and one thread of TensorFlow's own does it for all who ask. `threads`: within one operation.
    """
    tf = _tensorflow()
    v1 = tf.compat.v1
    config = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=_BY_THE_CALLER)
    config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    graph = v1.Graph()
    session = v1.Session(graph=graph, config=config)
    try:
        with graph.as_default():
            signatures = v1.saved_model.load(session, ["serve"], str(folder)).signature_def
        digits = signatures[SIGNATURE]
    except Exception as error:  # TensorFlow raises whatever it likes on a bad file
        raise ArtifactRefused("saved_model.pb", f"cannot be loaded ({type(error).__name__})") from error

    def opened(name: str, signature: Any, argument: str, shape: list[int], outputs: tuple[str, ...]) -> Any:
        """The signature as a function from one array to a list of some."""
        given = signature.inputs.get(argument)
        if not (
            len(signature.inputs) == 1
            and given is not None
            and (given.dtype, [side.size for side in given.tensor_shape.dim]) == (tf.uint8.as_datatype_enum, shape)
            and all(signature.outputs[output].dtype == tf.float32.as_datatype_enum for output in outputs)
        ):
            raise ArtifactRefused("saved_model.pb", f"the signature {name} is not the one of docs/artifact.md")
        options = importlib.import_module("tensorflow.core.protobuf.config_pb2").CallableOptions()
        options.feed.append(given.name)
        options.fetch.extend(signature.outputs[output].name for output in outputs)
        # The public `make_callable` goes through `run` where there is something to feed, which takes as long again as the model.
        return session._make_callable_from_options(options)

    predict = opened(SIGNATURE, digits, "images", [-1, 28, 28], ("probabilities", "digit_probability"))
    for size in WARM_UP:
        predict(np.zeros((size, 28, 28), np.uint8))
    if LINES not in signatures:
        return Signatures(predict)
    name = opened(LINES, signatures[LINES], "lines", [-1, HEIGHT, -1], ("log_probabilities",))

    def name_columns(lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        (named,) = name(lines)
        return np.asarray(named)

    for size in WARM_UP_TILES:
        for width in (TILE, WIDTH):
            name_columns(np.zeros((size, HEIGHT, width), np.uint8))
    return Signatures(predict, name_columns)


def _tensorflow() -> Any:
    # Off by default on processors without AVX-512, where it takes a quarter off a batch all the same.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    level = "TF_CPP_MIN_LOG_LEVEL"
    with contextlib.nullcontext() if level in os.environ else _hushed():
        os.environ.setdefault(level, "2")
        import tensorflow as tf

    tf.get_logger().setLevel(logging.ERROR)  # it warns that sessions are of TensorFlow 1
    return tf


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keeps off the standard error what TensorFlow says of itself before it knows its log level; the rest is written after."""
    if sys.stderr is None or not hasattr(os, "memfd_create"):
        yield
        return
    kept = os.dup(_STDERR)
    with os.fdopen(os.memfd_create("stderr"), "w+b", buffering=0) as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            file.seek(0)
            for line in file:
                if not any(words in line for words in _OF_ITSELF):
                    os.write(_STDERR, line)
