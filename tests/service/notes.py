"""Notes that lie on tables, drawn for tests."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.picture import Page
from service.reading.sheet import Sheet
from service.reading.types import Box
from tests.drawing import row_of

Grey = NDArray[np.uint8]
SIZE = 640, 480
LEFT, TOP, WIDTH, HEIGHT = 90, 170, 310, 240
"""Of the note on the table, before it is turned."""
PINK, YELLOW = (190, 105, 130), (140, 134, 70)
"""Two colours that are equally bright."""


def note(*texts: str, paper: int = 235, ink: int = 45) -> Grey:
    """A note with lines of digits."""
    cover = np.zeros((HEIGHT, WIDTH))
    for place, text in enumerate(texts):
        row = row_of(text, 44, 10)
        top = 40 + 80 * place
        cover[top : top + row.shape[0], 50 : 50 + row.shape[1]] = row / 255
    return np.round(paper + (ink - paper) * cover).astype(np.uint8)


def table(level: int = 80, grain: float = 12, seed: int = 0) -> Grey:
    """A table of wood, of `level` on average."""
    rows = np.random.default_rng(seed).normal(level, grain, (SIZE[0], 6))
    return np.clip(cv2.resize(rows, SIZE[::-1], interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def lying(note: Grey, table: Grey, degrees: float = 5, left: int = LEFT) -> Grey:
    """The note on the table."""
    place = np.array([[1, 0, left], [0, 1, TOP]], np.float64)
    turn = cv2.getRotationMatrix2D((left + WIDTH / 2, TOP + HEIGHT / 2), degrees, 1)
    to = (turn @ np.vstack([place, [0, 0, 1]])).astype(np.float64)
    there = cv2.warpAffine(np.ones(note.shape, np.float32), to, SIZE[::-1])
    laid = cv2.warpAffine(note, to, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.round(table + there * (laid - table.astype(np.float32))).astype(np.uint8)


def page_of(grey: Grey) -> Page:
    return Page(grey, grey.shape[1], grey.shape[0])


def about(box: Box, other: Box, pixels: int) -> bool:
    edges = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in (box, other)]
    return all(abs(one - two) <= pixels for one, two in zip(*edges, strict=True))


def area_of(sheet: Sheet) -> Box:
    """Where the sheet is in the picture."""
    rows, columns = sheet.page.grey.shape
    return sheet.page.full_size_box(Box(0, 0, columns, rows))
