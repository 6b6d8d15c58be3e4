"""Pictures that the tests draw: digits of the project's own pen on a page, in any colour and place, encoded in any format."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.data import KNOWN, to_idx
from trainer.pens import digit_strokes, draw_digits, ink

WHITE, BLACK = 255, 0


def strokes(digit: int, height: int = 60, pen: float = 6, seed: int = 2) -> NDArray[np.uint8]:
    """A neat digit, bright on dark, cut to its box and a margin."""
    return ink(digit_strokes(digit, np.random.default_rng([seed, digit]), wobble=0.01), height, pen)


def page(
    digit: int | None,
    size: tuple[int, int] = (100, 100),
    *,
    height: int = 60,
    pen: float = 6,
    paper: int = WHITE,
    colour: int = BLACK,
    place: tuple[float, float] = (0.5, 0.5),
    seed: int = 2,
) -> NDArray[np.uint8]:
    """A grey picture `[rows, columns]` of `size` with one digit on it; `place` is the share of the free room left and above."""
    rows, columns = size
    cover = np.zeros((rows, columns))
    if digit is not None:
        drawn = strokes(digit, height, pen, seed)
        top, left = round((rows - drawn.shape[0]) * place[1]), round((columns - drawn.shape[1]) * place[0])
        cover[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn / 255
    return np.round(paper + (colour - paper) * cover).astype(np.uint8)


def row_of(text: str, height: int = 40, gap: int = 12, pen: float | None = None, seed: int = 2) -> NDArray[np.uint8]:
    """Neat digits side by side, bright on dark; a space is a gap as wide as a digit. `gap`: pixels between their boxes."""
    parts = [
        np.zeros((1, height // 2), np.uint8)
        if digit == " "
        else _tight(strokes(int(digit), height, pen or height / 9, seed))
        for digit in text
    ]
    row = np.zeros((max(p.shape[0] for p in parts), sum(p.shape[1] + gap for p in parts) + abs(gap)), np.uint8)
    left = 0
    for part in parts:
        top = (row.shape[0] - part.shape[0]) // 2
        view = row[top : top + part.shape[0], left : left + part.shape[1]]
        np.maximum(view, part, out=view)
        left += part.shape[1] + gap
    return row


def _tight(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(ink.max(1)), np.flatnonzero(ink.max(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def encoded(picture: NDArray[Any] | Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file's bytes."""
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, format, **options)
    return buffer.getvalue()


def write_idx(folder: Path, train: int, test: int) -> Path:
    """A data set in MNIST's format and layout, of digits that the project's pen draws; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("test", test)):
        labels = np.arange(count) % 10
        images = draw_digits(labels, [count, part == "test"])
        (folder / KNOWN[f"{part}_images"][0]).write_bytes(to_idx(images))
        (folder / KNOWN[f"{part}_labels"][0]).write_bytes(to_idx(labels.astype(np.uint8)))
    return folder
