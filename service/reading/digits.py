"""A picture of one digit on its way to the model: decode → ink → normalise, in the whole picture, or on the sheet in it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.reading.decode import decode
from service.reading.ink import find_digit
from service.reading.normalise import normalise
from service.reading.picture import Page
from service.reading.sheet import Sheet, find_sheet, is_roomy
from service.reading.types import Box, Grey, Predict, Prepared, Thresholds


@dataclass(frozen=True, slots=True)
class _Seen:
    """`digit`: what it is, by the model; None: none, or the model was not asked."""

    normalised: NDArray[np.uint8]
    box: Box
    digit: int | None
    digit_probability: float


def prepare_digit(picture: bytes | Grey, model: Predict, thresholds: Thresholds, max_pixels: int) -> Prepared:
    """Everything before the model's answer.

    The model is asked where the picture does not tell what is paper, and where it is so large that its paper may lie on a table.
    Raises `PictureError`.
    """
    started = time.perf_counter()
    page = decode(picture, max_pixels)
    decoded = time.perf_counter()
    roomy = is_roomy(page)
    seen = _likeliest(page, model, thresholds, ask=roomy)
    if roomy and (seen is None or seen.digit in (None, 1)):  # a mere stroke may be a sheet's edge
        sheet = find_sheet(picture, page, max_pixels)
        if sheet is not None:
            seen = _with_sheet(seen, _likeliest(sheet.page, model, thresholds, ask=True), sheet)
    seconds = time.perf_counter() - decoded
    if seen is None:
        return Prepared(None, None, decoded - started, seconds)
    return Prepared(seen.normalised, seen.box, decoded - started, seconds)


def _with_sheet(whole: _Seen | None, on_sheet: _Seen | None, sheet: Sheet) -> _Seen | None:
    """Which is likelier a digit, what is seen in the whole picture or what is on the sheet; a stroke beside that is none."""
    both = [each for each in (whole, on_sheet) if each is not None]
    inner = [each for each in both if each.digit != 1 or sheet.holds(each.box) or sheet.is_in(each.box)]
    return max(inner, key=lambda each: each.digit_probability, default=None)


def _likeliest(page: Page, model: Predict, thresholds: Thresholds, *, ask: bool) -> _Seen | None:
    """The digit in a picture; the model is asked where there are several to choose from, or where `ask` says so."""
    found = find_digit(page.grey)
    if not found:
        return None
    pictures = np.stack([normalise(each.ink) for each in found])
    best, digit, sure = 0, None, 1.0
    if ask or len(found) > 1:
        probabilities, likely = model(pictures)
        best = int(likely.argmax())
        sure = float(likely[best])
        digit = int(probabilities[best].argmax()) if sure >= thresholds.digit_probability else None
    return _Seen(pictures[best], page.full_size_box(found[best].box), digit, sure)
