"""Synthetic photographs of writing: ink that the caller gives, on paper, card or a blackboard, in uneven light.

Everything hangs on the random generator that is passed in: the same ink and the same seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import surface
from benchmarks.surface import Colour, Floats, Pen

Ground = Literal["plain", "ruled", "squared", "blackboard", "card"]
GROUNDS: tuple[Ground, ...] = ("plain", "ruled", "squared", "blackboard", "card")
MARGIN = 0.3, 1.6
_SHARES = (0.52, 0.15, 0.15, 0.1, 0.08)
_INKED = 0.4  # share of cover at which a pixel counts as ink


@dataclass(frozen=True)
class Part:
    """A piece of ink, uint8 `[h, w]`, bright on dark, whose upper left corner is at (x, y); all parts share one scale."""

    ink: NDArray[np.uint8]
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Photo:
    """An encoded picture of `width` × `height` pixels; `boxes`: (x, y, width, height) of each part's ink in it."""

    picture: bytes
    width: int
    height: int
    boxes: tuple[tuple[int, int, int, int], ...]
    ground: Ground
    pen: str


def photograph(
    parts: Sequence[Part],
    random: np.random.Generator,
    *,
    scale: float,
    unit: float = 20.0,
    margin: tuple[float, float] = MARGIN,
    ground: Ground | None = None,
    pitch: float | None = None,
) -> Photo:
    """Photographs the parts, written `scale` times as large as they are given, on a ground that is drawn where none is named.

    `unit` is the height of a digit in the parts' pixels; `margin`, the room on each of the four sides, is in heights of a
    digit; `pitch` is the distance of ruled lines in the parts' pixels (default: drawn).
    """
    ground = ground or drawn_ground(random)
    angle = float(np.clip(random.normal(0.0, np.deg2rad(1.2)), -0.05, 0.05))
    place, width, height = _layout(parts, angle, scale, random.uniform(*margin, 4) * unit * scale)
    sharpness = random.uniform(0.3, 0.42), random.uniform(0.7, 1.1)
    covers = [_written(part, place, (width, height), scale, sharpness) for part in parts]
    boxes = tuple(_box(cover) for cover in covers)
    colour, pen = _ground_and_pen(ground, random)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    fibres = surface.grain(height, width, random)
    sheet = np.array(colour, np.float32) * (1 + np.float32(random.uniform(0.004, 0.022)) * fibres[..., None])
    if ground in ("ruled", "squared"):
        squared = ground == "squared"
        usual = random.uniform(0.35, 0.6) if squared else random.uniform(1.4, 1.9)
        spacing = (usual * unit if squared or pitch is None else pitch) * scale
        foot = place @ [parts[0].x, parts[0].y + _lowest(parts[0].ink) + random.uniform(0, 0.12) * unit, 1.0]
        lines = surface.ruling((x, y), angle, spacing, (float(foot[0]), float(foot[1])), squared)
        printed = np.array(((150, 170, 205), (160, 160, 165), (175, 150, 160))[int(random.integers(3))], np.float32)
        sheet += (lines * np.float32(random.uniform(0.3, 0.75)))[..., None] * (printed - sheet)
    written = surface.written(sheet, np.maximum.reduce(covers), pen, fibres, random)
    lit = written * surface.light((x, y), random)[..., None] * surface.tint(random)
    return Photo(surface.camera(np.asarray(lit, np.float32), random), width, height, boxes, ground, pen.name)


def drawn_ground(random: np.random.Generator) -> Ground:
    """Mostly paper, half of it plain."""
    return GROUNDS[int(random.choice(len(GROUNDS), p=_SHARES))]


def _ground_and_pen(ground: Ground, random: np.random.Generator) -> tuple[Colour, Pen]:
    if ground == "blackboard":
        return surface.BOARDS[int(random.integers(len(surface.BOARDS)))], surface.CHALK
    if ground == "card":
        return surface.CARDS[int(random.integers(len(surface.CARDS)))], surface.WHITE
    pen = surface.INKS[int(random.choice(len(surface.INKS), p=(0.35, 0.35, 0.1, 0.2)))]
    return surface.PAPERS[int(random.integers(len(surface.PAPERS)))], pen


def _layout(
    parts: Sequence[Part], angle: float, scale: float, room: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int, int]:
    """The map `[2, 3]` from the parts' pixels to the picture's, and the picture's width and height.

    `room`: pixels left free on the left, on the right, above and below.
    """
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array(
        [(p.x + dx * p.ink.shape[1], p.y + dy * p.ink.shape[0]) for p in parts for dx in (0, 1) for dy in (0, 1)]
    )
    reached = corners @ turn.T
    low, high = reached.min(axis=0), reached.max(axis=0)
    size = np.ceil(high - low + room[::2] + room[1::2]).astype(int)
    return np.column_stack([turn, room[::2] - low]), int(size[0]), int(size[1])


def _written(
    part: Part, place: NDArray[np.float64], size: tuple[int, int], scale: float, sharpness: tuple[float, float]
) -> Floats:
    """The share of each pixel that the part's ink covers, float32 `[height, width]`: enlarged, with the edges of a pen's line.

    `sharpness`: the grey, as a share of white, that becomes the line's edge, and how steep the edge is.
    """
    level, steep = sharpness
    shift = place[:, :2] @ [part.x + 0.5, part.y + 0.5] + place[:, 2] - 0.5
    ink = part.ink.astype(np.float32) / max(1, int(part.ink.max()))
    grown = cv2.warpAffine(ink, np.column_stack([place[:, :2], shift]), size, flags=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(grown, (0, 0), 0.3 * scale) if scale > 1.5 else grown
    return np.asarray(np.clip((soft - level) * max(1.0, steep * scale) + 0.5, 0, 1) * (soft > 0.05), np.float32)


def _lowest(ink: NDArray[np.uint8]) -> int:
    return int(np.flatnonzero(ink.any(axis=1))[-1]) + 1 if ink.any() else ink.shape[0]


def _box(cover: Floats) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect((cover >= _INKED).astype(np.uint8))
    return x, y, width, height
