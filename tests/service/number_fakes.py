"""Numbers that are read without the real algorithm: what is parted by empty rows and columns is a digit.

With it the tests of HTTP, queue and command line depend on nothing but what passes between them and `Reader`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.__main__ import main
from service.reading.decode import decode
from service.reading.normalise import normalise
from service.reading.reader import Reader
from service.reading.texts import SecondOpinions
from service.reading.types import Box, Candidate, Grey, Line, NumberDigit, NumberExplanation, NumberReading, Status
from tests.service.fakes import BLANK, FakeModel, one, png, zero


@dataclass(frozen=True, slots=True)
class FakePage:
    """`rows`: the boxes of each line's digits, in the order of `questions`; `answers` to these.

    No line needs a further look, no digit is doubtful, and no page may be a sheet on a table.
    """

    questions: NDArray[np.uint8]
    rows: tuple[tuple[Box, ...], ...]
    ink: NDArray[np.uint8]
    answers: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 1, 11), np.float32))
    doubtful: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 28, 28), np.uint8))
    decode_seconds: float = 0.001
    ink_seconds: float = 0.002
    doubted: bool = False


def prepare_number(reader: Reader, picture: bytes | Grey) -> FakePage:
    grey = decode(picture, reader._max_pixels).grey
    ink = (255 - grey if grey.mean() > 127 else grey).astype(np.uint8)
    rows = []
    for top, bottom in runs(np.asarray((ink > 100).any(axis=1))):
        columns = runs(np.asarray((ink[top:bottom] > 100).any(axis=0)))
        rows.append(tuple(Box(left, top, right - left, bottom - top) for left, right in columns))
    pieces = [normalise(ink[b.y : b.y + b.height, b.x : b.x + b.width]) for row in rows for b in row]
    return FakePage(np.stack(pieces) if pieces else np.zeros((0, 28, 28), np.uint8), tuple(rows), ink)


def first_look(reader: Reader, page: FakePage, answers: NDArray[np.float32]) -> FakePage:
    return replace(page, questions=page.questions[:0], answers=answers)


def name_lines(reader: Reader, page: FakePage, answers: NDArray[np.float32]) -> FakePage:
    assert not len(answers)
    return page


def conclude_number(
    reader: Reader,
    page: FakePage,
    opinions: SecondOpinions,
    *,
    explain: bool,
) -> NumberReading:
    at = 0
    lines, candidates = [], []
    answers = page.answers
    named = np.exp(answers[:, 0]) if len(answers) else np.zeros((0, 11))
    digit_probability = 1 - named[:, 10]
    probabilities = named[:, :10] / digit_probability[:, None]
    for row in page.rows:
        digits = []
        for box in row:
            best, whole = int(probabilities[at].argmax()), float(digit_probability[at])
            confidence = float(probabilities[at, best])
            candidates.append(Candidate(box, best, confidence, whole, whole >= 0.5))
            if whole >= 0.5:
                digits.append(NumberDigit(best, confidence, tuple(probabilities[at].tolist()), box))
            at += 1
        if digits:
            text = "".join(str(digit.digit) for digit in digits)
            confidence = float(np.prod([digit.confidence for digit in digits]))
            lines.append(Line(text, confidence, digits[0].box, tuple(digits)))
    status: Status = "ok" if lines else "not_a_digit" if page.rows else "blank"
    return NumberReading(
        status=status,
        text="\n".join(line.text for line in lines),
        lines=tuple(lines),
        confidence=float(np.prod([line.confidence for line in lines])) if lines else 0.0,
        explanation=NumberExplanation(png(Image.fromarray(page.ink)), tuple(candidates)) if explain else None,
        decode_seconds=page.decode_seconds,
        ink_seconds=page.ink_seconds,
        model_seconds=0.0,
    )


def fake_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every `Reader` read numbers so."""
    fakes: dict[str, Any] = {
        "prepare_number": prepare_number,
        "first_look": first_look,
        "name_lines": name_lines,
        "conclude_number": conclude_number,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(Reader, name, fake, raising=False)


def page(*lines: str) -> bytes:
    """A picture of lines of bars and rings: the fake model reads ones and zeros."""
    glyphs = {"1": one(), "0": zero()}
    image = Image.new("L", (64 * max(map(len, lines)), 64 * len(lines)), 255)
    for row, line in enumerate(lines):
        for column, digit in enumerate(line):
            image.paste(glyphs[digit], (64 * column, 64 * row))
    return png(image)


TEXT = "1001101011"
NUMBER = page(TEXT)


def read(*words: str | Path) -> int:
    """`python -m service read …`, in this process; its exit status."""
    return main(["read", *map(str, words)])


ORDER = ["a.png", "b.png", "blank.png", "deep/c.png", "deep/deeper/bad.png", "deep/deeper/d.PNG"]
"""The pictures of `fill`, as a recursive reader should come to them."""


def fill(folder: Path) -> Path:
    """Puts pictures into the folder and two below it; `bad.png` among them is none. Returns `folder`."""
    pictures = {
        "b.png": page("10", "011"),
        "a.png": page("01"),
        "blank.png": BLANK,
        "notes.txt": b"no picture",
        "deep/c.png": page("1"),
        "deep/deeper/d.PNG": page("0"),
        "deep/deeper/bad.png": b"no picture",
    }
    for name, data in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


async def until_asked(model: FakeModel) -> None:
    """Waits until the model has a batch in hand."""
    async with asyncio.timeout(5):
        while not model.batches:
            await asyncio.sleep(0.001)


def runs(filled: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where what is filled begins, and where it has ended."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
