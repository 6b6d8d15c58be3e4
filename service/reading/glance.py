"""A glance at a page of very many tiles, before all of them are asked about: a texture has digits in hardly any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.reading.ctc import best_text
from service.reading.numbers import PreparedNumber
from service.reading.tiles import HEIGHT, TILE, core
from service.reading.types import Thresholds

_MANY = 256  # tiles: fewer take the model about a second
_SAMPLE = 64  # of them, evenly from all over the page: of one tile in twenty there are some in nearly every sample
_SURE, _SEVERAL = 0.9, 2  # a digit, on average, and how many: single ones are seen in textures, too


def glance(prepared: PreparedNumber) -> NDArray[np.uint8]:
    """The tiles to be asked about first, uint8 `[N, 32, TILE]`: none where there are few of them anyway."""
    if len(prepared.questions) <= _MANY:
        return np.zeros((0, HEIGHT, TILE), np.uint8)
    return prepared.questions[np.linspace(0, len(prepared.questions) - 1, _SAMPLE).astype(np.intp)]


def glanced(prepared: PreparedNumber, answers: NDArray[np.float32], thresholds: Thresholds) -> PreparedNumber:
    """The page, by the model's answers to `glance`, float32 `[N, TILE / 2, 11]`: as it is, or without lines if it is a texture."""
    if not len(answers):
        return prepared
    texts = [best_text(core(answer), thresholds.favour) for answer in answers]
    if any(len(text.digits) >= _SEVERAL and text.certainty >= _SURE for text in texts):
        return prepared
    return replace(prepared, lines=(), questions=prepared.questions[:0])
