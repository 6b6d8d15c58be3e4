"""Spoilt pictures of every format that the service takes, and files that say they are larger than it takes.

A file is taken apart into what its format is made of; parts are spoilt, moved, doubled, left out or exchanged with those of another
file, and checksums and lengths are put right again, most of the time: otherwise decoders would not look further than these.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks import questions
from benchmarks.mutate import EDGES, Random, drawn, spoilt

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_VARIANTS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "PNG": (("L", {}), ("1", {}), ("P", {"transparency": 3}), ("RGBA", {}), ("LA", {}), ("I;16", {}), ("RGB", {})),
    "JPEG": (("L", {}), ("RGB", {}), ("RGB", {"progressive": True}), ("CMYK", {}), ("L", {"restart_marker_rows": 1})),
    "WEBP": (("RGB", {}), ("RGBA", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True, "exact": True})),
    "BMP": (("L", {}), ("1", {}), ("P", {}), ("RGB", {}), ("RGBA", {})),
    "GIF": (("L", {}), ("P", {"transparency": 3}), ("L", {"interlace": 0})),
    "TIFF": (
        ("L", {}), ("F", {}), ("I;16", {}), ("RGBA", {}), ("CMYK", {}), ("L", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "tiff_deflate"}), ("1", {"compression": "group4"}), ("RGB", {"compression": "jpeg"}),
        ("P", {"compression": "packbits"}), ("L", {"big_tiff": True}),
    ),
}  # fmt: skip
_MANY_FRAMES = {"PNG", "WEBP", "GIF", "TIFF"}


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """Good files of the format: a digit of 28×28 and a number of three digits, in its modes and compressions."""
    digits = [picture.grey for picture in questions.pictures("28x28")]
    number = cv2.resize(255 - np.hstack(digits[3:6]), None, fx=2, fy=2)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = []
    for at, (mode, options) in enumerate(_VARIANTS[kind]):
        image = _in_mode(Image.fromarray(digits[at] if at % 2 else number), mode)
        files.append(_saved(image, kind, **options))
    if kind not in ("BMP", "GIF"):
        files.append(_saved(Image.fromarray(digits[7]), kind, exif=exif))
    if kind in _MANY_FRAMES:
        frames = [Image.fromarray(digit) for digit in digits[:3]]
        files.append(_saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    return tuple(files)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    image = image.convert("RGB").convert(mode) if mode == "CMYK" else image.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(image.getchannel(0).point(lambda grey: 255 - grey // 2))
    return image


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(kind: str, random: Random) -> bytes:
    """A spoilt file of the format."""
    data = drawn(random, seeds(kind))
    way = random.random()
    if way < 0.35:
        others = seeds(drawn(random, FORMATS)) if random.random() < 0.5 else seeds(kind)
        return spoilt(data, random, others)
    if way < 0.55:
        return resized(data, kind, random)
    pieces = parts(data, kind)
    for _ in range(int(random.integers(1, 4))):
        at, other = int(random.integers(len(pieces))), int(random.integers(len(pieces)))
        change = int(random.integers(6))
        if change == 0:
            pieces[at] = spoilt(pieces[at], random)
        elif change == 1:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif change == 2 and len(pieces) > 1:
            del pieces[at]
        elif change == 3:
            pieces[at:at] = [pieces[other]] * int(2 ** random.uniform(0, 7))
        elif change == 4:
            pieces[at:at] = [drawn(random, parts(drawn(random, seeds(kind)), kind))]
        else:
            pieces[1:] = [pieces[1 + int(place)] for place in random.permutation(len(pieces) - 1)]
    return sealed(pieces, kind) if random.random() < 0.8 else b"".join(pieces)


def parts(data: bytes, kind: str) -> list[bytes]:
    """A good file in pieces that make it up: chunks, segments, blocks, entries; of a BMP its headers and rows."""
    cuts = [0]
    if kind == "PNG":
        cuts.append(8)
        while cuts[-1] < len(data):
            cuts.append(cuts[-1] + 12 + int.from_bytes(data[cuts[-1] : cuts[-1] + 4], "big"))
    elif kind == "JPEG":
        cuts.append(2)
        while data[cuts[-1] + 1] != 0xDA:  # what follows the first scan's beginning is one piece
            cuts.append(cuts[-1] + 2 + int.from_bytes(data[cuts[-1] + 2 : cuts[-1] + 4], "big"))
    elif kind == "WEBP":
        cuts.append(12)
        while cuts[-1] < len(data):
            size = int.from_bytes(data[cuts[-1] + 4 : cuts[-1] + 8], "little")
            cuts.append(cuts[-1] + 8 + size + size % 2)
    elif kind == "TIFF":
        first, size = tags(data)
        cuts += range(first, min(first + 40 * size, len(data)), size)
    elif kind == "BMP":
        cuts += [14, 54, *range(54 + 40, len(data), 40)]
    else:
        cuts += [6, 13, *(at for at, byte in enumerate(data) if at > 13 and byte in b"!,;")]
    return [data[start:end] for start, end in zip(cuts, [*cuts[1:], len(data)], strict=True) if start < end]


def tags(data: bytes) -> tuple[int, int]:
    """Of a TIFF: where the first entry of its first directory is, and the bytes of each."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        return int(struct.unpack_from(order + "Q", data, 8)[0]) + 8, 20
    return int(struct.unpack_from(order + "I", data, 4)[0]) + 2, 12


def sealed(pieces: list[bytes], kind: str) -> bytes:
    """The pieces as one file: lengths and checksums say what is there."""
    if kind == "PNG":
        chunks = [piece if piece.startswith(b"\x89PNG") or len(piece) < 12 else chunk(piece[4:-4]) for piece in pieces]
        return b"".join(chunks)
    data = b"".join(pieces)
    if kind == "WEBP" and len(data) > 12:
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    if kind == "BMP" and len(data) > 6:
        return data[:2] + struct.pack("<I", len(data)) + data[6:]
    return data


def chunk(content: bytes) -> bytes:
    """A PNG's chunk of four letters and data, with its length and its checksum."""
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def resized(data: bytes, kind: str, random: Random) -> bytes:
    """A good file that says another size: a little other, one of `EDGES`, or thousands of pixels, often within the limit."""
    sides = [
        int(drawn(random, (int(random.integers(1, 100)), drawn(random, EDGES), int(random.integers(1_000, 8_000)))))
        for _ in range(2)
    ]
    return with_size(data, kind, *sides)


def bomb(kind: str, random: Random) -> bytes:
    """A small file whose header, good in itself, says more than the 50 megapixels that the service takes."""
    side = int(random.integers(7_200, 16_000))
    return with_size(drawn(random, seeds(kind)), kind, side, side)


def with_size(data: bytes, kind: str, width: int, height: int) -> bytes:
    """A good file of the format that says it is so large, wherever it says so; numbers are cut to what the field holds."""
    if kind == "PNG":
        ihdr = b"IHDR" + struct.pack(">II", width & 0xFFFFFFFF, height & 0xFFFFFFFF) + data[24:29]
        return data[:8] + chunk(ihdr) + data[33:]
    found = bytearray(data)
    short = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    if kind == "JPEG":
        at = 2
        while found[at + 1] not in (0xC0, 0xC2):
            at += 2 + int.from_bytes(found[at + 2 : at + 4], "big")
        found[at + 5 : at + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    elif kind == "WEBP":
        canvas = struct.pack("<I", width - 1 & 0xFFFFFF)[:3] + struct.pack("<I", height - 1 & 0xFFFFFF)[:3]
        if found[12:16] == b"VP8X":
            found[24:30] = canvas
        elif found[12:16] == b"VP8 ":
            found[26:30] = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
        else:
            size = (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14 | found[24] >> 4 << 28
            found[21:25] = struct.pack("<I", size)
    elif kind == "BMP":
        found[18:26] = struct.pack("<II", width & 0xFFFFFFFF, height & 0xFFFFFFFF)
    elif kind == "GIF":
        found[6:10] = short
        at = found.index(b",", 13 + (3 << (found[10] & 7) + 1 if found[10] & 0x80 else 0))
        found[at + 5 : at + 9] = short
    else:
        order = "<" if data[:2] == b"II" else ">"
        first, size = tags(data)
        for at in range(first, first + size * 40, size):
            if at + size <= len(found) and struct.unpack_from(order + "H", found, at)[0] in (256, 257):
                value = width if struct.unpack_from(order + "H", found, at)[0] == 256 else height
                form = "HHIQ" if size == 12 else "HHQQ"
                entry = struct.pack(order + form[:3], 0, 4, 1)[2:] + struct.pack(order + "I", value & 0xFFFFFFFF)
                found[at + 2 : at + 2 + len(entry)] = entry
    return bytes(found)
