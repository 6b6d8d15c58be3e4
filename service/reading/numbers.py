"""A page of digits: decode → ink → lines → tiles → model → the most probable text of each line, and where its digits are."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.ctc import BLANK, Text, alone, best_text
from service.reading.decode import Page, decode
from service.reading.lines import Strip, find_lines
from service.reading.page import PageInk, page_ink
from service.reading.places import Area, areas
from service.reading.tiles import HEIGHT, TILE, LinePicture, joined, line_picture, tiles, tiles_of
from service.reading.types import (
    Box,
    Candidate,
    Grey,
    Line,
    NumberDigit,
    NumberExplanation,
    NumberReading,
    Status,
    Thresholds,
)

# The longer side, in pixels, at which lines are looked for: at first coarsely, and again where the writing is too small for that.
COARSE_SIZE, WORKING_SIZE = 640, 2000
# A digit, on average: a line less sure than that is none of digits, and a page with many such digits is a texture.
_LEAST_SURE, _LEAST_SURE_PAGE, _MANY = 0.5, 0.6, 8
# So is one of many tiles, so many for each digit, with digits less sure than that: some of its scraps look like digits by chance.
_MANY_TILES, _UNREAD_TILES, _LEAST_SURE_SCRAPS = 16, 8, 0.95
_LEGIBLE = 22  # pixels: digits at least so high lose nothing by being seen coarsely
_LOWEST = 4  # pixels: in fewer no digit can be told from another; enlarged they would be work without end
_MOST_TILES = 1_000  # a page with more is a texture: one full of digits that are just legible has fewer
_CONSIDERED = 0.05  # what is less probably a digit than this is no candidate


@dataclass(frozen=True, slots=True)
class PreparedNumber:
    """A page on its way to the model. `questions` uint8 `[N, 32, TILE]`: the tiles of all `lines`, one after the other.

    `mask` uint8 of 0 and 1: the ink at working resolution; None: there is none.
    """

    page: Page
    mask: NDArray[np.uint8] | None
    lines: tuple[tuple[Strip, LinePicture], ...]
    questions: NDArray[np.uint8]
    decode_seconds: float
    ink_seconds: float


def prepare_number(picture: bytes | Grey, max_pixels: int) -> PreparedNumber:
    """Everything before the model. Raises `PictureError`."""
    started = time.perf_counter()
    page = decode(picture, max_pixels, WORKING_SIZE)
    decoded = time.perf_counter()
    coarse = page.reduced(COARSE_SIZE)
    found, strips = _look(coarse.grey)
    if coarse is not page and min((strip.height for strip in strips), default=0) < _LEGIBLE:
        found, strips = _look(page.grey)
    else:
        page = coarse
    strips = [strip for strip in strips if strip.height >= _LOWEST]
    if sum(tiles_of(strip) for strip in strips) > _MOST_TILES:
        strips = []
    lines = tuple((strip, line_picture(strip)) for strip in strips)
    asked = [np.zeros((0, HEIGHT, TILE), np.uint8), *(tiles(picture) for _, picture in lines)]
    return PreparedNumber(
        page,
        found.mask if found else None,
        lines,
        np.concatenate(asked),
        decoded - started,
        time.perf_counter() - decoded,
    )


def _look(grey: Grey) -> tuple[PageInk | None, list[Strip]]:
    found = page_ink(grey)
    return found, find_lines(found) if found else []


def conclude_number(
    prepared: PreparedNumber,
    answers: NDArray[np.float32],
    thresholds: Thresholds,
    *,
    model_seconds: float,
    explain: bool,
) -> NumberReading:
    """Everything after the model, whose answers to the questions are given: float32 `[N, TILE / 2, 11]`."""
    lines: list[Line] = []
    candidates: list[Candidate] = []
    at = 0
    for strip, picture in prepared.lines:
        named = joined(picture, answers[at : at + picture.tiles])
        at += picture.tiles
        text = best_text(named, thresholds.favour)
        is_number = bool(text.digits) and text.probability >= _LEAST_SURE ** len(text.digits)
        if is_number:
            lines.append(_line(prepared.page, strip, picture, text, named))
        if explain:
            candidates += _candidates(prepared.page, strip, picture, text if is_number else None, named)
    confidence = float(np.prod([line.confidence for line in lines])) if lines else 0.0
    count = sum(len(line.digits) for line in lines)
    unread = len(prepared.questions) > _MANY_TILES + _UNREAD_TILES * count
    least_sure = _LEAST_SURE_SCRAPS if unread else _LEAST_SURE_PAGE if count > _MANY else 0.0
    if lines and confidence < least_sure**count:
        lines, confidence = [], 0.0
        candidates = [replace(candidate, chosen=False) for candidate in candidates]
    return NumberReading(
        status=_status(prepared, lines, thresholds),
        text="\n".join(line.text for line in lines),
        lines=tuple(lines),
        confidence=confidence,
        explanation=_explanation(prepared, candidates) if explain else None,
        decode_seconds=prepared.decode_seconds,
        ink_seconds=prepared.ink_seconds,
        model_seconds=model_seconds,
    )


def _status(prepared: PreparedNumber, lines: list[Line], thresholds: Thresholds) -> Status:
    if prepared.mask is None:
        return "blank"
    if not lines:
        return "not_a_digit"
    sure = all(digit.confidence >= thresholds.confidence for line in lines for digit in line.digits)
    return "ok" if sure else "uncertain"


def _line(page: Page, strip: Strip, picture: LinePicture, text: Text, named: NDArray[np.float32]) -> Line:
    found = areas(strip, [picture.to_strip(column) for column in text.columns])
    digits = [
        NumberDigit(digit, float(each[digit]), _of_ten(each), _box(page, strip, area))
        for digit, each, area in zip(text.digits, text.each, found, strict=True)
    ]
    boxes = [digit.box for digit in digits]
    left, top = min(b.x for b in boxes), min(b.y for b in boxes)
    right, bottom = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return Line(
        "".join(map(str, text.digits)), text.probability, Box(left, top, right - left, bottom - top), tuple(digits)
    )


def _of_ten(each: NDArray[np.float64]) -> tuple[float, ...]:
    """The probabilities of the ten digits in a place, given that one of them is there."""
    shares = each + 1e-12
    return tuple((shares / shares.sum()).tolist())


def _candidates(
    page: Page, strip: Strip, picture: LinePicture, text: Text | None, named: NDArray[np.float32]
) -> list[Candidate]:
    """Each place where a digit may be, the ones in the answer among them."""
    chosen = dict(zip(text.columns, text.digits, strict=True)) if text else {}
    some = 1 - np.exp(named[:, BLANK])
    peaks = set(chosen)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], some >= _CONSIDERED, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if not any(start <= column < end for column in chosen):
            peaks.add(start + int(some[start:end].argmax()))
    columns = sorted(peaks)
    found = areas(strip, [picture.to_strip(column) for column in columns])
    return [
        Candidate(
            _box(page, strip, area),
            chosen.get(column, int(named[column, :BLANK].argmax())),
            max(_of_ten(each)),
            float(some[column]),
            column in chosen,
        )
        for column, each, area in zip(columns, alone(named.astype(np.float64), columns), found, strict=True)
    ]


def _box(page: Page, strip: Strip, area: Area) -> Box:
    """Where a part of the strip is in the picture."""
    places = strip.to_page[:, :2] @ np.stack([area.x, area.y]) + strip.to_page[:, 2:]
    rows, columns = page.grey.shape
    left, top = (int(v) for v in np.clip(np.floor(places.min(1)), 0, (columns - 1, rows - 1)))
    right, bottom = (int(v) for v in np.clip(np.ceil(places.max(1)) + 1, (left + 1, top + 1), (columns, rows)))
    return page.full_size_box(Box(left, top, right - left, bottom - top))


def _explanation(prepared: PreparedNumber, candidates: list[Candidate]) -> NumberExplanation:
    mask = prepared.mask if prepared.mask is not None else np.zeros(prepared.page.grey.shape, np.uint8)
    return NumberExplanation(bytes(cv2.imencode(".png", mask * 255)[1]), tuple(candidates))
