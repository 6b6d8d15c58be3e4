"""Bytes → grey pixels: formats by content, limits before decoding, EXIF orientation, alpha, any bit depth."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import DamagedPicture, NotAPicture, PictureTooLarge
from service.reading.types import Box, Grey

WORKING_SIZE = 1024  # the longer side, in pixels, of what the later stages work on
ACCEPTED = "PNG, JPEG, WebP, BMP, GIF and TIFF"

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION = 0x0112
_TURNS = {
    2: (1, 0),
    3: (0, 2),
    4: (1, 2),
    5: (1, 1),
    6: (0, 3),
    7: (1, 3),
    8: (0, 1),
}  # EXIF value: (mirrored, quarter turns)


@dataclass(frozen=True, slots=True)
class Page:
    """A decoded picture, upright: `grey` at working resolution, `width` and `height` of the picture itself."""

    grey: Grey
    width: int
    height: int

    def full_size_box(self, box: Box) -> Box:
        """`box` in pixels of the picture where it is given in pixels of `grey`."""
        rows, columns = self.grey.shape
        if (columns, rows) == (self.width, self.height):
            return box
        left, right = (round(x * self.width / columns) for x in (box.x, box.x + box.width))
        top, bottom = (round(y * self.height / rows) for y in (box.y, box.y + box.height))
        return Box(left, top, max(1, right - left), max(1, bottom - top))


def decode(picture: bytes | Grey, max_pixels: int) -> Page:
    """An encoded file or a grey array as a `Page`. Of several frames or pages the first is read.

    Raises `NotAPicture`, `DamagedPicture` or `PictureTooLarge` (judged by the header, before anything is decoded).
    """
    if isinstance(picture, np.ndarray):
        height, width = picture.shape
        _check_area(width, height, max_pixels)
        return Page(_reduced(picture), width, height)
    kind = _format_of(picture)
    if kind is None:
        raise NotAPicture(f"This is not a picture in an accepted format ({ACCEPTED}).")
    try:
        with Image.open(io.BytesIO(picture), formats=(kind,)) as image:
            _check_area(*image.size, max_pixels)
            width, height = image.size
            if kind == "JPEG":
                image.draft("L", (min(width, WORKING_SIZE), min(height, WORKING_SIZE)))
            image.load()
            if kind == "TIFF":  # Pillow turns these upright by itself
                width, height = image.size
            orientation = 1 if kind in ("BMP", "GIF", "TIFF") else image.getexif().get(_ORIENTATION, 1)
            grey = _upright(_reduced(_to_grey(image)), orientation)
    except PictureTooLarge:
        raise
    except Image.DecompressionBombError:
        raise PictureTooLarge(f"The picture has more than {max_pixels:,} pixels.") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and others
        raise DamagedPicture(f"The {kind} picture is damaged: it cannot be decoded to its end.") from error
    return Page(grey, *((height, width) if orientation in (5, 6, 7, 8) else (width, height)))


def _format_of(data: bytes) -> str | None:
    """The accepted format that `data` begins like, by its magic bytes."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "TIFF"
    return "BMP" if data.startswith(b"BM") else None


def _check_area(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise PictureTooLarge(f"The picture has {width} × {height} pixels; {max_pixels:,} is the limit.")


def _to_grey(image: Image.Image) -> Grey:
    if image.mode == "L":
        return np.asarray(image)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        return _on_paper(image.convert("RGBA"))
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(np.asarray(image))
    return np.asarray(image.convert("L"))


def _on_paper(image: Image.Image) -> Grey:
    """Transparent parts become white paper, or black where the ink is white.

    Mostly transparent: what is there is ink. Mostly opaque: what is there is paper, and the rest goes on like it.
    """
    grey = np.asarray(image.convert("RGB").convert("L"))
    alpha = np.asarray(image.getchannel("A"))
    opaque = alpha > 127
    share = float(opaque.mean())
    if share == 1.0:
        return grey
    light = share > 0 and float(np.median(grey[opaque])) > 127
    paper = 255 if light == (share > 0.5) else 0
    mixed = grey.astype(np.uint16) * alpha + np.uint16(paper) * (255 - alpha.astype(np.uint16))
    return np.asarray((mixed + 127) // 255, np.uint8)


def _deep(values: NDArray[Any]) -> Grey:
    """More than 8 bits a pixel: integers by the smallest usual depth that holds them, floats by their range."""
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        scale = 1.0 if low >= 0 and 1 < high <= 255 else 255.0 / max(high - low, 1e-9)
        return np.asarray(np.clip((values - (0.0 if scale == 1.0 else low)) * scale, 0, 255), np.uint8)
    top = int(values.max(initial=0))
    bits = next((depth for depth in (8, 10, 12, 14, 16) if top < 1 << depth), 32)
    return np.asarray(np.clip(values.astype(np.int64) >> (bits - 8), 0, 255), np.uint8)


def _reduced(grey: Grey) -> Grey:
    """At most `WORKING_SIZE` pixels on the longer side, and never less than one on the shorter."""
    height, width = grey.shape
    longer = max(height, width)
    if longer <= WORKING_SIZE:
        return grey
    size = (max(1, round(width * WORKING_SIZE / longer)), max(1, round(height * WORKING_SIZE / longer)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _upright(grey: Grey, orientation: int) -> Grey:
    mirrored, turns = _TURNS.get(orientation, (0, 0))
    if mirrored:
        grey = np.fliplr(grey)
    return np.ascontiguousarray(np.rot90(grey, turns)) if turns or mirrored else grey
