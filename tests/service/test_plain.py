"""What may go past the parser: nothing that a parser would read otherwise."""

from __future__ import annotations

import random
from typing import Any

import httptools
import pytest

from service.plain import MAX_HEAD_BYTES, Plain, plain

BODY = b"--x\r\n\r\n{}"
FIELDS = (
    b"Host: digits:8000",
    b"User-Agent: a client/1.0 (of: some; kind)",
    b"Accept: */*",
    b"Connection: keep-alive",
    b'content-type: Multipart/Form-Data; boundary="x"',
    b"Content-Length: %d" % len(BODY),
)


def request(*changed: tuple[bytes, bytes], body: bytes = BODY) -> bytes:
    """A plain one, with the first place where something stands changed to something else."""
    whole = b"\r\n".join((b"POST /v1/digit HTTP/1.1", *FIELDS, b"", body))
    for before, after in changed:
        assert before in whole
        whole = whole.replace(before, after, 1)
    return whole


class Parsed:
    """What the parser makes of bytes."""

    def __init__(self, data: bytes) -> None:
        self.url, self.body = b"", b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.messages = 0
        self.parser: Any = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


def agrees(data: bytes, found: Plain) -> bool:
    """Whether the parser finds the same, and no more."""
    parsed = Parsed(data)
    fields = dict(parsed.fields)
    return (
        parsed.messages == found.whole
        and parsed.parser.get_method() == b"POST"
        and parsed.parser.get_http_version() == "1.1"
        and parsed.parser.should_keep_alive()
        and not parsed.parser.should_upgrade()
        and parsed.url.decode() == found.path
        and parsed.body == found.body
        and int(fields[b"content-length"]) == found.length
        and fields.get(b"content-type", b"").decode() == found.content_type
        and not fields.keys() & {b"expect", b"transfer-encoding", b"x-request-id", b"traceparent"}
    )


def said(found: Plain | None) -> tuple[str, str, str, bytes]:
    """What a whole request says."""
    assert found is not None
    assert found.whole
    assert len(found.body) == found.length
    return found.path, found.content_type, found.kind, found.body


def test_what_is_plain() -> None:
    assert said(plain(request())) == ("/v1/digit", 'Multipart/Form-Data; boundary="x"', "multipart/form-data", BODY)
    jpeg = request((b'content-type: Multipart/Form-Data; boundary="x"', b"Content-Type: image/JPEG"))
    assert said(plain(jpeg)) == ("/v1/digit", "image/JPEG", "image/*", BODY)
    empty = b"POST /v1/digits/json HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    assert said(plain(empty)) == ("/v1/digits/json", "", "", b"")


def test_what_is_not_all_here() -> None:
    for there in range(len(BODY)):
        found = plain(request(body=BODY[:there]))
        assert found is not None
        assert (found.length, found.whole, found.body) == (len(BODY), False, BODY[:there])
    assert plain(request(body=b"").removesuffix(b"\n")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request() + b"G",
        request() * 2,
        b"\r\n" + request(),
        request((b"POST", b"GET")),
        request((b"POST", b"post")),
        request((b"/v1/digit", b"/v1/digit?explain=true")),
        request((b"/v1/digit", b"/v1/%64igit")),
        request((b"/v1/digit", b"http://digits/v1/digit")),
        request((b"HTTP/1.1", b"HTTP/1.0")),
        request((b"\r\n", b"\n")),
        request((b"keep-alive", b"close")),
        request((b"keep-alive", b"keep-alive, upgrade")),
        request((b"Accept: */*", b"Transfer-Encoding: chunked")),
        request((b"Accept: */*", b"Expect: 100-continue")),
        request((b"Accept: */*", b"Upgrade: websocket")),
        request((b"Accept: */*", b"X-Request-ID: mine")),
        request((b"Accept: */*", b"traceparent: 00-1-2-01")),
        request((b"Accept: */*", b"HOST: another")),
        request((b"Accept: */*", b"Content-Length: %d" % len(BODY))),
        request((b"Accept: */*", b"Accept: a\r\n b")),
        request((b"Accept: */*", b"Accept : */*")),
        request((b"Accept: */*", b"Accept:*/*")),
        request((b"Accept: */*", b"Accept: caf\xe9")),
        request((b"Accept: */*", b"Accept: \x00")),
        request((b"Accept: */*", b"Accept: " + b"x" * MAX_HEAD_BYTES)),
        request((b"Content-Length: ", b"Content-Length: +")),
        request((b"Content-Length: ", b"Content-Length: 0")),
        request((b"Content-Length: ", b"Content-Length: 1" + 10 * b"0")),
        request((b"Content-Length: %d" % len(BODY), b"Content-Length: -1")),
        request((b"\r\nContent-Length: %d" % len(BODY), b"")),
    ],
)
def test_what_is_not(data: bytes) -> None:
    assert plain(data) is None


def test_the_parser_agrees_on_whatever_is_taken() -> None:
    chance = random.Random(1)
    pieces = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b":",
        b"\t",
        b"\0",
        b"0",
        b"1",
        b"Transfer-Encoding: chunked\r\n",
        b"close",
        b"\xff",
        b"A: b\r\n",
    ]
    taken = 0
    for _ in range(30_000):
        data = bytearray(request())
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 2)] = chance.choice(pieces)
        found = plain(bytes(data))
        if found is not None:
            taken += 1
            assert agrees(bytes(data), found), bytes(data)
    assert taken > 1_000
