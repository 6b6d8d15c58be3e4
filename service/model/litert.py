"""Runs `model.tflite`, the SavedModel's graph once more, with LiteRT: the same answers for a tenth of TensorFlow's memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused
from service.model.runtime import LINES, SIGNATURE
from service.reading.tiles import CLASSES, HEIGHT, STEP, TILE
from service.reading.types import Signatures

FILE = "model.tflite"
SIZES = (32, 8, 1)
"""Batch sizes that memory is laid out for, falling. A batch is answered in such pieces: a picture costs the same in each of
them, while laying out memory for the next batch's size would cost every batch."""
TILES = (4, 1)
"""The same of a line's tiles."""
_CONTRACTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    SIGNATURE: (
        {"images": (np.uint8, [-1, 28, 28])},
        {"probabilities": (np.float32, [-1, 10]), "digit_probability": (np.float32, [-1])},
    ),
    LINES: ({"lines": (np.uint8, [-1, HEIGHT, -1])}, {"log_probabilities": (np.float32, [-1, -1, CLASSES])}),
}


def open_tflite(folder: Path, threads: int) -> Signatures:
    """Loads `model.tflite` in `folder` and warms it up. Raises `ArtifactRefused` where there is none, or other signatures.

    What is returned may be called from several threads; they take turns.
    """
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        raise ArtifactRefused(FILE, "is missing: only DIGITS_RUNTIME=tensorflow runs this version") from None
    except OSError as error:
        raise ArtifactRefused(FILE, f"cannot be read: {error.strerror}") from None
    digits = _Model(content, threads)
    return Signatures(digits, _Lines(content, threads) if digits.has_lines else None)


class _Model:
    """One interpreter for each of `SIZES`, which share the file's bytes."""

    def __init__(self, content: bytes, threads: int) -> None:
        self._lock = threading.Lock()
        self._runs = [(size, _lay_out(content, (size, 28, 28), threads)) for size in SIZES]
        self.has_lines = LINES in _interpreter(content, threads).get_signature_list()

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


class _Lines:
    """The same for tiles of lines."""

    def __init__(self, content: bytes, threads: int) -> None:
        self._lock = threading.Lock()
        self._runs = [(size, _lay_out(content, (size, HEIGHT, TILE), threads)) for size in TILES]

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        named = np.empty((len(lines), lines.shape[2] // STEP, CLASSES), np.float32)
        start = 0
        with self._lock:
            for size, run in self._runs:
                while len(lines) - start >= size:
                    piece = slice(start, start + size)
                    named[piece] = run(lines=lines[piece])["log_probabilities"]
                    start += size
        return named


def _interpreter(content: bytes, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content, num_threads=threads)


def _lay_out(content: bytes, shape: tuple[int, ...], threads: int) -> Any:
    """An interpreter's signature for arrays of this shape, warmed up. Raises `ArtifactRefused`."""
    name = SIGNATURE if shape[1] == 28 else LINES
    try:
        interpreter = _interpreter(content, threads)
        if name not in interpreter.get_signature_list():
            raise ArtifactRefused(FILE, f"has no signature {name}")
        run = interpreter.get_signature_runner(name)
        inputs, outputs = _CONTRACTS[name]
        if _described(run.get_input_details()) != inputs or _described(run.get_output_details()) != outputs:
            raise ArtifactRefused(FILE, f"the signature {name} is not the one of docs/artifact.md")
        run(**{argument: np.zeros(shape, np.uint8) for argument in inputs})
    except (RuntimeError, ValueError) as error:  # whichever it happens to be, on a damaged file
        raise ArtifactRefused(FILE, f"cannot be loaded ({type(error).__name__})") from error
    return run


def _described(tensors: dict[str, Any]) -> dict[str, tuple[Any, list[int]]]:
    return {name: (tensor["dtype"], tensor["shape_signature"].tolist()) for name, tensor in tensors.items()}
