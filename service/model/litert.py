"""Runs `model.tflite`, the SavedModel's graph once more, with LiteRT: the same answers for a tenth of TensorFlow's memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused
from service.model.runtime import SIGNATURE
from service.reading.types import Predict

FILE = "model.tflite"
SIZES = (32, 8, 1)
"""Batch sizes that memory is laid out for, falling. A batch is answered in such pieces: a picture costs the same in each of
them, while laying out memory for the next batch's size would cost every batch."""
_INPUTS = {"images": (np.uint8, [-1, 28, 28])}
_OUTPUTS = {"probabilities": (np.float32, [-1, 10]), "digit_probability": (np.float32, [-1])}


def open_tflite(folder: Path, threads: int) -> Predict:
    """Loads `model.tflite` in `folder` and warms it up. Raises `ArtifactRefused` where there is none, or another signature.

    What is returned may be called from several threads; they take turns.
    """
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        raise ArtifactRefused(FILE, "is missing: only DIGITS_RUNTIME=tensorflow runs this version") from None
    except OSError as error:
        raise ArtifactRefused(FILE, f"cannot be read: {error.strerror}") from None
    return _Model(content, threads)


class _Model:
    """One interpreter for each of `SIZES`, which share the file's bytes."""

    def __init__(self, content: bytes, threads: int) -> None:
        self._lock = threading.Lock()
        self._runs = [(size, _lay_out(content, size, threads)) for size in SIZES]

    def __call__(self, images: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count = len(images)
        probabilities, digit_probability = np.empty((count, 10), np.float32), np.empty(count, np.float32)
        start = 0
        with self._lock:
            for size, run in self._runs:
                while count - start >= size:
                    piece = slice(start, start + size)
                    answer = run(images=images[piece])
                    probabilities[piece], digit_probability[piece] = (
                        answer["probabilities"],
                        answer["digit_probability"],
                    )
                    start += size
        return probabilities, digit_probability


def _lay_out(content: bytes, size: int, threads: int) -> Any:
    """An interpreter's signature, warmed up and to be called with batches of `size` alone. Raises `ArtifactRefused`."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        if SIGNATURE not in interpreter.get_signature_list():
            raise ArtifactRefused(FILE, f"has no signature {SIGNATURE}")
        run = interpreter.get_signature_runner(SIGNATURE)
        if _described(run.get_input_details()) != _INPUTS or _described(run.get_output_details()) != _OUTPUTS:
            raise ArtifactRefused(FILE, f"the signature {SIGNATURE} is not the one of docs/artifact.md")
        run(images=np.zeros((size, 28, 28), np.uint8))
    except (RuntimeError, ValueError) as error:  # whichever it happens to be, on a damaged file
        raise ArtifactRefused(FILE, f"cannot be loaded ({type(error).__name__})") from error
    return run


def _described(tensors: dict[str, Any]) -> dict[str, tuple[Any, list[int]]]:
    return {name: (tensor["dtype"], tensor["shape_signature"].tolist()) for name, tensor in tensors.items()}
