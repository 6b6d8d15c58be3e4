"""Forms of one file go past the parser, and nothing shows that they do."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import RequestError
from service.routes.uploads import INLINE_BYTES, by_parser, plain_file
from tests.service.fakes import ONE

BOUNDARY = "----WebKitFormBoundaryx.Y'9"
LINE = b"--" + BOUNDARY.encode()

# Each part of a form as it mostly is, and with what is nearly that.
TYPES = st.sampled_from(
    [
        f"multipart/form-data; boundary={BOUNDARY}",
        f"multipart/form-data; boundary={BOUNDARY}\n",
        f'multipart/form-data; boundary="{BOUNDARY}"',
        f"multipart/form-data; boundary={BOUNDARY}; charset=utf-8",
        f"multipart/form-data; boundary={BOUNDARY[:-1]}",
        f"Multipart/Form-Data;boundary={BOUNDARY}",
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=",
        "multipart/form-data",
    ]
)
STARTS = st.sampled_from([LINE + b"\r\n", b"\r\n" + LINE + b"\r\n", LINE + b"\n", LINE + b"--\r\n", b""])
FILENAMES = st.one_of(
    st.sampled_from([b"", b"a.png", b"\xc3\xa9;name=b", b"C:\\a.png", b"\\\\a", b"a\nb", b'a"; name="b', b"*"]),
    st.binary(max_size=300),
)
NAMES = st.sampled_from([b"image", b"images", b"", b"im\xe4ge", b'image"; name="images', b"image\\"])
DISPOSITIONS = st.one_of(
    st.builds(lambda name, file: b'form-data; name="%b"; filename="%b"' % (name, file), NAMES, FILENAMES),
    st.builds(lambda name, file: b"form-data; name=%b; filename=%b" % (name, file), NAMES, FILENAMES),
    st.builds(lambda name: b'form-data; name="%b"' % name, NAMES),
)
HEADS = st.builds(
    lambda name, disposition, rest: name + b": " + disposition + rest,
    st.sampled_from([b"Content-Disposition", b"content-disposition", b"Content-Disposition ", b"X"]),
    DISPOSITIONS,
    st.sampled_from(
        [b"", b"\r\nContent-Type: image/png", b"\r\nContent-Type:", b"\r\nContent-Type: a; b=c", b"\r\nX: y", b"\r\n"]
    ),
)
CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\r\n", b"\r\n" + LINE, b"\r\n" + LINE[:-1], LINE, b"--", b"\r\n" + LINE + b"--\r\n"]),
        st.sampled_from([bytes(INLINE_BYTES - 150), bytes(INLINE_BYTES)]),
    ),
    max_size=4,
).map(b"".join)
ENDS = st.sampled_from([b"--\r\n", b"--", b"", b"\r\n", b"--\r\nmore", b"-", b" --\r\n", b"--\r\n\r\n"])


def plain(
    content: bytes, end: bytes = b"--\r\n", file: bytes = b"a.png", kind: bytes = b"Content-Type: a/b\r\n"
) -> bytes:
    """A form as browsers write it."""
    head = b'Content-Disposition: form-data; name="image"; filename="%b"\r\n' % file
    return LINE + b"\r\n" + head + kind + b"\r\n" + content + b"\r\n" + LINE + end


@settings(max_examples=600)
@given(
    content_type=TYPES, start=STARTS, head=HEADS, content=CONTENTS, end=ENDS, name=st.sampled_from(["image", "images"])
)
def test_a_file_is_taken_as_the_parser_takes_it(
    content_type: str, start: bytes, head: bytes, content: bytes, end: bytes, name: str
) -> None:
    same(start + head + b"\r\n\r\n" + content + b"\r\n" + LINE + end, content_type, name)


@settings(max_examples=600)
@given(content=CONTENTS, at=st.integers(0, 400), cut=st.integers(0, 3), put=st.binary(max_size=3), file=FILENAMES)
def test_one_fault_is_found_as_the_parser_finds_it(content: bytes, at: int, cut: int, put: bytes, file: bytes) -> None:
    body = plain(content, file=file)
    same(body[:at] + put + body[at + cut :], f"multipart/form-data; boundary={BOUNDARY}", "image")


def same(body: bytes, content_type: str, name: str) -> None:
    """Checks that nothing is taken which the parser takes otherwise."""
    file = plain_file(body, content_type, name)
    if file is not None:
        assert by_parser(body, content_type, name, 1) == [file]


@pytest.mark.parametrize("content", [b"", b"\r\n", ONE, LINE, b"\r\n--", bytes(60_000)])
@pytest.mark.parametrize("end", [b"--\r\n", b"--"])
@pytest.mark.parametrize("kind", [b"", b"Content-Type: image/svg+xml\r\n"])
def test_what_browsers_write_needs_no_parser(content: bytes, end: bytes, kind: bytes) -> None:
    body = plain(content, end, kind=kind)
    assert plain_file(body, f"multipart/form-data; boundary={BOUNDARY}", "image") == content
    assert by_parser(body, f"multipart/form-data; boundary={BOUNDARY}", "image", 1) == [content]


def test_what_httpx_writes_needs_no_parser() -> None:
    request = httpx.Request("POST", "http://digits", files={"image": ("one.png", ONE, "image/png")})
    assert plain_file(request.read(), request.headers["content-type"], "image") == ONE


@pytest.mark.parametrize(
    "body",
    [
        plain(b"a", b"--\r\nmore"),
        plain(b"a\r\n" + LINE + b"\r\nb"),
        plain(bytes(INLINE_BYTES)),
        plain(b"", file=b"a" * 256),
    ],
)
def test_anything_else_is_for_the_parser(body: bytes) -> None:
    assert plain_file(body, f"multipart/form-data; boundary={BOUNDARY}", "image") is None


def test_another_name_is_refused_by_the_parser() -> None:
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    assert plain_file(plain(ONE), content_type, "images") is None
    with pytest.raises(RequestError):
        by_parser(plain(ONE), content_type, "images", 1)
