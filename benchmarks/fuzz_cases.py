"""The requests of the fuzz run: each follows from the run's seed and its own number alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import questions, spoilt_forms, spoilt_json, spoilt_pictures
from benchmarks.mutate import Random, drawn, spoilt
from benchmarks.spoilt_pictures import FORMATS

FORM, JSON, BOMB, HTTP = "forms", "JSON", "bombs", "HTTP"
KINDS = (*FORMATS, FORM, JSON, BOMB, HTTP)
_SHARES = (*[0.54 / len(FORMATS)] * len(FORMATS), 0.2, 0.2, 0.03, 0.03)
_QUERIES = (
    "?explain=true", "?explain=true", "?explain=maybe", "?version=999999", "?version=" + "9" * 400, "?version=1&version=1",
    "?version=-1", "?x=%00%ff", "?" + "&" * 2_000, "?explain", "?version=1.0",
)  # fmt: skip
_ONE, _MANY = ("/v1/digit", "/v1/number"), ("/v1/digit", "/v1/digits", "/v1/number")
_IN_JSON = ("/v1/digits/json", "/v1/number/json")


@dataclass(frozen=True)
class Case:
    """A whole request. `refused`: 4xx is the only right answer; `http`: it can be read as HTTP, so an answer must come."""

    number: int
    kind: str
    request: bytes
    refused: bool = False
    http: bool = True

    @property
    def name(self) -> str:
        """As a file's name."""
        return f"{self.number:06}-{self.kind}"


def case(seed: int, number: int) -> Case:
    """The request of this number."""
    random = np.random.default_rng([seed, number])
    kind = KINDS[int(random.choice(len(KINDS), p=_SHARES))]
    if kind == HTTP:
        return Case(number, kind, _broken(_head_and_body(random), random), http=False)
    if kind == BOMB:
        return Case(number, kind, _picture(spoilt_pictures.bomb(drawn(random, FORMATS), random), random), refused=True)
    if kind == FORM:
        path = drawn(random, _MANY)
        contents = [_any_picture(random) for _ in range(int(random.integers(1, 4)))]
        name = drawn(random, spoilt_forms.NAMES) if random.random() < 0.1 else _field(path)
        return Case(number, kind, _request(path, *spoilt_forms.form(name, contents, random), random))
    if kind == JSON:
        path = drawn(random, _IN_JSON)
        pictures = [_as_json(random) for _ in range(int(random.integers(1, 4)))]
        body = spoilt_json.body(spoilt_json.document(path, pictures), random)
        return Case(number, kind, _request(path, b"application/json", body, random))
    return Case(number, kind, _picture(spoilt_pictures.picture(kind, random), random))


def good() -> list[bytes]:
    """Requests with good pictures, of every format in every way to send them: what all others are made from."""
    files = [file for kind in FORMATS for file in spoilt_pictures.seeds(kind)]
    raw = [_written(path, b"image/*", file) for file in files for path in _ONE]
    batch = spoilt_json.written(spoilt_json.document("", [{"base64": spoilt_json.strict(file)} for file in files]))
    return [*raw, _written("/v1/digits/json", b"application/json", batch)]


def _any_picture(random: Random) -> bytes:
    """Good, or spoilt."""
    kind = drawn(random, FORMATS)
    return (
        drawn(random, spoilt_pictures.seeds(kind)) if random.random() < 0.5 else spoilt_pictures.picture(kind, random)
    )


def _as_json(random: Random) -> dict[str, object]:
    if random.random() < 0.5:
        return spoilt_json.as_base64(_any_picture(random), random)
    return {"pixels": drawn(random, questions.pictures("28x28")).grey[:: int(random.integers(1, 4))].tolist()}


def _picture(file: bytes, random: Random) -> bytes:
    """A request with the file as its body, in a good form, or in base64, so that it alone decides the answer."""
    way = random.random()
    if way < 0.6:
        types = (b"application/octet-stream", b"image/png", b"image/jpeg", b"image/*", b"Image/X; charset=utf-8")
        return _request(drawn(random, _ONE), drawn(random, types), file, random, queries=False)
    if way < 0.9:
        path = drawn(random, _ONE)
        made = spoilt_forms.Form((spoilt_forms.file(_field(path), file),))
        return _request(path, made.content_type(), made.body(), random, queries=False)
    document = spoilt_json.document("/v1/number/json", [{"base64": spoilt_json.strict(file)}])
    return _request("/v1/number/json", b"application/json", spoilt_json.written(document), random, queries=False)


def _field(path: str) -> str:
    return "images" if path.endswith("digits") else "image"


def _request(path: str, content_type: bytes, body: bytes, random: Random, *, queries: bool = True) -> bytes:
    """With a query now and then, and of ten one in chunks."""
    if random.random() < 0.1:
        path += drawn(random, _QUERIES) if queries else _QUERIES[0]
    return _written(path, content_type, body, random if random.random() < 0.1 else None)


def _written(path: str, content_type: bytes, body: bytes, chunks: Random | None = None) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ".encode() + content_type + b"\r\n"
    if chunks is None:
        return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    pieces = []
    while body:
        size = int(2 ** chunks.uniform(6, 14))
        pieces.append(f"{len(body[:size]):x}\r\n".encode() + body[:size] + b"\r\n")
        body = body[size:]
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"


def _head_and_body(random: Random) -> tuple[bytes, bytes]:
    whole = _written(
        "/v1/digit", b"image/png", spoilt_pictures.seeds("PNG")[0], random if random.random() < 0.5 else None
    )
    head, end, body = whole.partition(b"\r\n\r\n")
    return head + end, body


def _broken(parts: tuple[bytes, bytes], random: Random) -> bytes:
    """A request that may not be HTTP any more."""
    head, body = parts
    return drawn(random, _BREAKS)(head, body, random)


def _bytes(head: bytes, body: bytes, random: Random) -> bytes:
    return spoilt(head, random, (head,)) + body


def _chunks(head: bytes, body: bytes, random: Random) -> bytes:
    return head + spoilt(body, random, (head + body,))


def _first_line(head: bytes, body: bytes, random: Random) -> bytes:
    lines = (
        b"GET / HTTP/1.1", b"PUT /v1/digit HTTP/1.1", b"post /v1/digit HTTP/1.1", b"POST /v1/digit HTTP/2.0", b"POST /v1/digit",
        b"POST http://other/v1/digit HTTP/1.1", b"CONNECT a:80 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"PRI * HTTP/2.0",
        b"POST /v1/%00%ff HTTP/1.1", b"POST /../../etc/passwd HTTP/1.1", b"POST //v1//digit/ HTTP/1.0",
        b"POST /v1/digit#a HTTP/1.1",         b"POST /" + b"a" * 40_000 + b" HTTP/1.1", b"GET /static/../app.js HTTP/1.1",
        b"GET /v1/models/99999999999999 HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00", b"POST /v1/digit?a=" + b"%41" * 5_000 + b" HTTP/1.1", b"DELETE /metrics HTTP/1.1",
    )  # fmt: skip
    return drawn(random, lines) + head[head.index(b"\r\n") :] + body


def _one_more_line(head: bytes, body: bytes, random: Random) -> bytes:
    lines = (
        b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 11000000",
        b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding : chunked", b"Content-Length: 1e3",
        b"Expect: 100-continue", b"Expect: 200-ok", b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings", b"Connection: \0",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        b"Content-Type: text/plain", b"Content-Type: \xff\xfe", b"Host: a\r\nHost: b", b" folded", b"no colon", b": none", b"\0: a",
        b"X-Request-ID: " + b"a" * 100, b"X-Request-ID: \xe9", b"X-A: " + b"a" * 40_000, b"X-A: a\r\n" * 3_000 + b"X-B: b",
        b"Content-Encoding: gzip", b"traceparent: 00-zz", b"X-Forwarded-For: \xff", b"Authorization: Bearer \xff",
        b"Range: bytes=0-",
    )  # fmt: skip
    return head[:-2] + drawn(random, lines) + b"\r\n\r\n" + body


_BREAKS: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (_bytes, _chunks, _first_line, _one_more_line)
