"""Bodies: pictures out of multipart forms, raw bodies and JSON. All in memory, within the limit that `limits.py` keeps."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError
from pydantic_core import from_json
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from service.errors import (
    MAX_FAULTS,
    BadBase64,
    BadPixels,
    FieldError,
    InvalidRequest,
    MalformedRequest,
    PictureError,
    PictureTooLarge,
    TooManyPictures,
    UnsupportedMediaType,
)
from service.reading.types import Grey
from service.schemas import AS_BASE64, AS_PIXELS, Base64Picture, JSONPicture, PictureBatch, PixelPicture

INLINE_BYTES = 65_536
"""Bodies up to here are parsed on the event loop: handing them to a thread would take longer than parsing them."""
MAX_PIXELS_AS_JSON = 1_000_000

FORM = "multipart/form-data"
RAW = "application/octet-stream"
JSON = "application/json"

T = TypeVar("T")


async def one_picture(request: Request) -> bytes:
    """The picture of a form's file `image`, or the body itself. Raises `RequestError`."""
    header = request.headers.get("content-type", "")
    media_type = _media_type(header)
    if media_type == RAW or media_type.startswith("image/"):
        return await _body(request)
    if media_type != FORM:
        raise UnsupportedMediaType(f"Send {FORM} with one file `image`, or the picture as image/* or {RAW}.")
    parts = await _parse(await _body(request), lambda body: _form(body, header, "image", 1))
    if len(parts) != 1:
        raise InvalidRequest([FieldError("body.image", "is missing" if not parts else "must be given once")])
    return parts[0]


async def many_pictures(request: Request, limit: int) -> list[bytes]:
    """The pictures of a form's files `images`, in order. Raises `RequestError`."""
    header = request.headers.get("content-type", "")
    if _media_type(header) != FORM:
        raise UnsupportedMediaType(f"Send {FORM} with files `images`.")
    parts = await _parse(await _body(request), lambda body: _form(body, header, "images", limit))
    if not parts:
        raise InvalidRequest([FieldError("body.images", "is missing")])
    if len(parts) > limit:
        raise _too_many(limit)
    return parts


async def json_pictures(request: Request, limit: int) -> list[bytes | Grey | PictureError]:
    """The pictures of a JSON body, in order; what is wrong with a single one stands in its place. Raises `RequestError`."""
    if _media_type(request.headers.get("content-type", "")) != JSON:
        raise UnsupportedMediaType(f"Send {JSON}.")
    return await _parse(await _body(request), lambda body: _json(body, limit))


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


async def _body(request: Request) -> bytes:
    """The whole body. Shorter than Starlette's way to it, which every request would pay for."""
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        return body
    chunks = []
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await request.receive()
    raise ClientDisconnect


async def _parse(body: bytes, parse: Callable[[bytes], T]) -> T:
    return parse(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(parse, body)


def _form(body: bytes, content_type: str, name: str, limit: int) -> list[bytes]:
    """The contents of the parts called `name`; stops early at one more than `limit`, which is an error for the caller."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise MalformedRequest("The Content-Type has no boundary.")
    parts: list[bytearray] = []
    names: list[str] = []
    texts: set[str] = set()
    header, value = bytearray(), bytearray()
    ended = False

    def begin() -> None:
        names.append("")
        parts.append(bytearray())

    def header_end() -> None:
        if header.lower() == b"content-disposition":
            options = parse_options_header(value.decode("latin-1"))[1]
            names[-1] = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" not in options:
                texts.add(names[-1])
        header.clear()
        value.clear()

    def end() -> None:
        nonlocal ended
        ended = True

    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_header_field": lambda data, start, stop: header.extend(data[start:stop]),
                "on_header_value": lambda data, start, stop: value.extend(data[start:stop]),
                "on_header_end": header_end,
                "on_part_data": lambda data, start, stop: parts[-1].extend(memoryview(data)[start:stop]),
                "on_end": end,
            },
        )
        # In pieces, so that a body of nothing but small parts is not parsed to its end before it is refused.
        for start in range(0, len(body), INLINE_BYTES):
            parser.write(body[start : start + INLINE_BYTES])
            if len(parts) > limit + 1:
                break
    except FormParserError as error:
        raise MalformedRequest(f"The multipart body cannot be parsed: {error}.") from None
    if not ended and len(parts) <= limit + 1:
        raise MalformedRequest("The multipart body ends before its last boundary.")
    if "" in names:
        raise MalformedRequest("A part of the multipart body has no name.")
    if unknown := [part for part in dict.fromkeys(names) if part != name]:
        raise InvalidRequest([FieldError(f"body.{part}", "is unknown") for part in unknown])
    if texts:
        raise InvalidRequest([FieldError(f"body.{name}", "must be a file, with a filename")])
    return [bytes(part) for part in parts]


def _json(body: bytes, limit: int) -> list[bytes | Grey | PictureError]:
    try:
        data = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The JSON body cannot be parsed: {error}.") from None
    if isinstance(data, dict) and isinstance(data.get("images"), list) and len(data["images"]) > limit:
        raise _too_many(limit)
    # Before pydantic sees them: it would write a report of each, however many there are.
    if unknown := list(islice(_unknown_fields(data), MAX_FAULTS)):
        raise InvalidRequest(unknown)
    try:
        batch = PictureBatch.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidRequest(field_errors(found, "body")) from None
    return [_picture(picture) for picture in batch.images]


def _unknown_fields(data: Any) -> Iterator[FieldError]:
    if not isinstance(data, dict):
        return
    yield from (FieldError(f"body.{name}", "is unknown") for name in data if name not in PictureBatch.model_fields)
    pictures = data.get("images")
    for number, picture in enumerate(pictures if isinstance(pictures, list) else ()):
        for name in picture if isinstance(picture, dict) else ():
            if name not in Base64Picture.model_fields and name not in PixelPicture.model_fields:
                yield FieldError(f"body.images.{number}.{name}", "is unknown")


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


def _too_many(limit: int) -> TooManyPictures:
    return TooManyPictures(f"A request may have {limit} pictures.")
