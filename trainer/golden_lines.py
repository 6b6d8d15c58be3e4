"""The golden questions about lines, all drawn here: tiles for the exported graph, pictures of numbers for the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.pens import digit_strokes, draw_digits, ink
from trainer.writing import HEIGHT, Stock, write_line

Reads = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""uint8 `[N, 32, W]` → logarithms of probabilities float32 `[N, W / 2, 11]`."""

_SEED = 21
_WIDTH, _COUNT = 168, 12
_WOBBLE = 0.01
_NUMBERS = (  # the text; height of the digits and gap between them; paper and ink; by how many degrees it is turned
    ("1234567890", 40, 14, 250, 20, 0.0),
    ("20\n471", 60, 20, 235, 70, 0.0),
    ("3867", 90, 24, 20, 240, 0.0),
    ("905", 34, 10, 245, 60, 4.0),
)


def arrays(reads: Reads) -> dict[str, NDArray[Any]]:
    """What `golden.npz` holds of lines; the answers are those of `reads`, the exported graph as loaded again."""
    ten = np.arange(60) % 10
    stock = Stock(draw_digits(ten, [_SEED]), ten)
    rng = np.random.default_rng(_SEED)
    lines = np.zeros((_COUNT, HEIGHT, _WIDTH), np.uint8)
    for line in lines:
        picture = write_line([stock], rng).picture[:, :_WIDTH]
        line[:, : picture.shape[1]] = picture
    files = [_number(*number) for number in _NUMBERS]
    return {
        "lines": lines,
        "line_probabilities": np.exp(reads(lines)),
        **packed("number", files),
        "number_text": np.array([text for text, *_ in _NUMBERS]),
    }


def packed(kind: str, files: list[bytes]) -> dict[str, NDArray[Any]]:
    """Files one after the other, and where each begins and the last ends."""
    return {
        f"{kind}_bytes": np.frombuffer(b"".join(files), np.uint8),
        f"{kind}_offsets": np.cumsum([0, *map(len, files)], dtype=np.int64),
    }


def _number(text: str, height: int, gap: int, paper: int, dark: int, degrees: float) -> bytes:
    rng = np.random.default_rng(_SEED)
    rows = []
    for line in text.split("\n"):
        row = np.zeros((height + 12, gap), np.uint8)
        for digit in line:
            drawn = ink(digit_strokes(int(digit), rng, _WOBBLE, style=0), height, height / 10)
            cell = np.zeros((height + 12, drawn.shape[1] + gap), np.uint8)
            cell[2 : 2 + drawn.shape[0], : drawn.shape[1]] = drawn
            row = np.concatenate([row, cell], 1)
        rows.append(row)
    wide = max(row.shape[1] for row in rows)
    page = np.concatenate(
        [np.pad(row, ((height // 2, height // 2), (height, height + wide - row.shape[1]))) for row in rows]
    )
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), degrees, 1)
    page = np.asarray(cv2.warpAffine(page, turn, page.shape[::-1]), np.uint8)
    grey = np.round(paper + (dark - paper) * (page / 255.0)).astype(np.uint8)
    return bytes(cv2.imencode(".png", grey)[1])
