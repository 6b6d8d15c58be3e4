"""Augmentation of 28×28 pictures: one resampling for every geometric distortion, the stroke's thickness, and seldom an accident.

Each picture has a strength of its own, so that most are seen about as they were written and the ends of the range are still met.

Elastic distortion after P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual
document analysis" (ICDAR 2003), with the displacement drawn on a coarse grid and interpolated; occlusion after T. DeVries,
G. Taylor, "Improved regularization of convolutional neural networks with cutout" (2017).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.accidents import ACCIDENTS
from trainer.canvas import CANVAS
from trainer.recipe import Recipe

_GRID = 5
_CHUNK = 4_096


def augment(images: NDArray[np.uint8], recipe: Recipe, seed: list[int]) -> NDArray[np.uint8]:
    """Each of `images`, uint8 `[N, 28, 28]`, distorted at random; depends on the pictures, the recipe and `seed` alone."""
    rng = np.random.default_rng(seed)
    out = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        _augment_chunk(images[chunk], out[chunk], recipe, rng)
    return out


def _augment_chunk(images: NDArray[np.uint8], out: NDArray[np.uint8], recipe: Recipe, rng: np.random.Generator) -> None:
    count = len(images)
    strength = rng.uniform(recipe.mildest, 1, count)
    maps = _maps(strength, recipe, rng)
    thickness = strength * rng.uniform(-1, 1, count) * (rng.random(count) < recipe.thickness)
    accident = np.where(rng.random(count) < recipe.accidents, rng.integers(len(ACCIDENTS), size=count), -1)
    for i, image in enumerate(images):
        changed = cv2.remap(image, maps[i, 0], maps[i, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        if thickness[i]:
            changed = _thicken(np.asarray(changed, np.uint8), float(thickness[i]))
        if accident[i] >= 0:
            changed = ACCIDENTS[accident[i]](np.asarray(changed, np.uint8), rng)
        out[i] = changed


def _maps(strength: NDArray[np.float64], recipe: Recipe, rng: np.random.Generator) -> NDArray[np.float32]:
    """Where each picture's pixels come from: float32 `[count, 2, 28, 28]`, x then y; `strength` float64 `[count]`, 0 to 1."""
    count, each = len(strength), strength[:, None]
    angle = strength * np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation, count))
    scale = np.exp(each * rng.uniform(-recipe.scale, recipe.scale, (count, 2)))
    shear = strength * rng.uniform(-recipe.shear, recipe.shear, count)
    shift = each[..., None, None] * rng.uniform(-recipe.shift, recipe.shift, (count, 2, 1, 1))
    tilt = each * rng.uniform(-recipe.perspective, recipe.perspective, (count, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
    lean = np.zeros((count, 2, 2))
    lean[:, 0, 0], lean[:, 0, 1], lean[:, 1, 1] = 1 / scale[:, 0], shear, 1 / scale[:, 1]
    middle = (CANVAS - 1) / 2
    y, x = np.mgrid[:CANVAS, :CANVAS] - middle
    places = np.stack([x, y])
    depth = 1 + np.einsum("ni,ihw->nhw", tilt / middle, places)
    maps = np.einsum("nij,jhw->nihw", lean @ turn, places) / depth[:, None] + middle + shift
    if recipe.elastic:
        coarse = each[..., None, None] * rng.normal(0, recipe.elastic, (count, 2, _GRID, _GRID))
        basis = cv2.resize(np.eye(_GRID), (_GRID, CANVAS), interpolation=cv2.INTER_CUBIC)
        maps += np.einsum("hi,ncij,wj->nchw", basis, coarse, basis, optimize=True)
    return np.asarray(maps, np.float32)


def _thicken(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    """Strokes up to a pixel thicker (`amount` to 1) or thinner (to −1) on each side, by blending with morphology's answer."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    changed = cv2.dilate(image, cross) if amount > 0 else cv2.erode(image, cross)
    share = abs(amount) if amount > 0 else 0.8 * abs(amount)  # a full erosion wipes thin strokes out
    return np.asarray(cv2.addWeighted(image, 1 - share, changed, share, 0), np.uint8)
