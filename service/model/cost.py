"""What a picture costs the model's thread, judged before it is decoded."""

from __future__ import annotations

import struct

from service.reading.explain import SALIENCY_QUESTIONS
from service.reading.types import Grey

SMALL_BYTES = 65_536
SMALL_PIXELS = 128 * 128
EFFORT = 65_536
"""Of any picture, in pixels."""
MAX_EFFORT = 50_000_000
"""Of what a damaged header says."""
_PNG = b"\x89PNG\r\n\x1a\n"
_HEADER = 24
"""The bytes of a PNG that hold its signature, the name of its first chunk and its size."""


def is_small(picture: bytes | Grey) -> bool:
    """Whether preparing it is short enough for the model's thread: an MNIST picture, a cell of a form.

    Few bytes are not enough: a file of some kilobytes can hold a picture of many megapixels. So a PNG, whose size stands at a
    fixed place, is asked for it. The others count as large: their size stands elsewhere, or (GIF) a frame may have another.
    """
    if not isinstance(picture, bytes):
        return picture.size <= SMALL_PIXELS
    if not _HEADER <= len(picture) <= SMALL_BYTES or not picture.startswith(_PNG) or picture[12:16] != b"IHDR":
        return False
    width, height = struct.unpack_from(">II", picture, 16)
    return bool(width * height <= SMALL_PIXELS)


def effort_of(picture: bytes | Grey) -> int:
    """What preparing it costs beside the model's thread: its pixels, about, and something for every picture.

    The size of a PNG stands at a fixed place. Of the others it is guessed from the bytes: those of a photo hold 8 pixels each.
    """
    if not isinstance(picture, bytes):
        return EFFORT + picture.size
    if len(picture) >= _HEADER and picture.startswith(_PNG):
        width, height = struct.unpack_from(">II", picture, 16)
        return EFFORT + min(int(width * height), MAX_EFFORT)
    return EFFORT + min(8 * len(picture), MAX_EFFORT)


def effort_beside(picture: bytes | Grey) -> int:
    """The same, or 0 where it is small enough for the model's thread."""
    return 0 if is_small(picture) else effort_of(picture)


def cost_of(explain: bool) -> int:
    """How many pictures the model is asked about."""
    return 1 + SALIENCY_QUESTIONS if explain else 1
