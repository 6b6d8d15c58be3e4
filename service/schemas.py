"""Requests and answers of the HTTP interface, with the descriptions and examples that the documentation shows."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, JsonValue, Tag

from service.model.artifact import Manifest
from service.reading import types as reading

MODEL: dict[str, JsonValue] = {"name": "digits", "version": 1}
SERVING: dict[str, JsonValue] = MODEL | {"state": "ready", "default": True, "problem": None}
BOX: dict[str, JsonValue] = {"x": 61, "y": 32, "width": 118, "height": 201}
PROBABILITIES: list[JsonValue] = [0.0001, 0.0001, 0.0002, 0.9975, 0.0, 0.0013, 0.0, 0.0002, 0.0005, 0.0001]
READING: dict[str, JsonValue] = {
    "status": "ok",
    "digit": 3,
    "confidence": 0.9975,
    "probabilities": PROBABILITIES,
    "digit_probability": 0.9991,
    "box": BOX,
    "model": MODEL,
    "explanation": None,
}
PROBLEM: dict[str, JsonValue] = {
    "type": "/problems/not-a-picture",
    "title": "Not a picture",
    "status": 415,
    "detail": "The file is in none of the formats PNG, JPEG, WebP, BMP, GIF and TIFF.",
    "instance": "/v1/digit",
    "request_id": "5f0c9d1e8b7a4c2d",
}


MAX_EXPLAINED = 8
"""Pictures that a request for explanations may have: each asks the model as much as a hundred others."""


class Request(BaseModel):
    """What callers send. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What callers get."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class NoQuery(Request):
    """Takes no query parameters."""


class ReadingQuery(Request):
    """Query parameters of the reading endpoints."""

    version: int | None = Field(None, ge=1, description="Version of the model; default: the default version.")
    explain: bool = Field(
        False,
        description="Whether to say what the model saw and what the answer hangs on; such a request may have "
        f"{MAX_EXPLAINED} pictures.",
    )


class Base64Picture(Request):
    """A picture file in PNG, JPEG, WebP, BMP, GIF or TIFF, as base64."""

    base64: str = Field(description="The file as strict base64: no line breaks, no `data:` prefix.")


GreyValue = Annotated[int, Field(strict=True, ge=0, le=255)]
# Without FailFast a megapixel of wrong values would be a million errors.
GreyRow = Annotated[list[GreyValue], FailFast()]


class PixelPicture(Request):
    """A picture as rows of grey values; dark on light and light on dark both work."""

    pixels: Annotated[list[GreyRow], FailFast()] = Field(
        description="Rows of equal length, up to one megapixel; 0 = black, 255 = white."
    )


def _kind(picture: Any) -> str:
    return AS_PIXELS if isinstance(picture, dict) and "pixels" in picture else AS_BASE64


AS_BASE64, AS_PIXELS = "(base64)", "(pixels)"
"""Which of the two a picture was taken for; left out of the locations that callers see."""

JSONPicture = Annotated[
    Annotated[Base64Picture, Tag(AS_BASE64)] | Annotated[PixelPicture, Tag(AS_PIXELS)], Discriminator(_kind)
]


class PictureBatch(Request):
    """Pictures to read, each with one digit."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"images": [{"pixels": [[255, 255, 255], [255, 0, 255], [255, 0, 255]]}]}]}
    )

    images: list[JSONPicture] = Field(min_length=1, description="The pictures, answered in this order.")


class Box(Answer):
    """Where the ink is, in pixels of the picture after its EXIF orientation."""

    x: int = Field(description="Left edge.")
    y: int = Field(description="Top edge.")
    width: int = Field(description="Width.")
    height: int = Field(description="Height.")


class ModelName(Answer):
    """What answered."""

    name: str = Field(description="Name of the model.")
    version: int = Field(description="Version of the model.")


class Explanation(Answer):
    """Why: both are 28×28 PNG pictures as data URIs."""

    normalised: str = Field(description="The picture that the model saw: ink bright on dark.")
    saliency: str = Field(description="Which of its pixels the answer hangs on, by occlusion: the brighter, the more.")


class DigitReading(Answer):
    """What is read in a picture of one digit."""

    model_config = ConfigDict(json_schema_extra={"examples": [READING]})

    status: reading.Status = Field(
        description="`ok`; `uncertain`: the best digit is given and is below the model's threshold; `not_a_digit`: there "
        "is ink and it is no digit; `blank`: no ink was found."
    )
    digit: Annotated[int, Field(ge=0, le=9)] | None = Field(description="Null for `blank` and `not_a_digit`.")
    confidence: float = Field(
        ge=0, le=1, description="Calibrated probability that `digit` is right; 0 where `digit` is null."
    )
    probabilities: Annotated[list[float], Field(min_length=10, max_length=10)] | None = Field(
        description="Calibrated probability of each digit, sums to 1; null for `blank`."
    )
    digit_probability: Annotated[float, Field(ge=0, le=1)] | None = Field(
        description="How surely the ink is one whole digit; null for `blank`."
    )
    box: Box | None = Field(description="Where the ink is; null for `blank`.")
    model: ModelName = Field(description="What answered.")
    explanation: Explanation | None = Field(description="With `explain=true`; null otherwise, and for `blank`.")


class Fault(Answer):
    """One thing that is wrong with a request."""

    location: str = Field(description="Where, such as `query.version` or `body.images.3.base64`.")
    message: str = Field(description="What.")


class Problem(Answer):
    """Every error has this shape (RFC 9457, `application/problem+json`)."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROBLEM]})

    type: str = Field(description="What kind of problem: a relative URI that stays the same; it leads nowhere.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status; in a batch the one that this picture alone would have had.")
    detail: str = Field(description="What happened this time.")
    instance: str = Field(description="The path that was asked.")
    request_id: str = Field(description="The request, as `X-Request-ID` says; quote it when asking for help.")
    errors: list[Fault] | None = Field(
        None, description="For 422: each thing that is wrong.", exclude_if=lambda v: v is None
    )


class DigitResult(Answer):
    """One picture of a batch: one of the two is null."""

    reading: DigitReading | None = Field(description="What was read.")
    problem: Problem | None = Field(description="Why it could not be read.")


class DigitResults(Answer):
    """A batch's answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"results": [{"reading": READING, "problem": None}]}]})

    results: list[DigitResult] = Field(description="One for each picture, in the order sent.")


class VersionState(Answer):
    """One version of the model."""

    name: str | None = Field(description="Name of the model; null while it is not known.")
    version: int = Field(description="Number of the version.")
    state: Literal["loading", "ready", "unloaded", "refused"] = Field(
        description="What has become of it; `unloaded`: it is loaded again when it is asked for."
    )
    default: bool = Field(description="Whether it serves when no version is asked for.")
    problem: str | None = Field(description="Why it was refused; beside `ready`: why its files as they are now were.")


class ModelList(Answer):
    """The versions at hand."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"default": 1, "problem": None, "models": [SERVING]}]})

    default: int | None = Field(description="The version that serves when none is asked for; null while there is none.")
    problem: str | None = Field(description="Why that is not the one that a setting or the file DEFAULT names.")
    models: list[VersionState] = Field(description="Every version, in order.")


class Health(Answer):
    """Answer of the health endpoints when all is well."""

    status: Literal["ok"] = Field("ok", description="Always `ok`: anything else is a problem.")


def digit_reading(given: reading.DigitReading, manifest: Manifest) -> dict[str, Any]:
    """The answer for a reading, as `DigitReading` has it."""
    # No model: the reader's values are of the right types, and this runs for each picture.
    box, why = given.box, given.explanation
    return {
        "status": given.status,
        "digit": given.digit,
        "confidence": given.confidence,
        "probabilities": given.probabilities,
        "digit_probability": given.digit_probability,
        "box": None if box is None else box_of(box),
        "model": {"name": manifest.name, "version": manifest.version},
        "explanation": None
        if why is None
        else {"normalised": data_uri(why.normalised), "saliency": data_uri(why.saliency)},
    }


def box_of(box: reading.Box) -> dict[str, int]:
    """The answer for a box, as `Box` has it."""
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def data_uri(picture: bytes) -> str:
    """A PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
