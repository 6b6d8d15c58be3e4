"""Spoilt forms: boundaries, headers and ends that are not as RFC 7578 has them, and forms that are work to take apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks.mutate import Random, drawn, spoilt

NAMES = (
    "image",
    "images",
    "imagе",
    "",
    "IMAGE",
    "a" * 5_000,
    "image\0",
    'im\\"age',
    "%69mage",
    "\udcff\u2028",
    "body.image",
)
_BOUNDARIES = ("x", "-", "--", "a" * 70, "a" * 5_000, "'()+_,-./:=?", "x y", "é", "x;charset=utf-8", '"', "")


@dataclass(frozen=True)
class Part:
    """A part of a form: its headers' lines, and its content."""

    headers: tuple[bytes, ...]
    content: bytes


@dataclass(frozen=True)
class Form:
    """A form that is not written yet. `shown`: the boundary that the Content-Type names; `line`: what ends lines."""

    parts: tuple[Part, ...]
    boundary: bytes = b"9d3e1f7c5b2a"
    shown: bytes = b"9d3e1f7c5b2a"
    line: bytes = b"\r\n"
    end: bytes = b"--"
    before: bytes = b""
    after: bytes = field(default=b"\r\n")

    def body(self) -> bytes:
        """As it is sent."""
        mark = b"--" + self.boundary
        written = [
            mark + self.line + b"".join(h + self.line for h in part.headers) + self.line + part.content + self.line
            for part in self.parts
        ]
        return self.before + b"".join(written) + mark + self.end + self.after

    def content_type(self) -> bytes:
        """The header's value."""
        return b"multipart/form-data; boundary=" + self.shown


def file(name: str, content: bytes) -> Part:
    """A part as browsers write it."""
    return Part((_disposition(name), b"Content-Type: application/octet-stream"), content)


def form(name: str, contents: list[bytes], random: Random) -> tuple[bytes, bytes]:
    """A spoilt form of the files: the value of its Content-Type, and its body. `name`: what its files are called at first."""
    made = Form(tuple(file(name, content) for content in contents))
    for _ in range(int(random.integers(0, 4))):
        made = drawn(random, _CHANGES)(made, random)
    body, content_type = made.body(), made.content_type()
    if random.random() < 0.35:
        body = spoilt(body, random, (body,))
    if random.random() < 0.1:
        content_type = _one_line(spoilt(content_type, random))
    return content_type, body


def _one_line(value: bytes) -> bytes:
    """Without what may not be in a header's value: such a request would not be HTTP any more."""
    return bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)[:8_000].strip()


def _disposition(name: str, more: bytes = b'; filename="digit.png"') -> bytes:
    written = name.encode("utf-8", "surrogateescape").replace(b"\r", b"").replace(b"\n", b"")
    return b'Content-Disposition: form-data; name="' + written + b'"' + more


def _some(made: Form, random: Random, change: Callable[[Part], Part]) -> Form:
    """One part is another."""
    if not made.parts:
        return made
    at = int(random.integers(len(made.parts)))
    return replace(made, parts=(*made.parts[:at], change(made.parts[at]), *made.parts[at + 1 :]))


def _boundary(made: Form, random: Random) -> Form:
    new = drawn(random, _BOUNDARIES).encode()
    quoted = b'"' + new + b'"' if random.random() < 0.4 else new
    return replace(made, boundary=new if random.random() < 0.7 else made.boundary, shown=quoted)


def _boundary_in_content(made: Form, random: Random) -> Form:
    mark = b"\r\n--" + made.boundary
    piece = drawn(random, (mark, mark[:-1], mark + b"--", mark + b"\r\n", mark + b"-", b"\r\n--" * 500))
    return _some(made, random, lambda part: Part(part.headers, part.content[:40] + piece + part.content[40:]))


def _ends(made: Form, random: Random) -> Form:
    return replace(made, end=drawn(random, (b"", b"-", b"---", b"\r\n", b"\0", b"--" * 2_000)))


def _lines(made: Form, random: Random) -> Form:
    return replace(made, line=drawn(random, (b"\n", b"\r", b"\n\r", b"", b"\r\n\r\n")))


def _around(made: Form, random: Random) -> Form:
    text = drawn(random, (b"\r\n", b"preamble", b"\r\n" * 1_000, b"\0" * 10, b"--", b"A: b\r\n" * 100))
    return replace(made, before=text) if random.random() < 0.5 else replace(made, after=text)


def _name(made: Form, random: Random) -> Form:
    header = _disposition(drawn(random, NAMES))
    return _some(made, random, lambda part: Part((header, *part.headers[1:]), part.content))


def _header(made: Form, random: Random) -> Form:
    header = drawn(
        random,
        (
            b"Content-Disposition", b": form-data", b"", b" folded: line", b"Content-Disposition: attachment",
            b'Content-Disposition: form-data; name="image"; name="images"; filename="a"',
            b"Content-Disposition: form-data; name*=utf-8''image; filename*=utf-8''%ff%00",
            b"Content-Disposition: form-data; name=image; filename=" + b"a" * 10_000,
            b'Content-Disposition: form-data; name="image' + b"; a=b" * 2_000,
            b"Content-Transfer-Encoding: base64", b"Content-Type: text/plain; charset=utf-7", b"Content-Length: 5",
            b"Content-Type: multipart/mixed; boundary=y", b"A" * 20_000 + b": b", "Ünicode: ü".encode("utf-16"),
            b"Content-Disposition: form-data; name=\xff\xfe; filename=\x80",
        ),
    )  # fmt: skip
    where = int(random.integers(3))
    return _some(made, random, lambda part: Part((*part.headers[:where], header, *part.headers[where:]), part.content))


def _many_headers(made: Form, random: Random) -> Form:
    many = (b"X-Header: value",) * int(2 ** random.uniform(3, 11))
    return _some(made, random, lambda part: Part(part.headers + many, part.content))


def _bare(made: Form, random: Random) -> Form:
    """A part without headers, or one that is no file."""
    headers = () if random.random() < 0.5 else (_disposition("image", b""),)
    return _some(made, random, lambda part: Part(headers, part.content))


def _many(made: Form, random: Random) -> Form:
    part = drawn(random, made.parts) if made.parts else file("image", b"")
    small = Part(part.headers, part.content[: int(random.integers(40))])
    return replace(made, parts=made.parts + (small,) * int(2 ** random.uniform(0, 11)))


def _none(made: Form, random: Random) -> Form:
    return replace(made, parts=made.parts[1:])


def _nested(made: Form, random: Random) -> Form:
    inner = replace(made, boundary=b"inner") if random.random() < 0.5 else made
    header = b"Content-Type: multipart/mixed; boundary=" + inner.boundary
    return replace(made, parts=(Part((_disposition("image"), header), inner.body()[:100_000]),))


_CHANGES: tuple[Callable[[Form, Random], Form], ...] = (
    _boundary,
    _boundary_in_content,
    _ends,
    _lines,
    _around,
    _name,
    _header,
    _many_headers,
    _bare,
    _many,
    _none,
    _nested,
)
