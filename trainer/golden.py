"""`golden.npz`: questions with their answers, asked by the service at every load to catch train/serve skew.

Part one asks the exported graph, part two the whole pipeline: encoded pictures with the answer that a person would give.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer import golden_lines
from trainer.pens import digit_strokes, draw_digits, ink, scribble_strokes

Signature = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]

_SEED = 20
_ORIENTATION = 0x0112
_WOBBLE = 0.01  # golden pictures are neat: they ask whether the pipeline works, not how far it reaches


@dataclass(frozen=True)
class Look:
    """How a golden picture looks: colours as RGB, the ink's height and pen in pixels, its place as a share of the free room."""

    name: str
    canvas: tuple[int, int]
    height: int
    pen: float
    paper: tuple[int, int, int]
    colour: tuple[int, int, int]
    place: tuple[float, float] = (0.5, 0.5)
    format: str = "PNG"
    orientation: int = 1
    shade: float = 0.0


_LOOKS = (
    Look("plain", (64, 64), 44, 5, (255, 255, 255), (0, 0, 0)),
    Look("white on black", (28, 28), 20, 2.5, (0, 0, 0), (255, 255, 255)),
    Look("blue pen, off-centre", (200, 260), 70, 7, (240, 238, 230), (40, 60, 150), (0.15, 0.8)),
    Look("uneven light", (300, 300), 170, 15, (200, 195, 185), (60, 60, 60), (0.6, 0.4), "JPEG", 1, 0.35),
    Look("rotated by EXIF", (120, 160), 90, 9, (255, 255, 255), (20, 20, 20), (0.5, 0.5), "JPEG", 6),
    Look("faint pencil", (96, 96), 60, 4, (250, 250, 250), (190, 190, 190)),
    Look("chalk", (240, 180), 120, 12, (30, 50, 40), (225, 230, 225), (0.3, 0.3), "WEBP"),
    Look("tiny in a large picture", (400, 400), 30, 3, (255, 255, 255), (0, 0, 0), (0.9, 0.1)),
)


def golden(signature: Signature, reads: golden_lines.Reads | None = None) -> bytes:
    """The file's content, with part one's answers taken from `signature`, the exported graph as loaded again.

    `reads` is the same of its signature for lines, where it has one.
    """
    images = np.concatenate([draw_digits(np.arange(20) % 10, [_SEED]), np.zeros((1, 28, 28), np.uint8)])
    noise = np.random.default_rng(_SEED).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    images = np.concatenate([images, noise])
    probabilities, digit_probability = signature(images)
    pictures = golden_pictures()
    encoded = [data for _, data, _, _ in pictures]
    more: dict[str, Any] = golden_lines.packed("picture", encoded) | (golden_lines.arrays(reads) if reads else {})
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        images=images,
        probabilities=probabilities,
        digit_probability=digit_probability,
        picture_name=np.array([name for name, _, _, _ in pictures]),
        picture_status=np.array([status for _, _, status, _ in pictures]),
        picture_digit=np.array([digit for _, _, _, digit in pictures], np.int8),
        **more,
    )
    return buffer.getvalue()


def golden_pictures() -> list[tuple[str, bytes, str, int]]:
    """Part two: (name, encoded picture, status, digit or −1)."""
    rng = np.random.default_rng(_SEED)
    pictures = []
    for digit in range(10):
        for look in (_LOOKS[digit % len(_LOOKS)], _LOOKS[(digit * 3 + 1) % len(_LOOKS)]):
            drawn = ink(digit_strokes(digit, rng, _WOBBLE, style=0), look.height, look.pen)
            pictures.append((f"{digit}, {look.name}", _picture(drawn, look), "ok", digit))
    blank = np.zeros((1, 1), np.uint8)
    pictures += [(f"blank, {look.name}", _picture(blank, look), "blank", -1) for look in (_LOOKS[0], _LOOKS[3])]
    for look in (_LOOKS[0], _LOOKS[2]):
        scribble = ink(scribble_strokes(np.random.default_rng(3)), look.height, look.pen / 2)
        pictures.append((f"scribble, {look.name}", _picture(scribble, look), "not_a_digit", -1))
    return pictures


def _picture(drawn: NDArray[np.uint8], look: Look) -> bytes:
    height, width = look.canvas
    if drawn.shape[0] > height or drawn.shape[1] > width:
        shrink = min(height / drawn.shape[0], width / drawn.shape[1])
        drawn = np.asarray(cv2.resize(drawn, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    cover = np.zeros((height, width, 1))
    top = round((height - drawn.shape[0]) * look.place[1])
    left = round((width - drawn.shape[1]) * look.place[0])
    cover[top : top + drawn.shape[0], left : left + drawn.shape[1], 0] = drawn / 255
    light = 1 - look.shade * np.linspace(0, 1, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
    rgb = ((1 - cover) * np.array(look.paper) + cover * np.array(look.colour)) * light
    image = Image.fromarray(np.round(rgb).astype(np.uint8))
    exif = Image.Exif()
    if look.orientation == 6:  # the camera lay on its side: the stored picture is turned a quarter to the left
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[_ORIENTATION] = 6
    buffer = io.BytesIO()
    options = {"quality": 90} if look.format != "PNG" else {}
    image.save(buffer, look.format, exif=exif, **options)
    return buffer.getvalue()
