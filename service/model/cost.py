"""What a picture costs the model's thread, judged before it is decoded."""

from __future__ import annotations

import struct

from service.reading.explain import SALIENCY_QUESTIONS
from service.reading.types import Grey

SMALL_BYTES = 65_536
SMALL_PIXELS = 262_144
_HEADER = 26
"""The bytes that hold the size of a PNG, a GIF or a BMP."""


def is_small(picture: bytes | Grey) -> bool:
    """Whether preparing it is short enough for the model's thread.

    Few bytes are not enough: a file of some kilobytes can hold a picture of many megapixels. So the formats whose size stands
    at a fixed place (PNG, GIF, BMP) are asked, and the others, where it does not, count as large.
    """
    if not isinstance(picture, bytes):
        return picture.size <= SMALL_PIXELS
    if len(picture) < _HEADER:
        return True
    if len(picture) > SMALL_BYTES:
        return False
    if picture.startswith(b"\x89PNG"):
        width, height = struct.unpack_from(">II", picture, 16)
    elif picture.startswith(b"GIF8"):
        width, height = struct.unpack_from("<HH", picture, 6)
    elif picture.startswith(b"BM"):
        width, height = struct.unpack_from("<ii", picture, 18)
    else:
        return False
    return bool(abs(width * height) <= SMALL_PIXELS)


def cost_of(explain: bool) -> int:
    """How many pictures the model is asked about."""
    return 1 + SALIENCY_QUESTIONS if explain else 1
