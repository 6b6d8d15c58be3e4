"""Bytes → grey pixels: formats by content, limits before decoding, EXIF orientation, alpha, any bit depth."""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import DamagedPicture, NotAPicture, PictureError, PictureTooLarge
from service.reading import png, webp
from service.reading.picture import Page, reduced
from service.reading.types import Grey

WORKING_SIZE = 1024  # the longer side, in pixels, at which a digit is looked for
_MAX_SCANS = 64  # of a progressive JPEG; encoders make about ten
_MAX_RLE_PIXELS = 1_000_000  # of a BMP with run lengths
_SMALL_WEBP = 1_000_000  # pixels up to which Pillow decodes it, for several times their memory
ACCEPTED = "PNG, JPEG, WebP, BMP, GIF and TIFF"

_COLOURED = "RGB", "YCbCr", "CMYK", "P"
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION = 0x0112
_TELL_ORIENTATION = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}  # where Pillow looks for it
_TURNS = {
    2: (1, 0),
    3: (0, 2),
    4: (1, 2),
    5: (1, 1),
    6: (0, 3),
    7: (1, 3),
    8: (0, 1),
}  # EXIF value: (mirrored, quarter turns)


def decode(picture: bytes | Grey, max_pixels: int, working_size: int = WORKING_SIZE) -> Page:
    """An encoded file or a grey array as a `Page`, at most `working_size` pixels on its longer side.

    Of several frames or pages the first is read.

    Raises `NotAPicture`, `DamagedPicture` or `PictureTooLarge` (judged by the header, before anything is decoded).
    """
    if isinstance(picture, np.ndarray):
        height, width = picture.shape
        _check_area(width, height, max_pixels)
        return Page(reduced(picture, working_size), width, height)
    kind = _format_of(picture)
    if kind is None:
        raise NotAPicture(f"This is not a picture in an accepted format ({ACCEPTED}).")
    grey = png.plain(picture) if kind == "PNG" else None
    if grey is not None:
        height, width = grey.shape
        _check_area(width, height, max_pixels)
        return Page(reduced(grey, working_size), width, height)
    _check_effort(picture, kind, max_pixels)
    try:
        with _opened(picture, kind, max_pixels) as image:
            width, height = image.size
            _check_area(width, height, max_pixels)
            if kind == "JPEG":
                image.draft("L", (min(width, working_size), min(height, working_size)))
            image.load()
            if kind == "TIFF":  # Pillow turns these upright by itself
                width, height = image.size
            elif kind != "JPEG" and image.size != (width, height):
                raise DamagedPicture(f"The {kind} picture is damaged: it says two different sizes.")
            orientation = 1 if kind in ("BMP", "GIF", "TIFF") else _orientation(image)
            grey = _upright(_to_grey(image, working_size), orientation)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureTooLarge(f"The picture has more than {max_pixels:,} pixels.") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and others
        raise DamagedPicture(f"The {kind} picture is damaged: it cannot be decoded to its end.") from error
    return Page(grey, *((height, width) if orientation in (5, 6, 7, 8) else (width, height)))


def decode_colours(picture: bytes | Grey, max_pixels: int, size: int) -> NDArray[np.uint8] | None:
    """The colours of a picture that `decode` can decode, uint8 `[height, width, 3]` in red, green and blue, upright.

    The longer side has `size` pixels or some more, up to twice as many, unless the picture has fewer. None: it is grey, or it is
    transparent in places. Raises as `decode`.
    """
    kind = None if isinstance(picture, np.ndarray) else _format_of(picture)
    if kind is None or isinstance(picture, np.ndarray):
        return None
    try:
        with _opened(picture, kind, max_pixels) as image:
            if image.mode not in _COLOURED or "transparency" in image.info:
                return None
            if kind == "JPEG":
                image.draft("RGB", (size, size))
            image.load()
            orientation = 1 if kind in ("BMP", "GIF", "TIFF") else _orientation(image)
            small = _coarser(image.convert("RGB") if image.mode == "P" else image, size)
            colours = np.asarray(small if small.mode == "RGB" else small.convert("RGB"), np.uint8)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise DamagedPicture(f"The {kind} picture is damaged: it cannot be decoded to its end.") from error
    return _upright(colours, orientation)


def _opened(picture: bytes, kind: str, max_pixels: int) -> Image.Image:
    size = webp.still_size(picture) if kind == "WEBP" else None
    if size is None or size[0] * size[1] <= _SMALL_WEBP:
        return Image.open(io.BytesIO(picture), formats=(kind,))
    _check_area(*size, max_pixels)
    return webp.decode_still(picture)


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


def _check_effort(data: bytes, kind: str, max_pixels: int) -> None:
    """Refuses small files whose decoding would take minutes."""
    if kind == "JPEG" and data.count(b"\xff\xda") > _MAX_SCANS:  # cannot occur within a scan's data
        raise DamagedPicture(f"The JPEG picture is damaged: it has more than {_MAX_SCANS} scans.")
    if kind == "BMP" and data[30:31] in (b"\x01", b"\x02"):  # Pillow decodes run lengths a byte at a time
        width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
        _check_area(width, height, min(max_pixels, _MAX_RLE_PIXELS))


def _orientation(image: Image.Image) -> int:
    if _TELL_ORIENTATION.isdisjoint(image.info):
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged metadata is no reason to refuse the picture; Pillow raises SyntaxError, struct.error, …
        return 1
    return value if isinstance(value, int) else 1


def _to_grey(image: Image.Image, working_size: int) -> Grey:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(image, working_size)
    transparent = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if transparent else "L")
    image = _coarser(image, working_size)
    if transparent:
        return reduced(_on_paper(image.convert("RGBA")), working_size)
    return reduced(np.asarray(image if image.mode == "L" else image.convert("L")), working_size)


def _coarser(image: Image.Image, working_size: int) -> Image.Image:
    """At first by whole numbers, which is cheap: all that follows is done on fewer pixels."""
    times = max(image.size) // working_size
    return image.reduce(times) if times > 1 else image


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


def _deep(image: Image.Image, working_size: int) -> Grey:
    """More than 8 bits a pixel: integers by the smallest usual depth that holds them, floats by their range."""
    whole = image.mode != "F"
    most = cast(tuple[float, float], image.getextrema())[1] if image.mode == "I" else 0
    if image.mode in ("I", "F"):  # as an array each copy of a large one would be 200 MB
        image = _coarser(image, working_size)
    values: NDArray[Any] = np.asarray(image)
    bits = int(most or values.max(initial=0)).bit_length() if whole else 0
    if values.dtype != np.uint16:  # all other kinds fit into floats well enough for eight bits
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    values = reduced(values, working_size)
    if whole:
        depth = next((usual for usual in (8, 10, 12, 14, 16) if bits <= usual), bits)
        return np.asarray(np.clip(values * np.float32(2.0 ** (8 - depth)), 0, 255), np.uint8)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and 1 < high <= 255:
        return np.asarray(values, np.uint8)
    return np.asarray((values - low) * (255.0 / max(high - low, 1e-9)), np.uint8)


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    mirrored, turns = _TURNS.get(orientation, (0, 0))
    if mirrored:
        pixels = np.fliplr(pixels)
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns or mirrored else pixels
