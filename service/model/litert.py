"""Runs `model.tflite`, the SavedModel's graph once more, with LiteRT: the same answers for a tenth of TensorFlow's memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused
from service.model.runtime import LINES, SIGNATURE
from service.reading import crosscheck
from service.reading.tiles import CLASSES, HEIGHT, STEP, TILE
from service.reading.types import Signatures

FILE = "model.tflite"
SIZES = (32, 8, 1)
"""Batch sizes that memory is laid out for, falling. A batch is answered in such pieces: a picture costs the same in each of
them, while laying out memory for the next batch's size would cost every batch."""
TILES = (4, 1)
"""The same of a line's tiles, and of single digits that are shown as lines."""
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
    digits = _Digits(content, threads)
    return Signatures(digits, _Lines(content, threads) if digits.beside(LINES) else None)


class _Pieces:
    """A signature, with one interpreter for each of `sizes`, which share the file's bytes."""

    def __init__(self, content: bytes, name: str, shape: tuple[int, ...], sizes: tuple[int, ...], threads: int) -> None:
        self._lock = threading.Lock()
        laid_out = [_lay_out(content, name, (size, *shape), threads) for size in sizes]
        self._signatures = laid_out[0][0]
        self._runs = list(zip(sizes, (run for _, run in laid_out), strict=True))

    def beside(self, name: str) -> bool:
        """Whether the file has this signature, too."""
        return name in self._signatures

    def answers(self, **asked: NDArray[np.uint8]) -> Iterator[tuple[slice, dict[str, Any]]]:
        """The answers to the one array that is given, piece by piece, and where each belongs."""
        ((argument, array),) = asked.items()
        start = 0
        with self._lock:
            for size, run in self._runs:
                while len(array) - start >= size:
                    piece = slice(start, start + size)
                    yield piece, run(**{argument: array[piece]})
                    start += size


class _Digits(_Pieces):
    """The signature for pictures of one digit."""

    def __init__(self, content: bytes, threads: int) -> None:
        super().__init__(content, SIGNATURE, (28, 28), SIZES, threads)

    def __call__(self, images: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities, digit_probability = np.empty((len(images), 10), np.float32), np.empty(len(images), np.float32)
        for piece, answer in self.answers(images=images):
            probabilities[piece], digit_probability[piece] = answer["probabilities"], answer["digit_probability"]
        return probabilities, digit_probability


class _Lines:
    """The signature for lines that are as wide as a tile, or as a single digit."""

    def __init__(self, content: bytes, threads: int) -> None:
        self._by_width = {
            width: _Pieces(content, LINES, (HEIGHT, width), TILES, threads) for width in (TILE, crosscheck.WIDTH)
        }

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        named = np.empty((len(lines), lines.shape[2] // STEP, CLASSES), np.float32)
        for piece, answer in self._by_width[lines.shape[2]].answers(lines=lines):
            named[piece] = answer["log_probabilities"]
        return named


def _lay_out(content: bytes, name: str, shape: tuple[int, ...], threads: int) -> tuple[list[str], Any]:
    """The file's signatures, and the one of that `name` for arrays of this shape, warmed up. Raises `ArtifactRefused`."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        signatures = list(interpreter.get_signature_list())
        if name not in signatures:
            raise ArtifactRefused(FILE, f"has no signature {name}")
        run = interpreter.get_signature_runner(name)
        inputs, outputs = _CONTRACTS[name]
        if _described(run.get_input_details()) != inputs or _described(run.get_output_details()) != outputs:
            raise ArtifactRefused(FILE, f"the signature {name} is not the one of docs/artifact.md")
        run(**{argument: np.zeros(shape, np.uint8) for argument in inputs})
    except (RuntimeError, ValueError) as error:  # whichever it happens to be, on a damaged file
        raise ArtifactRefused(FILE, f"cannot be loaded ({type(error).__name__})") from error
    return signatures, run


def _described(tensors: dict[str, Any]) -> dict[str, tuple[Any, list[int]]]:
    return {name: (tensor["dtype"], tensor["shape_signature"].tolist()) for name, tensor in tensors.items()}
