"""The fifteen corruptions of MNIST-C, for measuring how a model bears pictures unlike those it learned from.

Source of the kinds and of every figure: N. Mu, J. Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision" (2019), and the
code published with it, at the severities that are that code's defaults. Its dice were not published, so a figure measured here
is near, not equal to, one measured on the published pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer import overlays

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

PHOTONS = 3.0
IMPULSES = 0.17
BRIGHTER = 0.5
SHEAR = 0.4
ANGLE = 0.4
SCALE = 0.7
SHIFT = 3.0
_SIDE = 28
_MIDDLE = (_SIDE - 1) / 2
_CHUNK = 1000  # pictures at a time: the fog's maps are 81 times as large as a picture


def corrupt(images: Images, kind: str, seed: int) -> Images:
    """uint8 `[N, 28, 28]`, ink bright on dark, → the same, spoilt in one of the `KINDS`; what was given is left as it is.

    The same pictures, kind and seed give the same bytes. Raises `ValueError` for another kind, shape or dtype.
    """
    if kind not in _CORRUPTIONS:
        raise ValueError(f"no corruption is called {kind!r}; there are {', '.join(KINDS)}")
    if images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE) or images.dtype != np.uint8:
        raise ValueError(f"pictures of {images.dtype} {images.shape}; wanted: uint8 (N, {_SIDE}, {_SIDE})")
    spoil, spoilt = _CORRUPTIONS[kind], np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        random = np.random.default_rng([seed, KINDS.index(kind), start])
        part = images[start : start + _CHUNK]
        grey = spoil(part.astype(np.float32) / np.float32(255), random)
        spoilt[start : start + len(part)] = np.rint(255 * np.clip(grey, 0, 1))
    return spoilt


def _shot_noise(grey: Floats, random: np.random.Generator) -> Floats:
    """White is three photons: the less light, the grainier."""
    return (random.poisson(grey * PHOTONS) / PHOTONS).astype(np.float32)


def _impulse_noise(grey: Floats, random: np.random.Generator) -> Floats:
    """Salt and pepper, as much of the one as of the other."""
    hit = random.random(grey.shape, np.float32) < IMPULSES
    return np.where(hit, random.integers(0, 2, grey.shape), grey).astype(np.float32)


def _glass_blur(grey: Floats, random: np.random.Generator) -> Floats:
    """Blurred, each second pixel twice exchanged with one above or left of it, blurred again.

    The published code blurs along the columns only (its picture's rows are taken for colour channels); so does this.
    """
    spoilt = (np.floor(255 * _blur_columns(grey, 0.7)) / 255).astype(np.float32)
    everyone = np.arange(len(spoilt))
    for _ in range(2):
        for row in range(_SIDE - 1, 1, -1):
            for column in range(_SIDE - 1, 1, -1):
                chosen = everyone[random.random(len(spoilt), np.float32) < 0.5]
                up, left = random.integers(0, 2, (2, len(chosen)))
                here, there = (chosen, row, column), (chosen, row - up, column - left)
                spoilt[here], spoilt[there] = spoilt[there], spoilt[here]
    return _blur_columns(spoilt, 0.7)


def _motion_blur(grey: Floats, random: np.random.Generator) -> Floats:
    """A tail of half a bell curve, sigma 3 pixels, 21 long, at an angle of −45° to 45°; beyond the edge the edge goes on.

    The kernel is ImageMagick's, which the published code calls with a radius of 10.
    """
    angle = np.deg2rad(random.uniform(-45, 45, len(grey)))[:, None]
    steps = np.arange(21)
    weights = np.exp(-(steps**2) / (2 * 3.0**2))
    weights /= weights.sum()
    right, down = (np.ceil(steps * way(angle) - 0.5).astype(np.int64) for way in (np.cos, np.sin))
    places, everyone = np.arange(_SIDE), np.arange(len(grey))[:, None, None]
    spoilt = np.zeros_like(grey)
    for step, weight in enumerate(weights):
        rows = np.clip(places + down[:, step, None], 0, _SIDE - 1)
        columns = np.clip(places + right[:, step, None], 0, _SIDE - 1)
        spoilt += np.float32(weight) * grey[everyone, rows[:, :, None], columns[:, None, :]]
    return spoilt


def _shear(grey: Floats, random: np.random.Generator) -> Floats:
    """To the left or to the right."""
    lean = SHEAR * _signs(random, len(grey))
    return _warp(grey, [[[1, -np.sin(a)], [0, np.cos(a)]] for a in lean])


def _scale(grey: Floats, random: np.random.Generator) -> Floats:
    """To 70 % of its size."""
    return _warp(grey, [[[1 / SCALE, 0], [0, 1 / SCALE]]] * len(grey))


def _rotate(grey: Floats, random: np.random.Generator) -> Floats:
    """By 0.4 radians (23°), to the left or to the right."""
    turn = ANGLE * _signs(random, len(grey))
    return _warp(grey, [[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in turn])


def _brightness(grey: Floats, random: np.random.Generator) -> Floats:
    """Half of white added everywhere."""
    return grey + np.float32(BRIGHTER)


def _translate(grey: Floats, random: np.random.Generator) -> Floats:
    """By three pixels along both axes, either way along each."""
    shifts = SHIFT * np.stack([_signs(random, len(grey)), _signs(random, len(grey))], axis=1)
    return _warp(grey, [np.eye(2)] * len(grey), shifts)


def _stripe(grey: Floats, random: np.random.Generator) -> Floats:
    """The outer quarters inverted: a stripe remains in the middle."""
    spoilt = 1 - grey
    spoilt[:, :, 7:21] = grey[:, :, 7:21]
    return spoilt


def _canny_edges(grey: Floats, random: np.random.Generator) -> Floats:
    """The outlines only: J. Canny, IEEE PAMI 8 (1986), sigma 1, thresholds at 0.1 and 0.2 of white."""
    spoilt = np.empty_like(grey)
    for image, edges in zip(grey, spoilt, strict=True):
        smooth = np.asarray(cv2.GaussianBlur(image, (9, 9), 1.0, borderType=cv2.BORDER_CONSTANT), np.float32)
        # Whole numbers are asked for; a Sobel sum is at most 4, so that this keeps four digits.
        across, down = (
            np.rint(2048 * cv2.Sobel(smooth, cv2.CV_32F, *way, ksize=3)).astype(np.int16) for way in ((1, 0), (0, 1))
        )
        edges[:] = cv2.Canny(across, down, 0.1 * 2048, 0.2 * 2048, L2gradient=True) / np.float32(255)
    return spoilt


def _blur_columns(grey: Floats, sigma: float) -> Floats:
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)).astype(np.float32)
    weights /= weights.sum()
    padded = np.pad(grey, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    return np.asarray(sum(w * padded[:, i : i + grey.shape[1]] for i, w in enumerate(weights)), np.float32)


def _signs(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    return 2 * random.integers(0, 2, count) - 1


def _warp(grey: Floats, maps: object, shifts: object = 0.0) -> Floats:
    """Each place is looked up where its 2×2 map about the middle, and its shift, lead; bilinear, black beyond the edge."""
    turns = np.asarray(maps, np.float64).reshape(len(grey), 2, 2)
    middle = np.full(2, _MIDDLE)
    offsets = middle - turns @ middle + shifts
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spoilt = np.empty_like(grey)
    for image, turn, offset, target in zip(grey, turns, offsets, spoilt, strict=True):
        target[:] = cv2.warpAffine(image, np.column_stack([turn, offset]), (_SIDE, _SIDE), flags=flags)
    return spoilt


_CORRUPTIONS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "glass_blur": _glass_blur,
    "motion_blur": _motion_blur,
    "shear": _shear,
    "scale": _scale,
    "rotate": _rotate,
    "brightness": _brightness,
    "translate": _translate,
    "stripe": _stripe,
    "fog": overlays.fog,
    "spatter": overlays.spatter,
    "dotted_line": overlays.dotted_line,
    "zigzag": overlays.zigzag,
    "canny_edges": _canny_edges,
}
KINDS: tuple[str, ...] = tuple(_CORRUPTIONS)
"""The published order."""
