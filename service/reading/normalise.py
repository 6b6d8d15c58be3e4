"""Ink → the 28×28 picture of the manifest's input contract: box 20, centred by mass, ink bright on dark."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CANVAS = 28
BOX = 20

KEPT = range(18, 25)  # ink about as large as the box is left as it is: resampling would only blur it
_THINNEST = 1.8  # strokes thinner than this, in pixels of the canvas, are thickened to it
_LEVEL = 64  # what counts as stroke when its width is measured


def normalise(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink uint8 `[h, w]`, bright on dark and cut to its box, as uint8 `[28, 28]`.

    Source: the description of MNIST by Y. LeCun, C. Cortes and C. J. C. Burges.
    """
    longer = max(ink.shape)
    if longer not in KEPT:
        ink = _resized(_thickened(ink), BOX / longer)
    ink = np.asarray(cv2.convertScaleAbs(ink, alpha=255.0 / max(1, int(ink.max()))), np.uint8)
    height, width = ink.shape
    moments = cv2.moments(ink)
    mass = max(moments["m00"], 1.0)
    top, left = corner(moments["m01"] / mass, height), corner(moments["m10"] / mass, width)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    canvas[top : top + height, left : left + width] = ink
    return canvas


def _thickened(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Thin strokes of a large drawing would fade to a grey breath at 28 pixels; MNIST's are two to three wide."""
    stroke = stroke_width(ink)
    missing = round(_THINNEST * max(ink.shape) / BOX - stroke)
    if missing < 1:
        return ink
    room = cv2.copyMakeBorder(ink, missing, missing, missing, missing, cv2.BORDER_CONSTANT)
    wide = cv2.dilate(room, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1)))
    x, y, w, h = cv2.boundingRect(wide)
    return np.asarray(wide[y : y + h, x : x + w], np.uint8)


def stroke_width(ink: NDArray[np.uint8]) -> float:
    """Mean width of the strokes in pixels: across a strip, the distance to its edge is a quarter of its width on average."""
    mask = (cv2.copyMakeBorder(ink, 1, 1, 1, 1, cv2.BORDER_CONSTANT) >= _LEVEL).astype(np.uint8)
    pixels = int(mask.sum())
    if not pixels:
        return 1.0
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return max(1.0, 4 * float(distance.sum()) / pixels - 2)


def _resized(ink: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = tuple(max(1, round(side * BOX / max(ink.shape))) for side in reversed(ink.shape))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8)


def corner(centre: float, size: int) -> int:
    """Where on the canvas ink of that `size` begins, one way, whose mass has its `centre` there."""
    return min(max(round(CANVAS / 2 - centre), 0), CANVAS - size)
