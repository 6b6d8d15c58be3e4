"""Paper whose light changes evenly over the picture, whatever share of it is ink."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.polarity import likeness_to_paper
from service.reading.strokes import is_too_broad
from service.reading.types import Grey

_TURNS = 8
_SURE = 0.08  # of the contrast: mean deviation of the paper from the surface where it is nothing else
_MOST = 0.25  # the same where it may be something else


def sloping(grey: Grey, smooth: Grey, told: bool | None) -> tuple[NDArray[np.float32] | None, bool]:
    """How far each pixel is from a quadratic surface towards ink, as in `paper.Relief`, and whether that is the paper for sure.

    None where it is not. `smooth` is the picture made small and without its grain; `told`: whether ink is light, where that is
    known. Surface and ink are found in turns: what is nearer to paper than to ink is paper, and the surface is fitted to it.
    """
    values = smooth.astype(np.float32)
    basis = _quadratic(values.shape)
    rest = values - np.median(values)
    light = _above(rest)
    for _ in range(_TURNS):
        if light.all() or not light.any():
            return None, False
        ink_is_light = likeness_to_paper(light) < 0.5
        blank = light != ink_is_light
        surface = _fitted(basis, values, blank)
        rest = values - surface
        before, light = light, _above(rest)
        if (light == before).all():
            break
    if light.all() or not light.any() or surface.min() < 1:
        return None, False
    ink = (light == ink_is_light).astype(np.uint8)
    blank = cv2.dilate(ink, np.ones((3, 3), np.uint8)) == 0  # beside ink, pixels are mixed
    if not blank.any() or is_too_broad(ink):
        return None, False
    contrast = abs(float(np.median(rest[ink > 0])))
    strays = float(np.abs(rest[blank]).mean()) / max(contrast, 1e-6)
    if strays > _MOST:
        return None, False
    paper = np.asarray(cv2.resize(surface, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    difference = grey.astype(np.float32) - paper
    if not ink_is_light:  # ink takes away a share of the light that falls on it
        difference *= -float(surface.max()) / np.maximum(paper, 1)
    return difference, strays <= _SURE and told in (None, ink_is_light)


def _fitted(basis: NDArray[np.float32], values: NDArray[np.float32], some: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The surface that is nearest to `some` of the values, by least squares: the normal equations, which are few."""
    terms, known = basis[some.ravel()].astype(np.float64), values[some]
    factors = np.linalg.lstsq(terms.T @ terms, terms.T @ known, rcond=None)[0]
    return np.asarray((basis @ factors).reshape(values.shape), np.float32)


def _quadratic(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The terms of a quadratic surface over a picture, float32 `[pixels, 6]`."""
    y, x = np.meshgrid(*((np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1 for side in shape), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)


def _above(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What is above Otsu's threshold."""
    low, high = float(values.min()), float(values.max())
    scaled = ((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    return np.asarray(scaled > cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)[0])
