"""Large pictures for measuring speed and memory: a photograph with one line of digits, and a page full of digits."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.paper import Part, photograph
from benchmarks.strings import string
from trainer.pens import draw_digits

SIZE = (4000, 3000)
"""Width and height of a picture of twelve megapixels."""
JPEG_BYTES = 3_000_000
_QUALITIES = (95, 92, 90, 85, 80, 75, 60, 40)

FORMATS: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG, baseline": lambda image: jpeg(image, progressive=False),
    "JPEG, progressive": lambda image: jpeg(image, progressive=True),
    "PNG": lambda image: _file(image, "PNG", compress_level=1),
    "WebP": lambda image: _file(image, "WEBP", quality=80, method=0),
}


def photo(width: int = SIZE[0], height: int = SIZE[1], seed: int = 0) -> Image.Image:
    """A line of five drawn digits on plain paper in uneven light, RGB, with a sensor's noise in each pixel."""
    images, labels = _drawn(50)
    random = np.random.default_rng(seed)
    line = string(images, labels, random, digits=(5, 5), gaps=(3, 12))
    taken = photograph([Part(line.ink)], random, scale=3.5, margin=(5.5, 6.5), ground="plain")
    small = np.asarray(Image.open(BytesIO(taken.picture)).convert("RGB"))
    large = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    for rows in range(
        0, height, 256
    ):  # the noise a strip at a time: as floats it is four times as large as the picture
        strip = large[rows : rows + 256]
        strip[:] = np.clip(strip + random.normal(0, 2.5, strip.shape), 0, 255)
    return Image.fromarray(large)


def jpeg(image: Image.Image, *, progressive: bool) -> bytes:
    """The picture as a JPEG of at most `JPEG_BYTES`, as good as that allows; the worst of the qualities may have more."""
    for quality in _QUALITIES:
        file = _file(image, "JPEG", quality=quality, progressive=progressive)
        if len(file) <= JPEG_BYTES:
            break
    return file


def page(lines: int, digits: int, seed: int = 0) -> tuple[bytes, str]:
    """A PNG of that many lines of so many drawn digits each, dark on light, at 28 pixels a digit, and its text."""
    images, labels = _drawn(200)
    random = np.random.default_rng(seed)
    written = [string(images, labels, random, digits=(digits, digits), gaps=(5, 12)) for _ in range(lines)]
    pitch = 48
    ink = np.zeros((pitch * (lines + 1), 64 + max(line.ink.shape[1] for line in written)), np.uint8)
    for place, line in enumerate(written):
        top = 24 + pitch * place
        ink[top : top + line.ink.shape[0], 32 : 32 + line.ink.shape[1]] = line.ink
    return bytes(cv2.imencode(".png", 255 - ink)[1]), "\n".join(line.text for line in written)


def _drawn(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    labels = np.arange(count) % 10
    return draw_digits(labels, [count]), labels.astype(np.uint8)


def _file(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
