"""The first look at a page's lines, and further ones, at other sizes, at those that it leaves in doubt.

What the several looks say is taken together: D. Ciresan, U. Meier, J. Schmidhuber, "Multi-column deep neural networks for image
classification" (CVPR 2012), of one network here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.reading.ctc import Text, best_text, text_of_looks
from service.reading.lines import Strip
from service.reading.numbers import PreparedNumber
from service.reading.tiles import HEIGHT, TILE, LinePicture, joined, line_picture, tiles
from service.reading.types import Thresholds

_SIZES = (0.85, 0.92, 1.09, 1.18)  # of the digits' height: what a line is taken for in further looks
_SURE = 0.98  # a digit, on average: a line that is surer is not looked at again
_HOPELESS = 0.4  # the same of a line that is none of digits
_MOST_TILES = 64  # of further looks at a page, the least sure lines first
_FEW = 3  # digits
_DOUBTED, _LIKELY = (
    0.9,
    0.8,
)  # a digit, on average: a page with a line less sure is doubted; from which on a line speaks for it


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
    """`questions` uint8 `[N, 32, TILE]`: the tiles of the further looks at all `lines`, one after the other."""

    prepared: PreparedNumber
    lines: tuple[SeenLine, ...]
    questions: NDArray[np.uint8]

    @property
    def doubted(self) -> bool:
        """Whether the page may be a sheet on a table: an outline is seen, or little is read, or something that is not sure."""
        said = [line.text for line in self.lines if line.text.certainty >= _HOPELESS]
        few = sum(len(text.digits) for text in said) <= _FEW
        return self.prepared.outlined or few or min(text.certainty for text in said) < _DOUBTED

    def likelier(self, other: SeenPage) -> SeenPage:
        """Of two ways to see a picture the one with more digits that are sure, and fewer that are not."""
        return other if other._worth() > self._worth() else self

    def _worth(self) -> float:
        texts = [line.text for line in self.lines if line.text.certainty >= _HOPELESS]
        return sum(len(text.digits) * (text.certainty - _LIKELY) for text in texts)


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
    shown = [tiles(picture) for line in lines for picture in line.further]
    return SeenPage(prepared, tuple(lines), np.concatenate([np.zeros((0, HEIGHT, TILE), np.uint8), *shown]))


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
