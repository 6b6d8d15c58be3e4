"""The golden questions: the guard against a runtime or a pipeline that answers otherwise than the trainer's did."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactRefused, PictureError
from service.reading.reader import Reader
from service.reading.types import Predict

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
    """`images` uint8 `[K, 28, 28]`, `probabilities` float32 `[K, 10]`, `digit_probability` float32 `[K]`."""

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    digit_probability: NDArray[np.float32]
    pictures: tuple[Picture, ...]


def open_golden(folder: Path) -> Golden:
    """Reads the questions of a version. Raises `ArtifactRefused` when they are not as docs/artifact.md says."""
    try:
        with (folder / GOLDEN).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            offsets = [int(offset) for offset in arrays["picture_offsets"]]
            data = arrays["picture_bytes"].tobytes()
            pictures = tuple(
                Picture(str(name), data[start:end], str(status), int(digit) if digit >= 0 else None)
                for name, start, end, status, digit in zip(
                    arrays["picture_name"],
                    offsets[:-1],
                    offsets[1:],
                    arrays["picture_status"],
                    arrays["picture_digit"],
                    strict=True,
                )
            )
            golden = Golden(arrays["images"], arrays["probabilities"], arrays["digit_probability"], pictures)
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
    ):
        raise ArtifactRefused(GOLDEN, "has arrays of other shapes or types than the contract says")
    return golden


def check_model(golden: Golden, predict: Predict) -> None:
    """Part one: the runtime must agree with the exported graph within `TOLERANCE`. Raises `ArtifactRefused`."""
    probabilities, digit_probability = predict(golden.images)
    for name, answer, expected in (
        ("probabilities", probabilities, golden.probabilities),
        ("digit_probability", digit_probability, golden.digit_probability),
    ):
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


def _words(status: str, digit: int | None) -> str:
    return status if digit is None else f"{status} {digit}"
