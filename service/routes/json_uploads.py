"""Bodies in JSON: pictures as files in base64, or as rows of grey values."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from service.errors import (
    MAX_FAULTS,
    BadBase64,
    BadPixels,
    FieldError,
    InvalidRequest,
    MalformedRequest,
    PictureError,
    PictureTooLarge,
    UnsupportedMediaType,
)
from service.number_schemas import NumberPicture
from service.reading.types import Grey
from service.routes.uploads import body_of, media_type_of, parsed, too_many
from service.schemas import AS_BASE64, AS_PIXELS, Base64Picture, JSONPicture, PictureBatch, PixelPicture

MAX_PIXELS_AS_JSON = 1_000_000

JSON = "application/json"

Body = TypeVar("Body", bound=BaseModel)


async def json_pictures(request: Request, limit: int) -> list[bytes | Grey | PictureError]:
    """The pictures of a JSON body, in order; what is wrong with a single one stands in its place. Raises `RequestError`."""
    return await parsed(await _json_body(request), lambda body: _batch(body, limit))


async def json_picture(request: Request) -> bytes | Grey | PictureError:
    """The one picture of a JSON body, or what is wrong with it. Raises `RequestError`."""
    return await parsed(await _json_body(request), _single)


async def _json_body(request: Request) -> bytes:
    if media_type_of(request.headers.get("content-type", "")) != JSON:
        raise UnsupportedMediaType(f"Send {JSON}.")
    return await body_of(request)


def _batch(body: bytes, limit: int) -> list[bytes | Grey | PictureError]:
    data = _loaded(body)
    pictures = data.get("images") if isinstance(data, dict) else None
    if not isinstance(pictures, list):
        pictures = []
    if len(pictures) > limit:
        raise too_many(limit)
    places = ((f"body.images.{number}", picture) for number, picture in enumerate(pictures))
    return [_picture(picture) for picture in _validated(PictureBatch, data, places).images]


def _single(body: bytes) -> bytes | Grey | PictureError:
    data = _loaded(body)
    places = [("body.image", data.get("image"))] if isinstance(data, dict) else []
    return _picture(_validated(NumberPicture, data, places).image)


def _loaded(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The JSON body cannot be parsed: {error}.") from None


def _validated(schema: type[Body], data: Any, pictures: Iterable[tuple[str, Any]]) -> Body:
    """`pictures`: where each is in the body, and what is there."""
    # Before pydantic sees them: it would write a report of each, however many there are.
    if unknown := list(islice(_unknown_fields(schema, data, pictures), MAX_FAULTS)):
        raise InvalidRequest(unknown)
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidRequest(field_errors(found, "body")) from None


def _unknown_fields(schema: type[Body], data: Any, pictures: Iterable[tuple[str, Any]]) -> Iterator[FieldError]:
    for name in data if isinstance(data, dict) else ():
        if name not in schema.model_fields:
            yield FieldError(f"body.{name}", "is unknown")
    for place, picture in pictures:
        for name in picture if isinstance(picture, dict) else ():
            if name not in Base64Picture.model_fields and name not in PixelPicture.model_fields:
                yield FieldError(f"{place}.{name}", "is unknown")


def field_errors(errors: Iterable[Any], *prefix: str) -> list[FieldError]:
    """Pydantic's errors in our words."""
    found = []
    for error in errors:
        location = [str(step) for step in (*prefix, *error["loc"]) if step not in (AS_BASE64, AS_PIXELS)]
        found.append(FieldError(".".join(location), error["msg"]))
    return found


def _picture(picture: JSONPicture) -> bytes | Grey | PictureError:
    try:
        return _decoded(picture.base64) if isinstance(picture, Base64Picture) else _grey(picture.pixels)
    except PictureError as error:
        return error


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise BadBase64(f"The base64 text cannot be decoded: {error}.") from None


def _grey(rows: list[list[int]]) -> Grey:
    width = len(rows[0]) if rows else 0
    if width == 0 or any(len(row) != width for row in rows):
        raise BadPixels("The rows of `pixels` must have equal lengths, and at least one value.")
    if width * len(rows) > MAX_PIXELS_AS_JSON:
        raise PictureTooLarge(f"`pixels` may have {MAX_PIXELS_AS_JSON} values.")
    return np.array(rows, np.uint8)
