"""Photographs of a sheet that lies on a table: a note, a napkin, a card, with the table in view and what is on it.

Everything hangs on the random generator that is passed in: the same sheet and the same seed give the same bytes.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import surface
from benchmarks.surface import Colour, Floats

Table = Literal["wood", "cloth", "checked", "stone", "plain"]
TABLES: tuple[Table, ...] = ("wood", "cloth", "checked", "stone", "plain")
MARGIN = 0.8, 4.0
"""Room on each side of the writing on such a sheet, in heights of a digit, as `paper.photograph` takes it."""
_WOODS: tuple[Colour, ...] = ((139, 98, 60), (92, 62, 40), (190, 150, 105), (60, 42, 32))
_CLOTHS: tuple[Colour, ...] = ((40, 45, 70), (120, 40, 40), (60, 60, 60), (200, 190, 170), (30, 80, 60))
_STONES: tuple[Colour, ...] = ((150, 150, 150), (90, 88, 84), (205, 200, 192))


def drawn_table(random: np.random.Generator) -> Table:
    """Any of them, equally often."""
    return TABLES[int(random.integers(len(TABLES)))]


def on_table(
    sheet: bytes,
    random: np.random.Generator,
    *,
    table: Table,
    side: tuple[int, int] = (1000, 1800),
    askew: bool = False,
) -> bytes:
    """The encoded picture of a `sheet`, an encoded picture, as it lies on a table.

    `side`: least and greatest length of the picture's longer side in pixels. Of three sheets one runs out of the picture a little.
    `askew`: it is turned by 10 to 40 degrees and seen from aside, and all of it is in the picture; else by up to 9 degrees.
    """
    decoded = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_COLOR)
    page: Floats = np.asarray(decoded, np.float32)[..., ::-1]
    longer = int(random.integers(side[0], side[1] + 1))
    shorter = round(longer * random.uniform(0.55, 0.8))
    tall = page.shape[0] > page.shape[1] if random.random() < 0.8 else random.random() < 0.5
    height, width = (longer, shorter) if tall else (shorter, longer)
    fit = random.uniform(0.5, 0.9) * min(width / page.shape[1], height / page.shape[0])
    way = cv2.INTER_AREA if fit < 1 else cv2.INTER_LINEAR
    page = np.asarray(cv2.resize(page, None, fx=fit, fy=fit, interpolation=way), np.float32)
    corners = (_askew if askew else _corners)(page.shape, (width, height), random)
    ground = _ground(table, height, width, random)
    there = _laid(np.ones(page.shape[:2], np.float32), corners, (width, height))
    _things(ground, there, random)
    away = round(0.012 * longer)
    fallen = cv2.warpAffine(there, np.array([[1, 0, away], [0, 1, away]], np.float32), (width, height))
    shade = cv2.GaussianBlur(fallen, (0, 0), random.uniform(0.3, 1.2) * away)
    ground *= 1 - np.float32(random.uniform(0.15, 0.5)) * shade[..., None]
    scene = ground + there[..., None] * (_laid(page, corners, (width, height)) - ground)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    lit = scene * surface.light((x, y), random)[..., None] * surface.tint(random)
    if random.random() < 1 / 3 and not askew:
        lit = _running_out(np.asarray(lit, np.float32), corners, int(random.integers(4)), random)
    return surface.camera(np.ascontiguousarray(lit, np.float32), random)


def turned(picture: bytes, quarters: int) -> bytes:
    """An encoded picture after so many quarters of a turn to the left, as a JPEG."""
    pixels = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR))
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(np.rot90(pixels, quarters)))[1])


def _flat(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A sheet's corners, from the upper left clockwise, float32 `[4, 2]`."""
    down, across = shape[:2]
    return np.array([(0, 0), (across, 0), (across, down), (0, down)], np.float32)


def _turned(shape: tuple[int, ...], degrees: float) -> NDArray[np.float64]:
    """The same about the sheet's middle, when it is turned."""
    flat = _flat(shape) - np.array(shape[1::-1], np.float32) / 2
    turn = np.deg2rad(degrees)
    return np.asarray(flat @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]), np.float64)


def _corners(shape: tuple[int, ...], size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Where the sheet's corners come to lie: turned, seen a little from aside."""
    turned = _turned(shape, random.uniform(-9, 9))
    middle = np.array(size) * random.uniform(0.44, 0.56, 2)
    return np.asarray(middle + turned * (1 + random.uniform(-0.05, 0.05, (4, 2))), np.float32)


def _askew(shape: tuple[int, ...], size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """The same of one that is turned further, and seen by somebody who sits at the table: lower, and wider where it is nearer."""
    x, y = _turned(shape, random.uniform(10, 40) * random.choice((-1, 1))).T
    wider = 1 + random.uniform(0, 0.25) * y / np.abs(y).max()
    seen = np.stack([x * wider, y * random.uniform(0.65, 1)], axis=1)
    seen -= (seen.min(axis=0) + seen.max(axis=0)) / 2
    fit = min(1.0, float((0.96 * np.array(size) / np.ptp(seen, axis=0)).min()))
    return np.asarray(np.array(size) / 2 + fit * seen, np.float32)


def _laid(page: Floats, corners: NDArray[np.float32], size: tuple[int, int]) -> Floats:
    to = cv2.getPerspectiveTransform(_flat(page.shape), corners)
    return np.asarray(cv2.warpPerspective(page, to, size, flags=cv2.INTER_LINEAR))


def _ground(table: Table, height: int, width: int, random: np.random.Generator) -> Floats:
    """The table without anything on it, RGB `[height, width, 3]`."""
    ground: NDArray[Any]
    if table == "wood":
        colour = _WOODS[int(random.integers(len(_WOODS)))]
        fibres = 0.08 * _coarse(height, width, (2.5, width / 7), random) + 0.05 * _coarse(
            height, width, (200, 200), random
        )
        ground = np.array(colour, np.float32) * (1 + fibres[..., None])
        for row in np.arange(random.uniform(0, 0.5) * height, height, random.uniform(0.25, 0.6) * height):
            cv2.line(
                ground,
                (0, int(row)),
                (width, int(row) + int(random.integers(-15, 16))),
                tuple(0.4 * c for c in colour),
                3,
            )
    elif table == "cloth":
        weave = 0.07 * _coarse(height, width, (2, 2), random) + 0.05 * _coarse(height, width, (90, 90), random)
        ground = np.array(_CLOTHS[int(random.integers(len(_CLOTHS)))], np.float32) * (1 + weave[..., None])
    elif table == "checked":
        pitch, (y, x) = int(random.integers(40, 160)), np.mgrid[:height, :width]
        shares = ((x // pitch % 2 + y // pitch % 2) / 2).astype(np.float32)[..., None]
        ground = 238 - shares * (238 - np.array(_CLOTHS[int(random.integers(3))], np.float32))
    elif table == "stone":
        specks = 0.06 * _coarse(height, width, (3, 3), random) + 0.1 * _coarse(height, width, (140, 140), random)
        ground = np.array(_STONES[int(random.integers(len(_STONES)))], np.float32) * (1 + specks[..., None])
    else:
        ground = random.uniform(25, 150, 3).astype(np.float32) * (
            1 + 0.01 * _coarse(height, width, (2, 2), random)[..., None]
        )
    return np.ascontiguousarray(np.clip(ground, 0, 255), np.float32)


def _coarse(height: int, width: int, cell: tuple[float, float], random: np.random.Generator) -> Floats:
    """Noise, float32 `[height, width]`, of about standard deviation 1, that changes over so many pixels down and across."""
    small = random.standard_normal((int(height / cell[0]) + 2, int(width / cell[1]) + 2), np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _things(ground: Floats, there: Floats, random: np.random.Generator) -> None:
    """Puts up to two pens, cups or phones on the table, none on the sheet."""
    height, width = there.shape
    for _ in range(int(random.integers(3))):
        mask = np.zeros((height, width), np.uint8)
        x, y = int(random.uniform(0, width)), int(random.uniform(0, height))
        kind, size = int(random.integers(3)), random.uniform(0.15, 0.3) * min(height, width)
        turn = random.uniform(0, np.pi)
        if kind == 0:
            end = int(x + 2 * size * np.cos(turn)), int(y + 2 * size * np.sin(turn))
            cv2.line(mask, (x, y), end, 1, max(4, round(0.06 * size)))
        elif kind == 1:
            cv2.circle(mask, (x, y), round(0.6 * size), 1, -1)
        else:
            box = cv2.boxPoints(((x, y), (size, 2 * size), float(np.rad2deg(turn))))
            cv2.fillConvexPoly(mask, box.astype(np.int32), 1)
        ground[(mask > 0) & (there < 0.5)] = random.uniform(10, 220) * np.array(
            [1, random.uniform(0.8, 1), random.uniform(0.7, 1)]
        )


def _running_out(scene: Floats, corners: NDArray[np.float32], side: int, random: np.random.Generator) -> Floats:
    """The scene cut on one side, so that the sheet's edge there is out of the picture, by up to a fiftieth of it."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    inner = {
        0: sorted(corners[:, 0])[1],
        1: sorted(corners[:, 0])[2],
        2: sorted(corners[:, 1])[1],
        3: sorted(corners[:, 1])[2],
    }
    more = random.uniform(0, 0.02) * ((right - left) if side < 2 else (bottom - top))
    at = max(0, round(float(inner[side] + (more if side in (0, 2) else -more))))
    return (scene[:, at:], scene[:, :at], scene[at:], scene[:at])[side]
