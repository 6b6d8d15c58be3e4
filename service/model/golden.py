"""The golden questions: the guard against a runtime or a pipeline that answers otherwise than the trainer's did."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused, PictureError
from service.reading.reader import Reader
from service.reading.tiles import CLASSES, HEIGHT, STEP
from service.reading.types import Signatures

GOLDEN = "golden.npz"
TOLERANCE = 1e-3
"""How far an output may be from the one that the exported graph gave."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture, and what a person would say of it. `digit` is None unless `status` is `ok`."""

    name: str
    data: bytes
    status: str
    digit: int | None


@dataclass(frozen=True, slots=True)
class Golden:
    """`images` uint8 `[K, 28, 28]`, `probabilities` float32 `[K, 10]`, `digit_probability` float32 `[K]`.

    `lines` uint8 `[L, 32, W]`, `names` float32 `[L, W / 2, 11]`, probabilities; `numbers`: pictures and their whole text. None
    of these where the version reads single digits only.
    """

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    digit_probability: NDArray[np.float32]
    pictures: tuple[Picture, ...]
    lines: NDArray[np.uint8]
    names: NDArray[np.float32]
    numbers: tuple[tuple[bytes, str], ...]


def open_golden(folder: Path) -> Golden:
    """Reads the questions of a version. Raises `ArtifactRefused` when they are not as docs/artifact.md says."""
    try:
        with (folder / GOLDEN).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            pictures = tuple(
                Picture(str(name), data, str(status), int(digit) if digit >= 0 else None)
                for name, data, status, digit in zip(
                    arrays["picture_name"],
                    _files(arrays, "picture"),
                    arrays["picture_status"],
                    arrays["picture_digit"],
                    strict=True,
                )
            )
            golden = Golden(
                arrays["images"], arrays["probabilities"], arrays["digit_probability"], pictures, *_of_lines(arrays)
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else error  # the whole text would show a path
        raise ArtifactRefused(GOLDEN, f"cannot be read: {reason}") from None
    count = len(golden.images)
    if (
        count == 0
        or golden.images.dtype != np.uint8
        or golden.images.shape != (count, 28, 28)
        or golden.probabilities.shape != (count, 10)
        or golden.digit_probability.shape != (count,)
        or not pictures
        or golden.lines.dtype != np.uint8
        or golden.lines.shape[:2] != (len(golden.names), HEIGHT)
        or golden.names.shape[1:] != (golden.lines.shape[2] // STEP, CLASSES)
    ):
        raise ArtifactRefused(GOLDEN, "has arrays of other shapes or types than the contract says")
    return golden


def _of_lines(arrays: Any) -> tuple[NDArray[np.uint8], NDArray[np.float32], tuple[tuple[bytes, str], ...]]:
    """The questions about lines, none where the file has none."""
    if "lines" not in arrays:
        return np.zeros((0, HEIGHT, 0), np.uint8), np.zeros((0, 0, CLASSES), np.float32), ()
    texts = [str(text) for text in arrays["number_text"]]
    numbers = tuple(zip(_files(arrays, "number"), texts, strict=True))
    return arrays["lines"], arrays["line_probabilities"], numbers


def _files(arrays: Any, kind: str) -> list[bytes]:
    """The encoded pictures of one kind, which stand one after the other."""
    data = arrays[f"{kind}_bytes"].tobytes()
    return [data[start:end] for start, end in pairwise(arrays[f"{kind}_offsets"].tolist())]


def check_model(golden: Golden, model: Signatures) -> None:
    """Part one: the runtime must agree with the exported graph within `TOLERANCE`. Raises `ArtifactRefused`."""
    probabilities, digit_probability = model.digits(golden.images)
    answers = [
        ("probabilities", probabilities, golden.probabilities),
        ("digit_probability", digit_probability, golden.digit_probability),
    ]
    if model.lines is not None:
        if not len(golden.lines):
            raise ArtifactRefused(GOLDEN, "asks nothing about lines, which the model reads")
        answers.append(("line_probabilities", np.exp(model.lines(golden.lines)), golden.names))
    for name, answer, expected in answers:
        # Written so that NaN fails.
        agree = np.abs(answer - expected) <= TOLERANCE
        if not agree.all():
            image = int(np.argwhere(~agree)[0][0])
            raise ArtifactRefused(GOLDEN, f"image {image}: the model gives other {name} than it was published with")


def check_reader(golden: Golden, reader: Reader) -> None:
    """Part two: the whole pipeline must read each picture as a person does. Raises `ArtifactRefused`, which names it."""
    for picture in golden.pictures:
        expected = _words(picture.status, picture.digit)
        try:
            reading = reader.digit(picture.data)
        except PictureError as error:
            raise ArtifactRefused(GOLDEN, f"picture {picture.name!r}: expected {expected}, but {error}") from None
        if (reading.status, reading.digit) != (picture.status, picture.digit):
            answer = _words(reading.status, reading.digit)
            raise ArtifactRefused(GOLDEN, f"picture {picture.name!r}: expected {expected}, got {answer}")
    for number, (data, text) in enumerate(golden.numbers if reader.reads_numbers else ()):
        found = reader.number(data).text
        if found != text:
            raise ArtifactRefused(GOLDEN, f"number {number}: expected {text!r}, got {found!r}")


def _words(status: str, digit: int | None) -> str:
    return status if digit is None else f"{status} {digit}"
