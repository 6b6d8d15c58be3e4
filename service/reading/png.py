"""Small grey PNG pictures, such as MNIST's, read without the detours of a library for all formats, which take most of its time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Grey

MOST_PIXELS = 128 * 128

_START = struct.Struct(
    ">8sI4sIIBBBBB"
)  # signature, length and name of the first chunk; width, height, depth, colour, …
_HEADER = struct.Struct(">IIBBBBB")
_CHUNK = struct.Struct(">I4s")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = (8, 0, 0, 0, 0)  # bits, colour type, compression, filter method, interlacing
_FIRST_END = 33
_FILTERS = 4


def plain(picture: bytes) -> Grey | None:
    """The pixels of a PNG file of grey values in 8 bits with nothing in it beside them, each chunk whole and right.

    None for any other, damaged ones too: a library knows what to make of those. Source: PNG Specification (Third Edition), W3C.
    """
    rows = _filtered(picture)
    if rows is None or not rows[:, 0].any():
        return None if rows is None else np.ascontiguousarray(rows[:, 1:])
    return _decoded(picture)


def plain_many(pictures: Sequence[bytes], longest: int) -> list[Grey | None]:
    """The same of each of several files, in less time; None also for pictures of more than `longest` pixels a side."""
    found: list[Grey | None] = [None] * len(pictures)
    by_width: dict[int, list[tuple[int, NDArray[np.uint8]]]] = {}
    for at, picture in enumerate(pictures):
        rows = _filtered(picture, longest)
        if rows is not None:
            by_width.setdefault(rows.shape[1], []).append((at, rows))
    for width, each in by_width.items():
        # One picture of all of them, each below a row of zeros, as a filter takes what is above a picture to be.
        tall = np.concatenate([part for _, rows in each for part in (np.zeros((1, width), np.uint8), rows)])
        pixels = _decoded(_file(tall))
        top = 0
        for at, rows in each:
            found[at] = pixels[top + 1 : top + 1 + len(rows)]
            top += 1 + len(rows)
    return found


def _decoded(picture: bytes) -> Grey:
    return np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def _file(rows: NDArray[np.uint8]) -> bytes:
    """A file of filtered rows, uint8 `[height, 1 + width]`, not compressed."""
    head = _HEADER.pack(rows.shape[1] - 1, rows.shape[0], *_GREY)
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows.tobytes(), 0)), _chunk(b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((len(data).to_bytes(4, "big"), kind, data, zlib.crc32(data, zlib.crc32(kind)).to_bytes(4, "big")))


def _filtered(picture: bytes, longest: int = MOST_PIXELS) -> NDArray[np.uint8] | None:
    """Its rows as they are in the file, each behind the number of its filter: uint8 `[height, 1 + width]`; None as `plain`."""
    if len(picture) < _FIRST_END or len(picture) > 2 * MOST_PIXELS:
        return None
    signature, length, kind, width, height, *form = _START.unpack_from(picture)
    pixels = width * height
    if (signature, length, kind, tuple(form)) != (_SIGNATURE, 13, b"IHDR", _GREY):
        return None
    if not 0 < pixels <= MOST_PIXELS or max(width, height) > longest:
        return None
    data = _data(picture)
    if data is None:
        return None
    inflate = zlib.decompressobj()
    try:
        filtered = inflate.decompress(data, pixels + height + 1)
    except zlib.error:
        return None
    if len(filtered) != pixels + height or not inflate.eof or inflate.unused_data:
        return None
    rows = np.frombuffer(filtered, np.uint8).reshape(height, width + 1)
    return rows if max(filtered[:: width + 1]) <= _FILTERS else None


def _data(picture: bytes) -> bytes | None:
    """What the IDAT chunks hold; None where there are others beside IHDR and IEND, or one is damaged."""
    data = b""
    at = len(_SIGNATURE)
    while at + 12 <= len(picture):
        length, kind = _CHUNK.unpack_from(picture, at)
        end = at + 8 + length
        if picture[end : end + 4] != zlib.crc32(picture[at + 4 : end]).to_bytes(4, "big"):
            return None
        if kind == b"IEND":
            return data if length == 0 and end + 4 == len(picture) else None
        if kind == b"IDAT":
            data += picture[at + 8 : end]
        elif at != len(_SIGNATURE):
            return None
        at = end + 4
    return None
