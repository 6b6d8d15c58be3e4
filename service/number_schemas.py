"""Requests and answers for numbers; `schemas.py` says what they share with single digits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue

from service.model.artifact import Manifest
from service.reading import types as reading
from service.schemas import (
    MODEL,
    PROBABILITIES,
    Answer,
    Box,
    JSONPicture,
    ModelName,
    ReadingQuery,
    Request,
    box_of,
    data_uri,
)

_THREE: dict[str, JsonValue] = {
    "digit": 3,
    "confidence": 0.9966,
    "probabilities": PROBABILITIES,
    "box": {"x": 61, "y": 32, "width": 48, "height": 81},
}
_ONE: dict[str, JsonValue] = {
    "digit": 1,
    "confidence": 0.9981,
    "probabilities": [0.0001, 0.9985, 0.0002, 0.0001, 0.0001, 0.0, 0.0, 0.0009, 0.0001, 0.0],
    "box": {"x": 127, "y": 30, "width": 14, "height": 84},
}
NUMBER: dict[str, JsonValue] = {
    "status": "ok",
    "text": "31",
    "lines": [
        {
            "text": "31",
            "confidence": 0.9947,
            "box": {"x": 61, "y": 30, "width": 80, "height": 84},
            "digits": [_THREE, _ONE],
        }
    ],
    "confidence": 0.9947,
    "model": MODEL,
    "explanation": None,
}


class NumberQuery(ReadingQuery):
    """Query parameters of the endpoints that read numbers."""

    explain: bool = Field(
        False, description="Whether to show the ink that was found and the pieces of it that were considered as digits."
    )


class NumberPicture(Request):
    """A picture with any number of digits."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"image": {"pixels": [[255, 255, 255], [255, 0, 255], [255, 0, 255]]}}]}
    )

    image: JSONPicture = Field(description="The picture.")


class NumberDigit(Answer):
    """One digit of a number."""

    digit: int = Field(ge=0, le=9, description="The digit.")
    confidence: float = Field(
        ge=0, le=1, description="Calibrated probability that it is this digit, and one whole digit."
    )
    probabilities: Annotated[list[float], Field(min_length=10, max_length=10)] = Field(
        description="Calibrated probability of each digit, sums to 1."
    )
    box: Box = Field(description="Where it is.")


class NumberLine(Answer):
    """One line of digits."""

    text: str = Field(description="Its digits from left to right.")
    confidence: float = Field(ge=0, le=1, description="Calibrated probability that all of `text` is right.")
    box: Box = Field(description="Where it is.")
    digits: list[NumberDigit] = Field(description="Each digit of `text`.")


class Candidate(Answer):
    """A piece of ink that was considered as a digit."""

    box: Box = Field(description="Where it is.")
    digit: int = Field(ge=0, le=9, description="The best digit for it.")
    confidence: float = Field(ge=0, le=1, description="Probability of that digit.")
    digit_probability: float = Field(ge=0, le=1, description="How surely the piece is one whole digit.")
    chosen: bool = Field(description="Whether it is in the answer.")


class NumberExplanation(Answer):
    """Why."""

    mask: str = Field(description="The ink that was found, white on black: a PNG picture as a data URI.")
    candidates: list[Candidate] = Field(description="The places where a digit may be, in reading order.")


class NumberReading(Answer):
    """What is read in a picture with any number of digits, on one or more lines."""

    model_config = ConfigDict(json_schema_extra={"examples": [NUMBER]})

    status: reading.Status = Field(
        description="`ok`; `uncertain`: some digit is below the model's threshold; `not_a_digit`: there is ink and no "
        "digit in it; `blank`: no ink was found."
    )
    text: str = Field(
        description="All digits in reading order, lines parted by `\\n`; separators, currency marks and dashes are left "
        "out. Empty for `blank` and `not_a_digit`."
    )
    lines: list[NumberLine] = Field(description="The lines, from top to bottom.")
    confidence: float = Field(
        ge=0, le=1, description="Calibrated probability that all of `text` is right; 0 where it is empty."
    )
    model: ModelName = Field(description="What answered.")
    explanation: NumberExplanation | None = Field(description="With `explain=true`; null otherwise.")


def number_reading(given: reading.NumberReading, manifest: Manifest) -> dict[str, Any]:
    """The answer for a reading, as `NumberReading` has it."""
    # No model: the reader's values are of the right types.
    why = given.explanation
    return {
        "status": given.status,
        "text": given.text,
        "lines": [_line(line) for line in given.lines],
        "confidence": given.confidence,
        "model": {"name": manifest.name, "version": manifest.version},
        "explanation": None
        if why is None
        else {
            "mask": data_uri(why.mask),
            "candidates": [
                {
                    "box": box_of(candidate.box),
                    "digit": candidate.digit,
                    "confidence": candidate.confidence,
                    "digit_probability": candidate.digit_probability,
                    "chosen": candidate.chosen,
                }
                for candidate in why.candidates
            ],
        },
    }


def _line(line: reading.Line) -> dict[str, Any]:
    digits = [
        {
            "digit": digit.digit,
            "confidence": digit.confidence,
            "probabilities": digit.probabilities,
            "box": box_of(digit.box),
        }
        for digit in line.digits
    ]
    return {"text": line.text, "confidence": line.confidence, "box": box_of(line.box), "digits": digits}
