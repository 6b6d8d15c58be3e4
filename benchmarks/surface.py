"""What a synthetic photograph is made of beside its ink: grounds and pens, ruling, grain, light, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Colour = tuple[int, int, int]
"""Red, green and blue as reflected in white light, 0 to 255."""

PAPERS: tuple[Colour, ...] = (
    (250, 250, 248), (244, 242, 236), (248, 240, 214), (232, 229, 220), (222, 214, 196), (226, 234, 242), (250, 246, 178),
)  # fmt: skip
BOARDS: tuple[Colour, ...] = ((38, 62, 50), (44, 48, 50), (30, 42, 64))
CARDS: tuple[Colour, ...] = ((22, 22, 24), (34, 30, 34))


@dataclass(frozen=True)
class Pen:
    """`cover`: the least and greatest share of the ground that its ink hides; `grain`: how much the ground's grain breaks it up."""

    name: str
    colour: Colour
    cover: tuple[float, float]
    grain: float


INKS = (
    Pen("black", (26, 26, 30), (0.85, 0.98), 0.05),
    Pen("blue", (32, 52, 148), (0.8, 0.95), 0.06),
    Pen("red", (188, 36, 44), (0.8, 0.95), 0.06),
    Pen("pencil", (78, 78, 84), (0.5, 0.8), 0.35),
)
CHALK = Pen("chalk", (242, 242, 238), (0.85, 1.0), 0.35)
WHITE = Pen("white", (246, 246, 244), (0.88, 0.98), 0.05)


def grain(height: int, width: int, random: np.random.Generator) -> Floats:
    """Fibres and fine dirt, float32 `[height, width]`, mean 0 and a standard deviation about 1."""
    fine = random.standard_normal((height, width), np.float32)
    coarse = random.standard_normal((-(-height // 4), -(-width // 4)), np.float32)
    spread = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), 0.7) * 1.6 + 0.5 * spread, np.float32)


def ruling(
    grid: tuple[Floats, Floats], angle: float, pitch: float, through: tuple[float, float], squared: bool
) -> Floats:
    """How much of the ground is printed line, 0 to 1, `[height, width]`, for lines at `angle` (radians) through a point.

    `grid`: each pixel's x and y; `pitch`: pixels between lines.
    """
    x, y = grid[0] - np.float32(through[0]), grid[1] - np.float32(through[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    half = max(0.6, pitch / 60)
    along = [y * cos - x * sin] + ([x * cos + y * sin] if squared else [])
    lines = [np.clip(half + 0.5 - np.abs((way + pitch / 2) % pitch - pitch / 2), 0, 1) for way in along]
    return np.asarray(np.maximum.reduce(lines), np.float32)


def written(sheet: Floats, cover: Floats, pen: Pen, fibres: Floats, random: np.random.Generator) -> Floats:
    """The sheet, float32 `[height, width, 3]`, with the pen's ink where the share `cover` of each pixel is written on."""
    hides = cover * np.float32(random.uniform(*pen.cover))
    hides = np.clip(hides * (1 - np.float32(pen.grain * 0.5) * (1 + np.clip(fibres, -1.5, 1.5))), 0, 1)[..., None]
    return np.asarray(sheet + hides * (np.array(pen.colour, np.float32) - sheet), np.float32)


def light(grid: tuple[Floats, Floats], random: np.random.Generator) -> Floats:
    """The share of white light that falls on each pixel, `[height, width]`: a gradient, often a shadow's edge, a dim room."""
    height, width = grid[0].shape
    x, y = grid[0] / np.float32(width) - np.float32(0.5), grid[1] / np.float32(height) - np.float32(0.5)
    way = random.uniform(0, 2 * np.pi)
    falling = x * np.float32(np.cos(way)) + y * np.float32(np.sin(way))
    found = 1 - np.float32(random.uniform(0, 0.4)) * (falling + np.float32(0.5))
    found -= np.float32(random.uniform(0, 0.2)) * (x * x + y * y)
    if random.random() < 0.45:
        way, at, soft = random.uniform(0, 2 * np.pi), random.uniform(-0.35, 0.35), random.uniform(0.01, 0.15)
        beyond = (x * np.float32(np.cos(way)) + y * np.float32(np.sin(way)) - np.float32(at)) / np.float32(soft)
        found *= 1 - np.float32(random.uniform(0.12, 0.45)) / (1 + np.exp(-np.clip(4 * beyond, -30, 30)))
    return np.asarray(found * np.float32(random.uniform(0.7, 1.02)), np.float32)


def tint(random: np.random.Generator) -> Floats:
    """The light's colour, float32 `[3]`, from a warm lamp to a cool sky."""
    warmth = random.uniform(-0.6, 1.0)
    return np.array([1.0, 1 - 0.05 * abs(warmth), 1 - 0.16 * max(warmth, 0.0)], np.float32) - np.array(
        [0.08 * max(-warmth, 0.0), 0, 0], np.float32
    )


def camera(scene: Floats, random: np.random.Generator) -> bytes:
    """The scene, float32 RGB `[height, width, 3]`, as a lens, a sensor and an encoder leave it: a JPEG or, of five one, a PNG."""
    seen = cv2.GaussianBlur(scene, (0, 0), random.uniform(0.3, 1.1))
    shared = random.standard_normal(seen.shape[:2], np.float32)[..., None]
    own = random.standard_normal(seen.shape, np.float32)
    seen = seen + np.float32(random.uniform(0.5, 4.5)) * (np.float32(0.8) * shared + np.float32(0.6) * own)
    if random.random() < 0.1:
        seen = np.repeat(cv2.cvtColor(np.asarray(seen, np.float32), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    pixels = np.ascontiguousarray(np.clip(np.rint(seen), 0, 255).astype(np.uint8)[..., ::-1])
    if random.random() < 0.2:
        return bytes(cv2.imencode(".png", pixels)[1])
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(45, 96))])[1])
