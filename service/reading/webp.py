"""Large WebP pictures by OpenCV: Pillow's decoder is one for animations, which holds three copies of a picture, four bytes a pixel.

The container: https://developers.google.com/speed/webp/docs/riff_container, and of VP8 and VP8L what their headers say of the size.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # damaged files are told to whoever sent them

_ANIMATED = 0x02
_SIDE = 0x3FFF  # fourteen bits


def still_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a WebP file; None where it is an animation, or damaged before they are told."""
    for name, chunk in _chunks(data):
        if name == b"VP8X" and len(chunk) >= 10:
            width, height = (int.from_bytes(chunk[at : at + 3], "little") + 1 for at in (4, 7))
            return None if chunk[0] & _ANIMATED else (width, height)
        if name == b"VP8L" and len(chunk) >= 5:
            bits = int.from_bytes(chunk[1:5], "little")
            return (bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1
        if name == b"VP8 " and len(chunk) >= 10:
            width, height = (int.from_bytes(chunk[at : at + 2], "little") & _SIDE for at in (6, 8))
            return width, height
        return None
    return None


def decode_still(data: bytes) -> Image.Image:
    """The picture, RGB or RGBA, with `exif` and `xmp` in its `info` as Pillow has them. Raises `OSError` where it is damaged."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.ndim != 3:
        raise OSError("the WebP picture cannot be decoded")
    way = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    image = Image.fromarray(np.asarray(cv2.cvtColor(pixels, way, dst=pixels), np.uint8))
    image.info = {
        name.strip().lower().decode(): bytes(chunk) for name, chunk in _chunks(data) if name in (b"EXIF", b"XMP ")
    }
    return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The container's chunks in order, as far as they are whole."""
    at, view = 12, memoryview(data)
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], view[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
