"""Requests that say nothing but what they must. For these there is no need of a parser that knows all of HTTP."""

from __future__ import annotations

import re
from typing import NamedTuple

from service.routes.uploads import media_type_of

MAX_HEAD_BYTES = 8_192
"""Of a request that is looked at here; the server takes more."""

_HEAD = re.compile(rb"POST (/v1/[a-z/]{1,64}) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: [!-~](?:[ -~]*[!-~])?\r\n)+)\r\n")
_FIELD = re.compile(rb"([^:]+): ([^\r]+)\r\n")
_LENGTH = re.compile(rb"0|[1-9]\d{0,9}")
_BY_THE_PARSER = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"traceparent", b"x-request-id"})


class Plain(NamedTuple):
    """A POST with a body of `length` bytes, which `data` holds after its first `head` bytes.

    `content_type` is as it was sent, empty where it was not; `kind` is what the routes call it.
    """

    path: str
    content_type: str
    kind: str
    length: int
    head: int
    data: bytes

    @property
    def whole(self) -> bool:
        """Whether all of the body is here."""
        return len(self.data) == self.head + self.length

    @property
    def body(self) -> bytes:
        """What is here of it, in a copy."""
        return self.data[self.head :]


def plain(data: bytes) -> Plain | None:
    """The one request that the bytes are, or that they begin, from a client who keeps the connection; None: they may be more.

    None is no refusal: the parser reads such bytes, and only it knows what is wrong with them, if anything is. What is taken here
    is a small part of RFC 9112: one space after each colon, printable ASCII, no field twice, and a length that is exact.
    """
    head = _HEAD.match(data, 0, MAX_HEAD_BYTES)
    if head is None:
        return None
    found = _FIELD.findall(head[2])
    fields = {name.lower(): value for name, value in found}
    given = fields.get(b"content-length", b"")
    if (
        len(fields) < len(found)
        or not _BY_THE_PARSER.isdisjoint(fields)
        or fields.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        or not _LENGTH.fullmatch(given)
    ):
        return None
    length = int(given)
    if len(data) > head.end() + length:
        return None
    content_type = fields.get(b"content-type", b"").decode("ascii")
    return Plain(head[1].decode("ascii"), content_type, kind_of(content_type), length, head.end(), data)


def kind_of(content_type: str) -> str:
    """The media type as the routes declare it: without parameters, and all pictures as one."""
    found = media_type_of(content_type)
    return "image/*" if found.startswith("image/") else found
