"""What the model says of a page's lines → the most probable text of each, and where its digits are.

Digits of which the reader of lines is not sure, by all its looks, are cut out of their line and shown to the reader of single
digits as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.ctc import BLANK, alone
from service.reading.looks import SeenLine, SeenPage, all_looks
from service.reading.normalise import CANVAS, normalise
from service.reading.numbers import PreparedNumber
from service.reading.picture import Page
from service.reading.places import Area, areas, box_of, cut
from service.reading.types import (
    Box,
    Candidate,
    Line,
    NumberDigit,
    NumberExplanation,
    NumberReading,
    Status,
    Thresholds,
)

# A digit, on average: a line less sure than that is none of digits, and a page with many such digits is a texture.
_LEAST_SURE, _LEAST_SURE_PAGE, _MANY = 0.5, 0.6, 8
# So is one of many tiles, more than so many for each digit, with digits less sure than that: some of its scraps look like digits by
# chance. A number has several digits in a tile.
_MANY_TILES, _SPARSE = 16, ((8, 0.95), (1, 0.9))
_CONSIDERED = 0.05  # what is less probably a digit than this is no candidate
_SURE = 0.99  # a digit less probable than this is looked at once more
_MOST_DOUBTFUL = 256  # of a page, the least probable ones; with more it is hardly a page of digits
_SECOND = 0.5  # what the second opinion counts for, where it is of one whole digit, against 1 for the first


@dataclass(frozen=True, slots=True)
class NamedLine:
    """A line, and where the digits of its text are. `is_number`: it is probable enough to be told."""

    seen: SeenLine
    areas: tuple[Area, ...]
    is_number: bool


@dataclass(frozen=True, slots=True)
class NamedPage:
    """`doubtful` uint8 `[M, 28, 28]`: digits to be looked at once more; `where`: each one's line, and its place in that."""

    prepared: PreparedNumber
    lines: tuple[NamedLine, ...]
    doubtful: NDArray[np.uint8]
    where: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SecondOpinions:
    """The model's of the doubtful digits, as `Predict` gives them: float32 `[M, 10]` and `[M]`."""

    probabilities: NDArray[np.float32]
    digit_probability: NDArray[np.float32]


def name_lines(page: SeenPage, answers: NDArray[np.float32], thresholds: Thresholds) -> NamedPage:
    """The text of each line by the model's answers to the page's further questions: float32 `[N, TILE / 2, 11]`."""
    lines: list[NamedLine] = []
    for seen in all_looks(page, answers, thresholds):
        text = seen.text
        is_number = bool(text.digits) and text.probability >= _LEAST_SURE ** len(text.digits)
        found = areas(seen.strip, [seen.picture.to_strip(column) for column in text.columns]) if is_number else []
        lines.append(NamedLine(seen, tuple(found), is_number))
    doubts = [
        (float(line.seen.text.each[place, digit]), row, place)
        for row, line in enumerate(lines)
        for place, digit in enumerate(line.seen.text.digits if line.is_number else ())
        if line.seen.text.each[place, digit] < _SURE
    ]
    where = tuple((row, place) for _, row, place in sorted(doubts)[:_MOST_DOUBTFUL])
    pictures = [normalise(cut(lines[row].seen.strip, lines[row].areas[place])) for row, place in where]
    return NamedPage(
        page.prepared, tuple(lines), np.stack(pictures) if pictures else np.zeros((0, CANVAS, CANVAS), np.uint8), where
    )


def conclude_number(
    page: NamedPage, opinions: SecondOpinions, thresholds: Thresholds, *, explain: bool
) -> NumberReading:
    """Everything after the model, of whose time it does not know; `opinions` are of the page's doubtful digits."""
    prepared = page.prepared
    named = _weighed(page, opinions)
    lines = [_line(prepared.page, line) for line in named if line.is_number]
    candidates = [candidate for line in named for candidate in _candidates(prepared.page, line)] if explain else []
    confidence = float(np.prod([line.confidence for line in lines])) if lines else 0.0
    count = sum(len(line.digits) for line in lines)
    if lines and confidence < _least_sure(len(prepared.questions), count) ** count:
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
        model_seconds=0.0,
    )


def _least_sure(tiles: int, digits: int) -> float:
    """How sure a digit must be, on average, on a page of so many."""
    for each, sure in _SPARSE:
        if tiles > _MANY_TILES + each * digits:
            return sure
    return _LEAST_SURE_PAGE if digits > _MANY else 0.0


def _weighed(page: NamedPage, opinions: SecondOpinions) -> list[NamedLine]:
    """The lines with the texts that both opinions together make the most probable: a product of experts, digit by digit."""
    texts = [line.seen.text for line in page.lines]
    given = zip(page.where, opinions.probabilities, opinions.digit_probability.tolist(), strict=True)
    for (row, place), probabilities, whole in given:
        texts[row] = texts[row].weighed(place, probabilities, _SECOND * whole)
    return [replace(line, seen=replace(line.seen, text=text)) for line, text in zip(page.lines, texts, strict=True)]


def _status(prepared: PreparedNumber, lines: list[Line], thresholds: Thresholds) -> Status:
    if prepared.mask is None:
        return "blank"
    if not lines:
        return "not_a_digit"
    sure = all(digit.confidence >= thresholds.confidence for line in lines for digit in line.digits)
    return "ok" if sure else "uncertain"


def _line(page: Page, line: NamedLine) -> Line:
    text, strip = line.seen.text, line.seen.strip
    digits = [
        NumberDigit(digit, float(each[digit]), _of_ten(each), box_of(page, strip, area))
        for digit, each, area in zip(text.digits, text.each, line.areas, strict=True)
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


def _candidates(page: Page, line: NamedLine) -> list[Candidate]:
    """Each place where a digit may be, the ones in the answer among them."""
    strip, picture, named, text = line.seen.strip, line.seen.picture, line.seen.named, line.seen.text
    chosen = dict(zip(text.columns, zip(text.digits, text.each, strict=True), strict=True)) if line.is_number else {}
    some = 1 - np.exp(named[:, BLANK])
    peaks = set(chosen)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], some >= _CONSIDERED, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if not any(start <= column < end for column in chosen):
            peaks.add(start + int(some[start:end].argmax()))
    columns = sorted(peaks)
    found = areas(strip, [picture.to_strip(column) for column in columns])
    candidates = []
    for column, each, area in zip(columns, alone(named.astype(np.float64), columns), found, strict=True):
        digit, shares = chosen.get(column, (int(named[column, :BLANK].argmax()), each))
        candidates.append(
            Candidate(box_of(page, strip, area), digit, max(_of_ten(shares)), float(some[column]), column in chosen)
        )
    return candidates


def _explanation(prepared: PreparedNumber, candidates: list[Candidate]) -> NumberExplanation:
    mask = prepared.mask if prepared.mask is not None else np.zeros(prepared.page.grey.shape, np.uint8)
    mask = prepared.page.on_whole(mask)
    return NumberExplanation(bytes(cv2.imencode(".png", mask * 255)[1]), tuple(candidates))
