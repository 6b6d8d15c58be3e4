"""Pictures that nobody should send, and what cannot be read at all: for finding out what it costs to say no."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from HersheyFonts import HersheyFonts
from numpy.typing import NDArray
from PIL import Image

from trainer.pens import ink, scribble_strokes

_SIDE = 1200
_PLACARD = (8_000, 6_000)
"""Width and height of the large one-bit pictures: 48 megapixels, just below the default limit."""


def pictures(seed: int = 0) -> dict[str, Callable[[], bytes]]:
    """What makes each encoded picture, by its name; the same seed gives the same bytes."""

    def of(make: Callable[[np.random.Generator], NDArray[np.uint8]], suffix: str) -> Callable[[], bytes]:
        return lambda: _encoded(make(np.random.default_rng(seed)), suffix)

    return {
        "grey noise, 28×28": of(lambda r: r.integers(0, 256, (28, 28)).astype(np.uint8), ".png"),
        "grey noise, 1200×1200": of(lambda r: r.integers(0, 256, (_SIDE, _SIDE)).astype(np.uint8), ".png"),
        "colour noise, JPEG": of(lambda r: r.integers(0, 256, (_SIDE, _SIDE, 3)).astype(np.uint8), ".jpg"),
        "salt on black": of(lambda r: np.where(r.random((_SIDE, _SIDE)) < 0.02, 255, 0).astype(np.uint8), ".png"),
        "chequers of one pixel": of(lambda r: _chequers(_SIDE, 1), ".png"),
        "chequers of 20 pixels": of(lambda r: _chequers(_SIDE, 20), ".png"),
        "stripes": of(lambda r: np.tile(_chequers(_SIDE, 9)[:1], (_SIDE, 1)), ".png"),
        "weave": of(_weave, ".jpg"),
        "clouds": of(lambda r: _clouds(r, (900, 1200)), ".jpg"),
        "landscape": of(_landscape, ".jpg"),
        "pebbles": of(_pebbles, ".jpg"),
        "page of letters": of(_letters, ".png"),
        "page of scribbles": of(_scribbles, ".png"),
        "page of dots, 10,000": of(_dots, ".png"),
        "one-bit noise, 8000×6000": lambda: _one_bit(np.random.default_rng(seed), 0.5),
        "one-bit dots, 8000×6000": lambda: _one_bit(np.random.default_rng(seed), 0.02),
        "blank, 8000×6000": lambda: _one_bit(np.random.default_rng(seed), 0.0),
        "1×1": of(lambda r: np.zeros((1, 1), np.uint8), ".png"),
        "2×2": of(lambda r: np.array([[0, 255], [255, 0]], np.uint8), ".png"),
        "10000×1": of(lambda r: r.integers(0, 256, (1, 10_000)).astype(np.uint8), ".png"),
        "1×10000": of(lambda r: r.integers(0, 256, (10_000, 1)).astype(np.uint8), ".png"),
        "60000×3": of(lambda r: np.where(r.random((3, 60_000)) < 0.3, 0, 255).astype(np.uint8), ".png"),
        "black, 28×28": of(lambda r: np.zeros((28, 28), np.uint8), ".png"),
        "all transparent": of(lambda r: np.zeros((300, 300, 4), np.uint8), ".png"),
        "half a PNG": lambda: _half(of(lambda r: r.integers(0, 256, (300, 300)).astype(np.uint8), ".png")()),
        "half a JPEG": lambda: _half(of(_landscape, ".jpg")()),
        "says 60000×60000": lambda: _header(60_000, 60_000),
        "nothing": lambda: b"",
        "text": lambda: b"This is no picture. " * 50,
    }


def _encoded(picture: NDArray[np.uint8], suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, picture)[1])


def _half(file: bytes) -> bytes:
    return file[: len(file) // 2]


def _chequers(side: int, square: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:side, :side] // square
    return np.asarray(255 * ((x + y) % 2), np.uint8)


def _weave(random: np.random.Generator) -> NDArray[np.uint8]:
    """Two sets of threads under and over one another, with noise."""
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    threads = np.where((x // 12 + y // 12) % 2 > 0, np.sin(x * 0.52), np.sin(y * 0.52))
    return np.asarray(np.clip(128 + 60 * threads + random.normal(0, 12, threads.shape), 0, 255), np.uint8)


def _clouds(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Noise at every scale, grey, of `size` (height, width)."""
    found = np.zeros(size, np.float32)
    for step in (256, 128, 64, 32, 16, 8, 4):
        noise = random.standard_normal((size[0] // step + 2, size[1] // step + 2), np.float32)
        found += step * cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray((found - found.min()) * (255 / np.ptp(found)), np.uint8)


def _landscape(random: np.random.Generator) -> NDArray[np.uint8]:
    """A sky that grows pale, hills one behind the other, trees and a house, in colour."""
    height, width = 900, 1200
    rows = np.linspace(0, 1, height)[:, None, None]
    scene = np.asarray((1 - rows) * (215, 160, 90) + rows * (250, 235, 220), np.float64).repeat(width, axis=1)
    scene += 0.12 * (_clouds(random, (height, width))[..., None].astype(np.float64) - 128)
    picture = np.clip(scene, 0, 255).astype(np.uint8)
    x = np.arange(0, width + 1, 10)
    for hill, colour in enumerate(((150, 140, 110), (100, 125, 85), (50, 95, 60))):
        ridge = 420 + 110 * hill + 60 * np.sin(x / random.uniform(90, 240) + random.uniform(0, 6))
        outline = np.concatenate([np.column_stack([x, ridge]), [[width, height], [0, height]]])
        cv2.fillPoly(picture, [outline.astype(np.int32)], colour, cv2.LINE_AA)
    for _ in range(60):
        at = int(random.integers(width)), int(random.integers(640, 880))
        cv2.line(picture, at, (at[0], at[1] + 30), (30, 50, 70), 5)
        cv2.ellipse(
            picture, at, (int(random.integers(12, 30)), 34), 0, 0, 360, (30, int(random.integers(60, 120)), 40), -1
        )
    cv2.rectangle(picture, (700, 560), (860, 680), (160, 190, 210), -1)
    cv2.fillPoly(picture, [np.array([[680, 565], [780, 480], [880, 565]], np.int32)], (60, 60, 150))
    for left in (725, 800):
        cv2.rectangle(picture, (left, 590), (left + 32, 630), (60, 50, 40), -1)
    return np.asarray(np.clip(picture + random.normal(0, 5, picture.shape), 0, 255), np.uint8)


def _pebbles(random: np.random.Generator) -> NDArray[np.uint8]:
    picture = np.full((900, 1200), 70, np.uint8)
    for _ in range(1500):
        at = int(random.integers(1200)), int(random.integers(900))
        axes = int(random.integers(8, 34)), int(random.integers(8, 26))
        turn, grey = float(random.uniform(0, 180)), int(random.integers(90, 230))
        cv2.ellipse(picture, at, axes, turn, 0, 360, grey, -1, cv2.LINE_AA)
        cv2.ellipse(picture, at, axes, turn, 0, 360, 40, 2, cv2.LINE_AA)
    return picture


def _letters(random: np.random.Generator) -> NDArray[np.uint8]:
    """Thirty lines of sixty letters in a plotter's script."""
    font = HersheyFonts()
    font.load_default_font("scripts")
    font.normalize_rendering(34)
    page = np.full((1600, 1600), 250, np.uint8)
    for row in range(30):
        letters = "".join(chr(c) for c in random.choice([*range(97, 123), 32], 60, p=[0.9 / 26] * 26 + [0.1]))
        for stroke in font.strokes_for_text(letters):
            points = np.array([(40 + x, 60 + 50 * row - y) for x, y in stroke], np.float64)
            cv2.polylines(page, [np.rint(16 * points).astype(np.int32)], False, 30, 2, cv2.LINE_AA, 4)
    return page


def _scribbles(random: np.random.Generator) -> NDArray[np.uint8]:
    page = np.full((1500, 1500), 245, np.uint8)
    for place in range(100):
        drawn = ink(scribble_strokes(random), 90, 4.0)[:140, :140]
        top, left = 150 * (place // 10), 150 * (place % 10)
        part = page[top : top + drawn.shape[0], left : left + drawn.shape[1]]
        part[:] = np.minimum(part, 255 - drawn)
    return page


def _dots(random: np.random.Generator) -> NDArray[np.uint8]:
    page = np.full((2000, 2000), 255, np.uint8)
    for y in range(10, 2000, 20):
        for x in range(10, 2000, 20):
            cv2.circle(page, (x, y), int(random.integers(2, 8)), 0, -1)
    return page


def _one_bit(random: np.random.Generator, share: float) -> bytes:
    """A PNG of one bit a pixel with that share of black pixels."""
    width, height = _PLACARD
    black = np.zeros((height, width // 8), np.uint8)
    if share == 0.5:
        black = random.integers(0, 256, black.shape, np.uint8)
    elif share:
        black = np.packbits(random.random((height, width), np.float32) < share, axis=1)
    buffer = BytesIO()
    Image.frombytes("1", (width, height), (~black).tobytes()).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _header(width: int, height: int) -> bytes:
    """A PNG that says it is so large and holds next to nothing."""
    fields = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (fields, data, b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
