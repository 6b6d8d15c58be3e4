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


class NameColumns(Protocol):
    """The signature for lines: uint8 `[N, 32, W]` → float32 `[N, W / 2, 11]`, see docs/artifact.md."""

    def __call__(self, lines: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Any N, any even W."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """What a version of the model answers: to single digits, and, unless it is None, to lines."""

    digits: Predict
    lines: NameColumns | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The manifest's: at or above the first two a reading is `ok`.

    `favour`: what digits have before none when the text of a line is chosen, as a logarithm.
    """

    confidence: float
    digit_probability: float
    favour: float = 0.0


@dataclass(frozen=True, slots=True)
class Box:
    """Where the ink is, in pixels of the picture after its EXIF orientation."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class NumberDigit:
    """One digit of a number. `confidence`, 0 to 1: that it is this digit and one whole digit; `probabilities`: of the ten."""

    digit: int
    confidence: float
    probabilities: tuple[float, ...]
    box: Box


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a number: its digits from left to right; `confidence`, 0 to 1: that all of `text` is right."""

    text: str
    confidence: float
    box: Box
    digits: tuple[NumberDigit, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece of ink that was considered as a digit, and the model's opinion of it; `chosen`: it is in the answer."""

    box: Box
    digit: int
    confidence: float
    digit_probability: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class NumberExplanation:
    """`mask`: the ink that was found, a PNG file at working resolution, ink white on black; `candidates` in reading order."""

    mask: bytes
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class NumberReading:
    """A page's reading; the fields mean what docs say of the HTTP answer of the same name."""

    status: Status
    text: str
    lines: tuple[Line, ...]
    confidence: float
    explanation: NumberExplanation | None
    decode_seconds: float
    ink_seconds: float
    model_seconds: float


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
