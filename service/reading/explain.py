"""Why an answer came out as it did: what the model saw, and which of its pixels the answer hangs on.

Occlusion after M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Explanation

_SIDE = 28
_WINDOW = 6
_STEP = 2
_PLACES = tuple((y, x) for y in range(0, _SIDE - _WINDOW + 1, _STEP) for x in range(0, _SIDE - _WINDOW + 1, _STEP))

SALIENCY_QUESTIONS = len(_PLACES)
"""How many more pictures the model is asked about for one explanation."""


def occlusions(normalised: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture `[28, 28]` with one window after another blacked out: uint8 `[SALIENCY_QUESTIONS, 28, 28]`."""
    hidden = np.repeat(normalised[None], SALIENCY_QUESTIONS, axis=0)
    for question, (y, x) in zip(hidden, _PLACES, strict=True):
        question[y : y + _WINDOW, x : x + _WINDOW] = 0
    return hidden


def explanation(
    normalised: NDArray[np.uint8], probabilities: NDArray[np.float32], hidden: NDArray[np.float32]
) -> Explanation:
    """Both pictures as PNG. `hidden` float32 `[SALIENCY_QUESTIONS, 10]`: the answers to `occlusions`.

    A pixel's saliency is how much of the best digit's probability is lost, on average, when a window over it is hidden;
    the brightest pixel of the picture is the one with the most.
    """
    best = int(probabilities.argmax())
    lost = np.maximum(0.0, float(probabilities[best]) - hidden[:, best].astype(np.float64))
    weight, total = np.zeros((_SIDE, _SIDE)), np.zeros((_SIDE, _SIDE))
    for loss, (y, x) in zip(lost, _PLACES, strict=True):
        total[y : y + _WINDOW, x : x + _WINDOW] += loss
        weight[y : y + _WINDOW, x : x + _WINDOW] += 1
    saliency = total / np.maximum(weight, 1)
    scaled = np.round(saliency * (255 / max(float(saliency.max()), 1e-6))).astype(np.uint8)
    return Explanation(_png(normalised), _png(scaled))


def _png(picture: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])
