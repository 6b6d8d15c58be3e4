"""The first look at a page's lines, and further ones, at other sizes, at those that it leaves in doubt.

What the several looks say is taken together: D. Ciresan, U. Meier, J. Schmidhuber, "Multi-column deep neural networks for image
classification" (CVPR 2012), of one network here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.reading.components import components
from service.reading.ctc import Text, best_text, text_of_looks
from service.reading.lines import Strip
from service.reading.numbers import PreparedNumber
from service.reading.places import Area, box_of
from service.reading.sheet import Sheet
from service.reading.tiles import HEIGHT, TILE, LinePicture, joined, line_picture, tiles
from service.reading.types import Thresholds

_SIZES = (0.85, 0.92, 1.09, 1.18)  # of the digits' height: what a line is taken for in further looks
_SURE = 0.98  # a digit, on average: a line that is surer is not looked at again
_HOPELESS = 0.4  # the same of a line that is none of digits
_MOST_TILES = 64  # of further looks at a page, the least sure lines first; one of more is not turned
_FEW, _SHORT = 3, 2  # digits: so few of a page may be chance, so few ones of a line may be a mere stroke
_DOUBTED = 0.9  # a digit, on average: a page with a line less sure may be a sheet on a table
_LIKELY = 0.8  # the same, from which on a line speaks for what it is seen in
_IN_LINE = 2.5  # digits, on average: with no more a page may lie on its side
_SAID = 0.6  # the same, from which on it says something
_TURNED, _UPSIDE_DOWN = 0.2, 0.5  # so much more must a page be worth on its side, or upside down, to be taken for that
_LONG = 1.35  # times as high as the line's digits: a one is not
_AS_GOOD = 0.95  # of what the whole picture's lines are worth: from there on those of what is surely a sheet are taken


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line, `named` float32 `[columns, 11]` at the first look, the `text` of that, and the pictures of further looks."""

    strip: Strip
    picture: LinePicture
    named: NDArray[np.float32]
    text: Text
    further: tuple[LinePicture, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A page's lines after the first look."""

    prepared: PreparedNumber
    lines: tuple[SeenLine, ...]

    @property
    def questions(self) -> NDArray[np.uint8]:
        """The tiles of the further looks at all lines, one after the other: uint8 `[N, 32, TILE]`."""
        shown = [tiles(picture) for line in self.lines for picture in line.further]
        return np.concatenate([np.zeros((0, HEIGHT, TILE), np.uint8), *shown])

    @property
    def doubted(self) -> bool:
        """Whether the page may be a sheet on a table.

        An outline is seen, or little is read, or something that is not sure, may be a mere stroke, or is none of digits.
        """
        said = [line for line in self.lines if line.text.certainty >= _HOPELESS]
        little = sum(len(line.text.digits) for line in said) <= _FEW or len(said) < len(self.lines)
        unsure = any(line.text.certainty < _DOUBTED or _may_be_stroke(line.text) or _ends_long(line) for line in said)
        return self.prepared.outlined or little or unsure

    def likelier(self, on_sheet: SeenPage) -> SeenPage:
        """The page, or the sheet in it, whichever has more digits that are sure, and fewer that are not.

        Ones that are not on the sheet count for nothing: they are bits of its outline, or pens.
        """
        sheet = on_sheet.prepared.sheet
        if sheet is None:
            return self
        own, other = _worth(self, sheet), _worth(on_sheet, sheet)
        if other > (_AS_GOOD if sheet.sure else 1.0) * own or (
            not own and any(_is_bit(self, line, sheet) for line in self.lines)
        ):
            return on_sheet._without_bits(sheet)
        return self

    def quarters(self, whole: PreparedNumber) -> tuple[int, ...]:
        """By how many quarters of a whole turn to the left the page, or the sheet in it, may have to be turned to be read.

        It may lie on its side where lines are several and short. A sheet may lie in any way, where it cannot be read surely as it
        is.
        """
        if not 0 < len(self.prepared.questions) <= _MOST_TILES:
            return ()
        if whole.sheet is not None:
            return (1, 3, 2) if any(line.text.certainty < _DOUBTED for line in self.lines) else ()
        digits = sum(len(line.text.digits) for line in self.lines)
        return (1, 3) if len(self.lines) > 1 and digits <= _IN_LINE * len(self.lines) else ()

    def unless_turned(self, best: SeenPage, turned: SeenPage) -> SeenPage:
        """The `best` so far, this page or one that is turned, or another `turned` one, where that is the likeliest by far."""
        upside_down, sheet = turned.prepared.quarters == 2, turned.prepared.sheet
        if not upside_down and _longest(turned) <= _SHORT:
            return best
        least = _worth(self, sheet) + (_UPSIDE_DOWN if upside_down else _TURNED)
        if best is not self:
            least = max(least, _worth(best, best.prepared.sheet))
        return turned._without_bits(sheet) if _worth(turned, sheet) > least else best

    def _without_bits(self, sheet: Sheet | None) -> SeenPage:
        if sheet is None:
            return self
        return replace(self, lines=tuple(line for line in self.lines if not _is_bit(self, line, sheet)))


def _may_be_stroke(text: Text) -> bool:
    """Whether it is no more than one or two ones."""
    return set(text.digits) <= {1} and len(text.digits) <= _SHORT


def _ends_long(line: SeenLine) -> bool:
    """Whether a one at an end of the line is longer than digits are."""
    text, strip = line.text, line.strip
    ends = [text.columns[place] for place in (0, -1) if text.digits[place] == 1]
    if not ends:
        return False
    x, _, w, h, _ = components(strip.mask)[1][1:].T
    return any(
        bool(((x <= at) & (at < x + w) & (h > _LONG * strip.height)).any()) for at in map(line.picture.to_strip, ends)
    )


def _counted(seen: SeenPage, line: SeenLine, sheet: Sheet) -> int:
    """How many digits of the line are no bits of the sheet's outline, nor pens beside it."""
    text, page = line.text, seen.prepared.page
    if _may_be_stroke(text):
        return len(text.digits) if sheet.holds(box_of(page, line.strip)) else 0
    middle = np.array([len(line.strip.mask) // 2])
    columns = [column for digit, column in zip(text.digits, text.columns, strict=True) if digit == 1]
    places = [Area(np.array([round(line.picture.to_strip(column))]), middle) for column in columns]
    return len(text.digits) - sum(not sheet.holds(box_of(page, line.strip, place)) for place in places)


def _is_bit(seen: SeenPage, line: SeenLine, sheet: Sheet) -> bool:
    return bool(line.text.digits) and not _counted(seen, line, sheet)


def _worth(seen: SeenPage, sheet: Sheet | None) -> float:
    lines = [line for line in seen.lines if line.text.certainty >= _HOPELESS]
    counts = [len(line.text.digits) if sheet is None else _counted(seen, line, sheet) for line in lines]
    return max(0.0, sum(count * (line.text.certainty - _LIKELY) for count, line in zip(counts, lines, strict=True)))


def _longest(seen: SeenPage) -> int:
    """How many digits its longest line has, of those that say something and are more than strokes."""
    texts = [line.text for line in seen.lines if line.text.certainty >= _SAID]
    return max((len(text.digits) for text in texts if set(text.digits) != {1}), default=0)


def first_look(prepared: PreparedNumber, answers: NDArray[np.float32], thresholds: Thresholds) -> SeenPage:
    """The lines by the model's answers to the page's questions: float32 `[N, TILE / 2, 11]`."""
    lines = []
    at = 0
    for strip, picture in prepared.lines:
        named = joined(picture, answers[at : at + picture.tiles])
        at += picture.tiles
        lines.append(SeenLine(strip, picture, named, best_text(named, thresholds.favour)))
    room = _MOST_TILES
    for row in sorted(range(len(lines)), key=lambda row: lines[row].text.certainty):
        line = lines[row]
        if not _HOPELESS <= line.text.certainty < _SURE:
            continue
        further = tuple(line_picture(replace(line.strip, height=size * line.strip.height)) for size in _SIZES)
        needed = sum(picture.tiles for picture in further)
        if needed <= room:
            room -= needed
            lines[row] = replace(line, further=further)
    return SeenPage(prepared, tuple(lines))


def all_looks(page: SeenPage, answers: NDArray[np.float32], thresholds: Thresholds) -> list[SeenLine]:
    """The lines with the texts that all looks together make the most probable, by the answers to the further questions."""
    lines = []
    at = 0
    for line in page.lines:
        looks = [line.named]
        for picture in line.further:
            looks.append(joined(picture, answers[at : at + picture.tiles]))
            at += picture.tiles
        lines.append(replace(line, text=text_of_looks(looks, thresholds.favour)) if line.further else line)
    return lines
