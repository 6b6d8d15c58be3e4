"""Pictures and forms that were made to do harm. Each is answered with 2xx or 4xx, soon, and never with what was sent."""

from __future__ import annotations

import base64
import io
import json
import struct
import time
import zipfile
import zlib

import httpx
import pytest
from PIL import Image

from tests.service.checks import FORM, RAW, part, problem
from tests.service.fakes import FakeModel, one, png

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_number_reading")]

FORMATS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]
SOON_S = 10.0
MARK = b"<script>alert('4711')</script>"
HEAD = b"--x\r\nContent-Disposition: form-data; name="


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.html", MARK)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def in_png(kind: bytes, data: bytes) -> bytes:
    """A good PNG with one more chunk behind its header."""
    good = png(one())
    return good[:33] + chunk(kind, data) + good[33:]


async def soon(client: httpx.AsyncClient, path: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
    started = time.perf_counter()
    answer = await client.post(path, content=content, headers=headers)
    assert time.perf_counter() - started < SOON_S
    assert 200 <= answer.status_code < 500, answer.text
    assert len(answer.content) < 100_000
    return answer


# ---- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/digit", "/v1/digits", "/v1/number"])
@pytest.mark.parametrize("name", ["image", "images", "other"])
async def test_tens_of_thousands_of_parts(client: httpx.AsyncClient, model: FakeModel, path: str, name: str) -> None:
    body = part(name, b"") * 100_000 + b"--x--\r\n"
    answer = await soon(client, path, body, FORM)
    assert answer.status_code in (413, 422)
    assert model.batches == []


@pytest.mark.parametrize(
    "body",
    [
        HEAD + b'"image"; filename="' + b"a" * 5_000_000 + b'"\r\n\r\n\r\n--x--\r\n',
        HEAD + b'"' + b"a" * 5_000_000 + b'"\r\n\r\n\r\n--x--\r\n',
        b"--x\r\n" + b"A: b\r\n" * 500_000 + b"\r\n\r\n--x--\r\n",
        HEAD + b'"image"' + b"; a=b" * 100_000 + b"\r\n\r\n\r\n--x--\r\n",
        HEAD + b'"image"; filename="a"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n' + b"--y\r\n" * 900_000,
        b"\r\n" * 4_000_000,
        b"-" * 8_000_000,
        b"--x\r\n" * 1_500_000,
        HEAD + b'"image"; filename="a"\r\n\r\n' + b"\r\n--" * 2_000_000,
        HEAD + b'"image"; filename="a"\r\n\r\n' + b"\r" * 8_000_000,
    ],
    ids=["filename", "name", "headers", "parameters", "nested", "lines", "dashes", "boundaries", "almost", "returns"],
)
async def test_forms_that_are_work_to_parse(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await soon(client, "/v1/digit", body, FORM)).status_code in (400, 413, 415, 422)


@pytest.mark.parametrize("boundary", ["x" * 60_000, '"', "x; boundary=y" * 5_000, "\x7f", " "])
async def test_boundaries_that_are_none(client: httpx.AsyncClient, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert (await soon(client, "/v1/digit", part("image") + b"--x--\r\n", headers)).status_code == 400


async def test_a_form_within_a_form_is_no_picture(client: httpx.AsyncClient) -> None:
    inner = b"--y\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n" + png(one()) + b"\r\n--y--\r\n"
    problem(await soon(client, "/v1/digit", part("image", inner) + b"--x--\r\n", FORM), 415)


# ---- decompression bombs ----------------------------------------------------------------------------------------------


def of_size(format: str, side: int) -> bytes:
    """A small file whose header says that it is a square of this side."""
    file = bytearray(png(one(), format))
    little, big = struct.pack("<H", side), struct.pack(">H", side)
    if format == "PNG":
        return bytes(file[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + file[33:])
    if format == "JPEG":
        at = file.index(b"\xff\xc0") + 5
        file[at : at + 4] = big + big
    elif format == "WEBP":
        frame = struct.pack("<I", side - 1)[:3]
        body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + frame + frame + bytes(file[12:])
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    elif format == "BMP":
        file[18:26] = struct.pack("<ii", side, side)
    elif format == "GIF":
        file[6:10] = little + little
        at = file.index(b",") + 5
        file[at : at + 4] = little + little
    else:
        (at,) = struct.unpack("<I", file[4:8])
        for entry in range(at + 2, at + 2 + 12 * struct.unpack("<H", file[at : at + 2])[0], 12):
            if struct.unpack("<H", file[entry : entry + 2])[0] in (256, 257):
                file[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, side)
    return bytes(file)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("side", [7_100, 16_000, 65_000])
async def test_a_small_file_that_says_it_is_huge(
    client: httpx.AsyncClient, model: FakeModel, format: str, side: int
) -> None:
    side = min(side, 16_383) if format == "WEBP" else side
    answer = await soon(client, "/v1/digit", of_size(format, side), RAW)
    # A WebP whose canvas and frame differ is damaged, which its decoder finds first.
    assert answer.status_code in ((413, 422) if format == "WEBP" else (413,)), answer.text
    assert model.batches == []


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("side", [3_000, 7_000])
async def test_a_small_file_that_says_it_is_as_large_as_allowed(
    client: httpx.AsyncClient, format: str, side: int
) -> None:
    await soon(client, "/v1/digit", of_size(format, side), RAW)


BOMB = zlib.compress(bytes(500_000_000), 1)


@pytest.mark.parametrize(
    "picture",
    [
        in_png(b"zTXt", b"Comment\0\0" + BOMB),
        in_png(b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
        in_png(b"iCCP", b"ICC\0\0" + BOMB),
        png(one())[:33] + chunk(b"IDAT", BOMB) + png(one())[-12:],
        in_png(b"zTXt", b"Comment\0\0" + zlib.compress(b"")) + b"".join([chunk(b"tEXt", b"a\0b")] * 100_000),
        png(Image.new("1", (7_000, 7_000))),
        png(Image.new("1", (7_000, 7_000)), "TIFF", compression="group4"),
        png(Image.new("L", (7_000, 7_000)), "TIFF", compression="tiff_lzw"),
        png(Image.new("L", (7_000, 7_000)), "GIF"),
    ],
    ids=["zTXt", "iTXt", "iCCP", "IDAT", "chunks", "PNG", "group4", "LZW", "GIF"],
)
async def test_what_grows_when_it_is_decompressed(client: httpx.AsyncClient, picture: bytes) -> None:
    assert len(picture) < 5_000_000
    await soon(client, "/v1/digit", picture, RAW)


# ---- polyglots --------------------------------------------------------------------------------------------------------

BEHIND = {"zip": zipped(), "html": b"<html>" + MARK, "php": b"<?php " + MARK, "pdf": b"%PDF-1.7 " + MARK}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("what", BEHIND)
async def test_a_picture_that_is_something_else_too(client: httpx.AsyncClient, format: str, what: str) -> None:
    """It is read as the picture that it is, or refused; what hangs on it is looked at by nobody, and given to nobody."""
    for path in ("/v1/digit?explain=true", "/v1/number?explain=true"):
        answer = await soon(client, path, png(one(), format) + BEHIND[what], RAW)
        assert answer.headers["Content-Type"] in ("application/json", "application/problem+json")
        assert MARK not in answer.content
        for value in (json.loads(answer.content).get("explanation") or {}).values():
            if isinstance(value, str):
                assert MARK not in base64.b64decode(value.partition(",")[2])


async def test_words_within_a_picture_stay_there(client: httpx.AsyncClient) -> None:
    exif = Image.Exif()
    exif[0x010E] = MARK.decode()
    comment = png(one(), "JPEG")[:2] + b"\xff\xfe" + struct.pack(">H", len(MARK) + 2) + MARK + png(one(), "JPEG")[2:]
    for picture in (comment, in_png(b"tEXt", b"Comment\0" + MARK), png(one(), "JPEG", exif=exif)):
        answer = await soon(client, "/v1/digit?explain=true", picture, RAW)
        assert answer.json()["digit"] == 1
        assert MARK not in answer.content


@pytest.mark.parametrize(
    "data",
    [zipped() + png(one()), b"%PDF-1.7\n" + png(one()), b"<html>" + MARK, b"<svg>" + MARK, b"GIF89a/*" + MARK + b"*/"],
    ids=["zip", "pdf", "html", "svg", "gif"],
)
async def test_what_is_no_picture_at_its_beginning(client: httpx.AsyncClient, data: bytes) -> None:
    for name in (MARK.decode(), "digit.png"):
        answer = await client.post("/v1/digit", files={"image": (name, data, "image/png")})
        assert answer.status_code in (413, 415, 422)
        assert MARK not in answer.content


# ---- truncated files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
async def test_a_picture_cut_anywhere(client: httpx.AsyncClient, format: str) -> None:
    file = png(one(), format)
    cuts = sorted({*range(min(64, len(file))), *range(64, len(file), max(1, len(file) // 200))})
    for start in range(0, len(cuts), 60):
        pieces = [file[:cut] for cut in cuts[start : start + 60]]
        answer = await client.post("/v1/digits", files=[("images", ("a", piece)) for piece in pieces])
        assert answer.status_code == 200
        for cut, result in zip(cuts[start:], answer.json()["results"], strict=False):
            assert result["reading"] or result["problem"]["status"] in (413, 415, 422), (cut, result)
    for path in ("/v1/digit", "/v1/number"):
        for cut in (1, len(file) // 3, len(file) - 1):
            await soon(client, path, file[:cut], RAW)
