"""A page of digits: decode → ink → lines → candidates → model → the best way through each line."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.decode import Page, decode
from service.reading.lines import Strip, find_lines
from service.reading.page import PageInk, page_ink
from service.reading.path import Way, best_way
from service.reading.segment import Chain, chain_of, pixels_of, questions
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
_LEAST_SURE = 0.5  # a digit, on average: a line less sure than that is none of digits
_LEGIBLE = 22  # pixels: digits at least so high lose nothing by being seen coarsely

Answers = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Probabilities `[N, 10]` and digit_probability `[N]`."""


@dataclass(frozen=True, slots=True)
class PreparedNumber:
    """A page on its way to the model. `questions` uint8 `[N, 28, 28]`: every candidate of the `chains`, one after the other.

    `mask` uint8 of 0 and 1: the ink at working resolution; None: there is none.
    """

    page: Page
    mask: NDArray[np.uint8] | None
    chains: tuple[Chain, ...]
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
    chains = tuple(chain_of(strip) for strip in strips)
    asked = [np.zeros((0, 28, 28), np.uint8), *(questions(chain) for chain in chains)]
    return PreparedNumber(
        page,
        found.mask if found else None,
        chains,
        np.concatenate(asked),
        decoded - started,
        time.perf_counter() - decoded,
    )


def _look(grey: Grey) -> tuple[PageInk | None, list[Strip]]:
    found = page_ink(grey)
    return found, find_lines(found) if found else []


def conclude_number(
    prepared: PreparedNumber, answers: Answers, thresholds: Thresholds, *, model_seconds: float, explain: bool
) -> NumberReading:
    """Everything after the model, whose answers to the questions are given."""
    lines: list[Line] = []
    candidates: list[Candidate] = []
    at = 0
    for chain in prepared.chains:
        probabilities, whole = (answer[at : at + len(chain.runs)] for answer in answers)
        at += len(chain.runs)
        way = best_way(chain, probabilities, whole)
        if _is_number(way, whole, thresholds):
            lines.append(_line(prepared.page, chain, way, probabilities))
        if explain:
            candidates += _candidates(prepared.page, chain, way, probabilities, whole)
    confidence = float(np.prod([line.confidence for line in lines])) if lines else 0.0
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


def _is_number(way: Way, whole: NDArray[np.float32], thresholds: Thresholds) -> bool:
    """Whether a line is one of digits and not of letters or dirt, of which some look like digits or can be cut into such."""
    count = len(way.runs)
    taken = np.count_nonzero(whole[list(way.runs)] >= thresholds.digit_probability)
    return bool(taken > count / 2 and way.probability >= _LEAST_SURE**count)


def _status(prepared: PreparedNumber, lines: list[Line], thresholds: Thresholds) -> Status:
    if prepared.mask is None:
        return "blank"
    if not lines:
        return "not_a_digit"
    sure = all(digit.confidence >= thresholds.confidence for line in lines for digit in line.digits)
    return "ok" if sure else "uncertain"


def _line(page: Page, chain: Chain, way: Way, probabilities: NDArray[np.float32]) -> Line:
    digits = [
        NumberDigit(digit, confidence, tuple(probabilities[k].tolist()), _box(page, chain, k))
        for k, digit, confidence in zip(way.runs, way.digits, way.each, strict=True)
    ]
    boxes = [digit.box for digit in digits]
    left, top = min(b.x for b in boxes), min(b.y for b in boxes)
    right, bottom = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    text = "".join(str(digit.digit) for digit in digits)
    return Line(text, way.probability, Box(left, top, right - left, bottom - top), tuple(digits))


def _candidates(
    page: Page, chain: Chain, way: Way, probabilities: NDArray[np.float32], whole: NDArray[np.float32]
) -> list[Candidate]:
    chosen = set(way.runs)
    return [
        Candidate(
            _box(page, chain, k),
            int(probabilities[k].argmax()),
            float(probabilities[k].max()),
            float(whole[k]),
            k in chosen,
        )
        for k in range(len(chain.runs))
    ]


def _box(page: Page, chain: Chain, k: int) -> Box:
    """Where candidate `k` is in the picture."""
    x, y = pixels_of(chain, k)
    to_page = chain.strip.to_page
    places = to_page[:, :2] @ np.stack([x, y]) + to_page[:, 2:]
    rows, columns = page.grey.shape
    left, top = (int(v) for v in np.clip(np.floor(places.min(1)), 0, (columns - 1, rows - 1)))
    right, bottom = (int(v) for v in np.clip(np.ceil(places.max(1)) + 1, (left + 1, top + 1), (columns, rows)))
    return page.full_size_box(Box(left, top, right - left, bottom - top))


def _explanation(prepared: PreparedNumber, candidates: list[Candidate]) -> NumberExplanation:
    mask = prepared.mask if prepared.mask is not None else np.zeros(prepared.page.grey.shape, np.uint8)
    return NumberExplanation(bytes(cv2.imencode(".png", mask * 255)[1]), tuple(candidates))
