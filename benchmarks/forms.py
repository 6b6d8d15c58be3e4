"""Synthetic photographs of a form's field: digits in printed boxes, on a comb, between dividers, or in a frame that a cut left.

Everything hangs on the random generator that is passed in: the same digits and the same seed give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import surface
from benchmarks.surface import Floats

Form = Literal["boxes", "comb", "dividers", "frame"]
FORMS: tuple[Form, ...] = ("boxes", "comb", "dividers", "frame")
_PRINTED = ((60, 60, 66), (120, 124, 132), (96, 128, 168), (186, 104, 96))  # the colours that forms are printed in
_LEFT_FREE = 0.12  # of the boxes


@dataclass(frozen=True)
class Field:
    """An encoded picture and what is written in it, which may be nothing."""

    picture: bytes
    text: str


def field(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    random: np.random.Generator,
    form: Form,
    *,
    empty: bool = False,
) -> Field:
    """A field of one to eight places for digits drawn from `images` uint8 `[N, 28, 28]`, with their `labels` `[N]`.

    In a frame, of which one side at least is to be seen, they stand as they were written; else one in each place. `empty`: none
    does anywhere.
    """
    scale = random.uniform(1.5, 4.5)
    places = int(random.integers(1, 9))
    across, high = random.uniform(26, 40) * scale, random.uniform(28, 42) * scale
    room = 0 if form == "frame" else round(random.uniform(1, 14) * scale)
    height, width = round(high) + 2 * room, round(places * across) + 2 * room
    cover = np.zeros((height, width), np.float32)
    text = ""
    for place in range(0 if empty else places):
        if form != "frame" and places > 1 and random.random() < _LEFT_FREE:
            continue
        at = int(random.integers(len(images)))
        middle = (
            room + (place + 0.5) * across + random.normal(0, 0.06) * across,
            height / 2 + random.normal(0, 0.07) * high,
        )
        _write(cover, images[at], scale * random.uniform(0.75, 1.0), middle)
        text += str(int(labels[at]))
    lines = _lines(form, (height, width), room, places, across, scale, random)
    return Field(_photographed(cover, lines, random), text)


def _write(cover: Floats, image: NDArray[np.uint8], scale: float, middle: tuple[float, float]) -> None:
    """A digit with its box's middle at (x, y), wholly in the picture, with the edges of a pen's line."""
    large = cv2.resize(image.astype(np.float32) / 255, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    digit = np.clip((cv2.GaussianBlur(large, (0, 0), 0.3 * scale) - 0.36) * max(1.0, 0.9 * scale) + 0.5, 0, 1)
    rows, columns = np.flatnonzero(digit.max(1) > 0.3), np.flatnonzero(digit.max(0) > 0.3)
    digit = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][: cover.shape[0], : cover.shape[1]]
    ends = np.array(cover.shape) - digit.shape
    top, left = np.clip(np.array(middle[::-1]) - np.array(digit.shape) / 2, 0, ends).astype(int)
    view = cover[top : top + digit.shape[0], left : left + digit.shape[1]]
    np.maximum(view, digit, out=view)


def _lines(
    form: Form, size: tuple[int, int], room: int, places: int, across: float, scale: float, random: np.random.Generator
) -> Floats:
    """What is printed: the share of each pixel that it covers, float32 `[height, width]`."""
    height, width = size
    thick = max(1, round(random.uniform(0.3, 1.4) * scale))
    drawn = np.zeros(size, np.uint8)
    bottom = height - room - 1

    def line(x: float, top: float, other: float, low: float) -> None:
        cv2.line(drawn, (round(x), round(top)), (round(other), round(low)), 255, thick, cv2.LINE_AA)

    if form == "frame":
        inset = random.uniform(0, 1.5) * scale
        sides = random.random(4) < 0.6
        sides[int(random.integers(4))] = True
        for seen, ends in zip(
            sides,
            (
                (inset, 0, inset, height),
                (width - 1 - inset, 0, width - 1 - inset, height),
                (0, inset, width, inset),
                (0, height - 1 - inset, width, height - 1 - inset),
            ),
            strict=True,
        ):
            if seen:
                line(*ends)
    else:
        top = room if form != "comb" else bottom - random.uniform(0.25, 0.5) * (height - 2 * room)
        between = range(1, places) if form == "dividers" else range(places + 1)
        for place in between:
            line(room + place * across, top, room + place * across, bottom)
        if form != "dividers":
            line(room, bottom, width - room, bottom)
        if form == "boxes":
            line(room, room, width - room, room)
    return np.asarray(drawn.astype(np.float32) / 255 * np.float32(random.uniform(0.45, 1.0)))


def _photographed(cover: Floats, lines: Floats, random: np.random.Generator) -> bytes:
    height, width = cover.shape
    pen = surface.INKS[int(random.choice(len(surface.INKS), p=(0.4, 0.35, 0.05, 0.2)))]
    paper = surface.PAPERS[int(random.integers(len(surface.PAPERS)))]
    printed = np.array(_PRINTED[int(random.integers(len(_PRINTED)))], np.float32)
    fibres = surface.grain(height, width, random)
    sheet = np.array(paper, np.float32) * (1 + np.float32(random.uniform(0.004, 0.018)) * fibres[..., None])
    sheet += lines[..., None] * (printed - sheet)
    written = surface.written(sheet, cover, pen, fibres, random)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    lit = written * surface.light((x, y), random)[..., None] * surface.tint(random)
    angle = float(np.clip(random.normal(0, 0.8), -2, 2))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    held = cv2.warpAffine(lit, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return surface.camera(np.asarray(held, np.float32), random)
