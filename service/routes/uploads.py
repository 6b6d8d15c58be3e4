"""Bodies: pictures out of multipart forms and raw bodies. All in memory, within the limit that `limits.py` keeps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeVar

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from service.errors import FieldError, InvalidRequest, MalformedRequest, TooManyPictures, UnsupportedMediaType

INLINE_BYTES = 65_536
"""Bodies up to here are parsed on the event loop: handing them to a thread would take longer than parsing them."""

FORM = "multipart/form-data"
RAW = "application/octet-stream"

_PLAIN_TYPE = re.compile(r"multipart/form-data; boundary=([\w.'-]{1,70})", re.ASCII)
_PLAIN_HEAD = re.compile(
    rb'\r\nContent-Disposition: form-data; name="(\w+)"; filename="[^"\\\r\n]{0,255}"\r\n'
    rb"(?:Content-Type: [\w.+/-]{1,100}\r\n)?\r\n"
)

T = TypeVar("T")


async def one_picture(request: Request) -> bytes:
    """The picture of a form's file `image`, or the body itself. Raises `RequestError`."""
    header = request.headers.get("content-type", "")
    media_type = media_type_of(header)
    if media_type == RAW or media_type.startswith("image/"):
        return await body_of(request)
    if media_type != FORM:
        raise UnsupportedMediaType(f"Send {FORM} with one file `image`, or the picture as image/* or {RAW}.")
    parts = await parsed(await body_of(request), lambda body: _form(body, header, "image", 1))
    if len(parts) != 1:
        raise InvalidRequest([FieldError("body.image", "is missing" if not parts else "must be given once")])
    return parts[0]


async def many_pictures(request: Request, limit: int) -> list[bytes]:
    """The pictures of a form's files `images`, in order. Raises `RequestError`."""
    header = request.headers.get("content-type", "")
    if media_type_of(header) != FORM:
        raise UnsupportedMediaType(f"Send {FORM} with files `images`.")
    parts = await parsed(await body_of(request), lambda body: _form(body, header, "images", limit))
    if not parts:
        raise InvalidRequest([FieldError("body.images", "is missing")])
    if len(parts) > limit:
        raise too_many(limit)
    return parts


def media_type_of(header: str) -> str:
    """The type alone, in lower case."""
    return header.partition(";")[0].strip().lower()


async def body_of(request: Request) -> bytes:
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


async def parsed(body: bytes, parse: Callable[[bytes], T]) -> T:
    """What `parse` makes of the body, in a thread where it is large."""
    return parse(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(parse, body)


def _form(body: bytes, content_type: str, name: str, limit: int) -> list[bytes]:
    """The contents of the parts called `name`; stops early at one more than `limit`, which is an error for the caller."""
    file = plain_file(body, content_type, name)
    return by_parser(body, content_type, name, limit) if file is None else [file]


def plain_file(body: bytes, content_type: str, name: str) -> bytes | None:
    """The content of a form's only file, where all is written as browsers and libraries do; the parser takes longer for it.

    None where there is anything else in it, or anything wrong with it: only the parser knows what to make of that.
    """
    given = _PLAIN_TYPE.fullmatch(content_type)
    if given is None or len(body) > INLINE_BYTES:
        return None
    line = b"--" + given[1].encode()
    head = _PLAIN_HEAD.match(body, len(line)) if body.startswith(line) else None
    if head is None or head[1] != name.encode():
        return None
    end = body.find(b"\r\n" + line, head.end())
    rest = body[end + 2 + len(line) :] if end >= 0 else b""
    return body[head.end() : end] if rest in (b"--\r\n", b"--") else None


def by_parser(body: bytes, content_type: str, name: str, limit: int) -> list[bytes]:
    """What `_form` gives, of any form."""
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
    if not ended:  # the last one's headers may not have been read to their end
        names.pop()
    if "" in names:
        raise MalformedRequest("A part of the multipart body has no name.")
    if unknown := [part for part in dict.fromkeys(names) if part != name]:
        raise InvalidRequest([FieldError(f"body.{part}", "is unknown") for part in unknown])
    if texts:
        raise InvalidRequest([FieldError(f"body.{name}", "must be a file, with a filename")])
    return [bytes(part) for part in parts]


def too_many(limit: int) -> TooManyPictures:
    """The error for more than `limit` pictures."""
    return TooManyPictures(f"A request may have {limit} pictures.")
