"""What passes between the stages of a reading: small frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""A grey picture, `[height, width]`, 0 = black, 255 = white."""

Status = Literal["ok", "uncertain", "not_a_digit", "blank"]


class Predict(Protocol):
    """The model's signature: uint8 `[N, 28, 28]` → (float32 `[N, 10]`, float32 `[N]`), see docs/artifact.md."""

    def __call__(self, images: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Any N, also of a single picture."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The manifest's: at or above both a reading is `ok`."""

    confidence: float
    digit_probability: float


@dataclass(frozen=True, slots=True)
class Box:
    """Where the ink is, in pixels of the picture after its EXIF orientation."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture on its way to the model. `normalised` is uint8 `[28, 28]`, ink bright on dark; None: no ink was found."""

    normalised: NDArray[np.uint8] | None
    box: Box | None
    decode_seconds: float
    ink_seconds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """PNG files, each 28×28: what the model saw, and how much the answer hangs on each of its pixels."""

    normalised: bytes
    saliency: bytes


@dataclass(frozen=True, slots=True)
class DigitReading:
    """One picture's reading; the fields mean what docs say of the HTTP answer of the same name."""

    status: Status
    digit: int | None
    confidence: float
    probabilities: tuple[float, ...] | None
    digit_probability: float | None
    box: Box | None
    explanation: Explanation | None
    decode_seconds: float
    ink_seconds: float
    model_seconds: float
