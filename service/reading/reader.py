"""The one way from a picture to a reading. HTTP, the command line and the golden check all go through `Reader`."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.errors import NoNumbers
from service.reading import crosscheck, png
from service.reading.clean import find_clean
from service.reading.digits import prepare_digit
from service.reading.explain import SALIENCY_QUESTIONS, explanation, occlusions
from service.reading.glance import glance, glanced
from service.reading.ink import ROOMY
from service.reading.looks import SeenPage, first_look
from service.reading.numbers import PreparedNumber, prepare_number, prepare_sheet, prepare_turned
from service.reading.steps import Doubtful, Questions, Steps, step
from service.reading.texts import NamedPage, SecondOpinions, conclude_number, name_lines
from service.reading.tiles import CLASSES, STEP
from service.reading.types import (
    DigitReading,
    Grey,
    NameColumns,
    NumberReading,
    Prepared,
    Signatures,
    Status,
    Thresholds,
)

MAX_PIXELS = 50_000_000
_AT_ONCE = 8  # tiles of lines that the model is asked about at once


class Reader:
    """Reads pictures with one version of the model. Holds no state between readings; safe to share between threads."""

    def __init__(self, model: Signatures, thresholds: Thresholds, *, max_pixels: int = MAX_PIXELS) -> None:
        self._model = model
        self._thresholds = thresholds
        self._max_pixels = max_pixels
        cv2.setNumThreads(1)  # pictures are read side by side; threads within one would only get in each other's way

    def digit(self, picture: bytes | Grey, *, explain: bool = False) -> DigitReading:
        """Reads one picture, an encoded file or a grey array. Raises `PictureError` when it cannot be decoded."""
        return self.conclude([self.prepare(picture)], [explain])[0]

    def prepare(self, picture: bytes | Grey) -> Prepared:
        """Everything before the model, which is asked only where the picture does not tell what is paper. Raises `PictureError`."""
        return prepare_digit(picture, self._model.digits, self._thresholds, self._max_pixels)

    def prepare_clean(self, pictures: Sequence[bytes | Grey]) -> list[Prepared | None]:
        """The same of those pictures that are clean small drawings, at once, which saves most of the time; None for all others."""
        started = time.perf_counter()
        plain = iter(png.plain_many([picture for picture in pictures if isinstance(picture, bytes)], ROOMY - 1))
        decodable = (next(plain) if isinstance(picture, bytes) else picture for picture in pictures)
        greys = [None if grey is None or grey.size > self._max_pixels else grey for grey in decodable]
        decoded = time.perf_counter()
        found = iter(find_clean([grey for grey in greys if grey is not None]))
        clean = [None if grey is None else next(found) for grey in greys]
        done = time.perf_counter()
        count = max(1, len(pictures))
        decode_seconds, ink_seconds = (decoded - started) / count, (done - decoded) / count
        return [None if each is None else Prepared(*each, decode_seconds, ink_seconds) for each in clean]

    def conclude(self, prepared: Sequence[Prepared], explain: Sequence[bool]) -> list[DigitReading]:
        """The model and everything after it, in one batch; `explain` says for each picture whether to explain it."""
        started = time.perf_counter()
        shown = [item.normalised for item in prepared if item.normalised is not None]
        hidden = [
            occlusions(item.normalised)
            for item, wanted in zip(prepared, explain, strict=True)
            if wanted and item.normalised is not None
        ]
        if shown:
            pictures = np.stack(shown)
            seen, whole = self._model.digits(np.concatenate([pictures, *hidden]))
            probabilities, digit_probability = self._crosschecked(pictures, seen[: len(shown)], whole[: len(shown)])
        seconds = time.perf_counter() - started

        readings = []
        at, beyond = 0, len(shown)
        for item, wanted in zip(prepared, explain, strict=True):
            if item.normalised is None:
                readings.append(_blank(item, seconds))
                continue
            reading = self._judge(item, probabilities[at], float(digit_probability[at]), seconds)
            if wanted:
                without = seen[beyond : beyond + SALIENCY_QUESTIONS]
                reading = replace(reading, explanation=explanation(item.normalised, seen[at], without))
                beyond += SALIENCY_QUESTIONS
            at += 1
            readings.append(reading)
        return readings

    def _crosschecked(
        self, pictures: NDArray[np.uint8], probabilities: NDArray[np.float32], digit_probability: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The model's answers to the pictures; to those in doubt with what its reader of lines says of them, if it has one."""
        doubted = crosscheck.in_doubt(probabilities, digit_probability)
        if self._model.lines is None or not len(doubted):
            return probabilities, digit_probability
        lines = crosscheck.as_lines(pictures[doubted])
        named = np.concatenate([self._model.lines(lines[k : k + _AT_ONCE]) for k in range(0, len(lines), _AT_ONCE)])
        probabilities, digit_probability = probabilities.copy(), digit_probability.copy()
        probabilities[doubted], digit_probability[doubted] = crosscheck.weighed(
            probabilities[doubted], digit_probability[doubted], named
        )
        return probabilities, digit_probability

    def _judge(
        self, item: Prepared, probabilities: NDArray[np.float32], digit_probability: float, seconds: float
    ) -> DigitReading:
        digit: int | None = int(probabilities.argmax())
        confidence = float(probabilities[digit])
        status: Status = "ok" if confidence >= self._thresholds.confidence else "uncertain"
        if digit_probability < self._thresholds.digit_probability:
            status, digit, confidence = "not_a_digit", None, 0.0
        return DigitReading(
            status=status,
            digit=digit,
            confidence=confidence,
            probabilities=tuple(probabilities.tolist()),
            digit_probability=digit_probability,
            box=item.box,
            explanation=None,
            decode_seconds=item.decode_seconds,
            ink_seconds=item.ink_seconds,
            model_seconds=seconds,
        )

    @property
    def reads_numbers(self) -> bool:
        """Whether the model has been taught to read lines."""
        return self._model.lines is not None

    def lines(self) -> NameColumns:
        """What the model says of lines. Raises `NoNumbers` where it has not been taught to read them."""
        if self._model.lines is None:
            raise NoNumbers("This version of the model reads single digits only.")
        return self._model.lines

    def number(self, picture: bytes | Grey, *, explain: bool = False) -> NumberReading:
        """Reads a page of digits, an encoded file or a grey array. Raises `PictureError`, or `NoNumbers` as `name_columns`."""
        steps = self.number_steps(picture, self.prepare_number(picture), explain=explain)
        seconds = 0.0
        asked = step(steps)
        while not isinstance(asked, NumberReading):
            started = time.perf_counter()
            answer = (
                self._name_all(asked.tiles) if isinstance(asked, Questions) else self.second_opinions(asked.pictures)
            )
            seconds += time.perf_counter() - started
            asked = step(steps, answer)
        return replace(asked, model_seconds=seconds)

    def number_steps(self, picture: bytes | Grey, prepared: PreparedNumber, *, explain: bool) -> Steps:
        """What is done with a picture that has been prepared, in steps, between which the model is asked. Raises `PictureError`.

        `Questions` are to be answered as `name_columns` does, `Doubtful` as `second_opinions`. How long that takes the reading
        does not tell.
        """
        seen = yield from self._likeliest(picture, prepared)
        named = self.name_lines(seen, (yield from self._named(seen.questions)))
        doubtful = named.doubtful
        opinions = (yield Doubtful(doubtful)) if len(doubtful) else self.second_opinions(doubtful)
        return self.conclude_number(named, opinions, explain=explain)

    def prepare_number(self, picture: bytes | Grey) -> PreparedNumber:
        """Everything before the model, which is to be asked about `glance`, then its `questions`. Raises `PictureError`."""
        return prepare_number(picture, self._max_pixels)

    def prepare_sheet(self, picture: bytes | Grey, whole: PreparedNumber) -> PreparedNumber | None:
        """The same of the sheet alone that the picture shows, for where its first look is doubted; None: it shows none."""
        return prepare_sheet(picture, whole, self._max_pixels)

    def prepare_turned(self, prepared: PreparedNumber, quarters: int) -> PreparedNumber:
        """The same of a page that has been prepared, turned to the left by so many quarters of a whole turn."""
        return prepare_turned(prepared, quarters)

    def glanced(self, prepared: PreparedNumber, answers: NDArray[np.float32]) -> PreparedNumber:
        """The page by the model's `answers` to `glance`: without lines and questions, where it is a texture."""
        return glanced(prepared, answers, self._thresholds)

    def name_columns(self, questions: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model's answers to uint8 `[N, 32, W]`, any N: float32 `[N, W / 2, 11]`. Raises `NoNumbers`."""
        name = self.lines()
        return name(questions) if len(questions) else np.zeros((0, questions.shape[2] // STEP, CLASSES), np.float32)

    def first_look(self, prepared: PreparedNumber, answers: NDArray[np.float32]) -> SeenPage:
        """The page by the model's `answers` to its `questions`; it has more of them, to be asked next."""
        return first_look(prepared, answers, self._thresholds)

    def name_lines(self, page: SeenPage, answers: NDArray[np.float32]) -> NamedPage:
        """What the page says by the answers to its further `questions`, and which digits are to be looked at by themselves."""
        return name_lines(page, answers, self._thresholds)

    def second_opinions(self, doubtful: NDArray[np.uint8]) -> SecondOpinions:
        """The model's of digits that are shown by themselves: uint8 `[M, 28, 28]`, any M."""
        if not len(doubtful):
            return SecondOpinions(np.zeros((0, 10), np.float32), np.zeros(0, np.float32))
        return SecondOpinions(*self._model.digits(doubtful))

    def _likeliest(self, picture: bytes | Grey, prepared: PreparedNumber) -> Generator[Questions, Any, SeenPage]:
        """The first look at the page, or at the sheet that it shows, or at either turned, whichever is the likeliest."""
        seen = yield from self._seen(prepared)
        if not seen.doubted:
            return seen
        sheet = self.prepare_sheet(picture, prepared)
        if sheet is not None:
            seen = seen.likelier((yield from self._seen(sheet)))
        best = seen
        for whole in (seen.prepared,) if sheet is None or sheet is seen.prepared else (prepared, sheet):
            for quarters in seen.quarters(whole):
                turned = yield from self._seen(self.prepare_turned(whole, quarters))
                best = seen.unless_turned(best, turned)
        return best

    def _seen(self, prepared: PreparedNumber) -> Generator[Questions, Any, SeenPage]:
        """The first look at a page."""
        glimpsed = glance(prepared)
        if len(glimpsed):
            prepared = self.glanced(prepared, (yield Questions(glimpsed)))
        return self.first_look(prepared, (yield from self._named(prepared.questions)))

    def _named(self, tiles: NDArray[np.uint8]) -> Generator[Questions, Any, NDArray[np.float32]]:
        """What the model says of the tiles, which may be none."""
        return (yield Questions(tiles)) if len(tiles) else self.name_columns(tiles)

    def _name_all(self, questions: NDArray[np.uint8]) -> NDArray[np.float32]:
        starts = range(0, len(questions), _AT_ONCE)
        return np.concatenate([self.name_columns(questions[at : at + _AT_ONCE]) for at in starts])

    def conclude_number(self, named: NamedPage, opinions: SecondOpinions, *, explain: bool) -> NumberReading:
        """Everything after the model: `opinions` are its of the `doubtful` digits."""
        return conclude_number(named, opinions, self._thresholds, explain=explain)


def _blank(item: Prepared, seconds: float) -> DigitReading:
    return DigitReading("blank", None, 0.0, None, None, None, None, item.decode_seconds, item.ink_seconds, seconds)
