"""Harsh photographs of single digits: uneven light, rules that are darker than the pencil, no margin, faint and worn ink.

Harsher than `paper.py` and of another make: every picture has its own light, and lines run through the digit as often as beside it.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.spoil import reinked

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Random = np.random.Generator

Kind = Literal["plain", "ruled", "no margin"]

_INKED = 40  # grey level above which a pixel of a digit counts as written on
_SMALLEST, _LARGEST = 16, 150  # pixels: a digit's longer side


def photograph(digit: Image, rng: Random) -> tuple[Image, Kind]:
    """A photograph of `digit`, uint8 `[h, w]` of any size, bright on dark: grey levels, uint8 of another size; and its kind."""
    tall = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
    tight = rng.random() < 0.1
    cover = _placed(_penned(_cut_out(digit, tall), tall, rng), 0.0 if tight else tall, rng)
    rules = _rules(cover.shape, tall, rng)
    strength = rng.uniform(0.3, 0.95) if rng.random() < 0.8 else rng.uniform(0.15, 0.4)
    if rng.random() < 0.3:  # the pen is not pressed on alike everywhere
        cover = cover * _coarse(rng.uniform(0.5, 1, (3, 3)), cover.shape)
    seen = _paper(cover.shape, rng) * (1 - np.maximum(strength * cover, rules))
    if rng.random() < 0.18:
        seen = 255 - seen
    if rng.random() < 0.5:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.3, 0.035 * tall + 0.5)), np.float32)
    seen = seen + rng.normal(0, rng.uniform(0, 9), seen.shape)
    picture = np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)
    if rng.random() < 0.6:
        file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])[1]
        picture = np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)
    return picture, "no margin" if tight else "ruled" if rules.any() else "plain"


def _cut_out(digit: Image, tall: float) -> Floats:
    """The digit without its margin, `tall` pixels on its longer side, from 0 to 255."""
    x, y, w, h = cv2.boundingRect((digit > _INKED).astype(np.uint8))
    scale = tall / max(w, h)
    size = max(3, round(w * scale)), max(3, round(h * scale))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    larger = cv2.resize(digit[y : y + h, x : x + w].astype(np.float32), size, interpolation=way)
    return np.asarray(np.clip(larger, 0, 255), np.float32)


def _penned(ink: Floats, tall: float, rng: Random) -> Floats:
    """With the edges of a pen, and a third by a thin one, some by a marker or a dry one; from 0 to 1."""
    if rng.random() < 0.8:
        low = rng.uniform(60, 130)
        ink = np.asarray(np.clip((ink - low) * (255 / rng.uniform(20, 140)), 0, 255), np.float32)
    kind = rng.random()
    if kind < 0.3:
        ink = reinked(ink, max(1.2, tall * rng.uniform(0.03, 0.08)))
    elif kind < 0.4:
        wide = 2 * max(1, round(0.03 * tall)) + 1
        ink = np.asarray(cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))), np.float32)
    elif kind < 0.45:
        ink = np.where(rng.normal(0, 1, ink.shape) > -0.8, ink, np.float32(0))
    return ink / np.float32(255)


def _placed(cover: Floats, unit: float, rng: Random) -> Floats:
    """With margins of up to 1.2 times `unit`, and half of them turned a little."""
    top, left, bottom, right = (rng.uniform(0.05, 1.2, 4) * unit).astype(int).tolist()
    cover = np.asarray(cv2.copyMakeBorder(cover, top, bottom, left, right, cv2.BORDER_CONSTANT), np.float32)
    if rng.random() < 0.5:
        height, width = cover.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 6), 1)
        cover = np.asarray(cv2.warpAffine(cover, turn, (width, height)), np.float32)
    return cover


def _paper(shape: tuple[int, ...], rng: Random) -> Floats:
    """Bare paper in grey levels: lit from one side, one in five in the edge of a shadow, most with grain."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y / height, x / width
    way = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * ((x - 0.5) * np.cos(way) + (y - 0.5) * np.sin(way))
    if rng.random() < 0.2:
        across = rng.uniform(0, 2 * np.pi)
        beyond = (x - rng.uniform(0.1, 0.9)) * np.cos(across) + (y - rng.uniform(0.1, 0.9)) * np.sin(across)
        light = light * (1 - rng.uniform(0.15, 0.5) / (1 + np.exp(-np.clip(beyond * rng.uniform(5, 60), -30, 30))))
    paper = rng.uniform(120, 250) * light
    if rng.random() < 0.6:
        grain = rng.uniform(1, 6)
        coarse = int(height / grain) + 2, int(width / grain) + 2
        paper = paper + _coarse(rng.normal(0, rng.uniform(0.5, 6), coarse), shape)
    return np.asarray(paper, np.float32)


def _rules(shape: tuple[int, ...], tall: float, rng: Random) -> Floats:
    """How much of the light printed lines take, from 0 to 1: two in three papers are plain, half of the others squared."""
    height, width = shape
    layer = np.zeros((height, width), np.float32)
    if rng.random() >= 0.35:
        return layer
    apart, thick, lean = tall * rng.uniform(0.9, 2), max(1, round(tall * rng.uniform(0.015, 0.05))), rng.normal(0, 0.02)
    for at in np.arange(rng.uniform(0, apart) - height, 2 * height, apart):
        cv2.line(layer, (0, round(at)), (width, round(at + lean * width)), 1.0, thick, cv2.LINE_AA)
    if rng.random() < 0.5:
        for at in np.arange(rng.uniform(0, apart) - width, 2 * width, apart):
            cv2.line(layer, (round(at), 0), (round(at - lean * height), height), 1.0, thick, cv2.LINE_AA)
    return layer * np.float32(rng.uniform(0.08, 0.5))


def _coarse(values: NDArray[np.float64], shape: tuple[int, ...]) -> Floats:
    """A few values, spread evenly over a picture."""
    return np.asarray(cv2.resize(values.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
