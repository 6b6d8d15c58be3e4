"""Small grey PNG pictures, such as MNIST's, read without the detours of a library for all formats, which take most of its time."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

from service.reading.types import Grey

MOST_PIXELS = 128 * 128

_START = struct.Struct(
    ">8sI4sIIBBBBB"
)  # signature, length and name of the first chunk; width, height, depth, colour, …
_CHUNK = struct.Struct(">I4s")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = (8, 0, 0, 0, 0)  # bits, colour type, compression, filter method, interlacing
_FIRST_END = 33
_FILTERS = 4


def plain(picture: bytes) -> Grey | None:
    """The pixels of a PNG file of grey values in 8 bits with nothing in it beside them, each chunk whole and right.

    None for any other, damaged ones too: a library knows what to make of those. Source: PNG Specification (Third Edition), W3C.
    """
    if len(picture) < _FIRST_END or len(picture) > 2 * MOST_PIXELS:
        return None
    signature, length, kind, width, height, *form = _START.unpack_from(picture)
    pixels = width * height
    if (signature, length, kind, tuple(form)) != (_SIGNATURE, 13, b"IHDR", _GREY) or not 0 < pixels <= MOST_PIXELS:
        return None
    data = _data(picture)
    if data is None:
        return None
    inflate = zlib.decompressobj()
    try:
        rows = inflate.decompress(data, pixels + height + 1)
    except zlib.error:
        return None
    if len(rows) != pixels + height or not inflate.eof or inflate.unused_data:
        return None
    filtered = np.frombuffer(rows, np.uint8).reshape(height, width + 1)
    filters = bytes(filtered[:, 0])
    if not any(filters):
        return np.ascontiguousarray(filtered[:, 1:])
    if max(filters) > _FILTERS:
        return None
    return np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


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
