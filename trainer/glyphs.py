"""Letters and signs that are no digits, from fonts that come as packages: stroke fonts by our pens, outline fonts as printed.

Those that a person could take for a digit are left out: o, O, l, I, S, Z, B, g, q and their like in other scripts.
"""

from __future__ import annotations

import string
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.canvas import to_canvas
from trainer.pens import Stroke, drawn, pose, smooth

_LETTERS = "".join(c for c in string.ascii_letters if c not in "oOlISZBgqbzsiDQGyj")
_SYMBOLS = "#$%&*+<=>?@[]^{}~"
_JAPANESE_LOOKALIKES = (44, 47, 60, 61, 62, 63, 66, 82, 83, 106, 109, 111, 169, 172, 188, 190, 194)
_STROKE_FONTS = {  # the Hershey fonts: font → characters, by the font's own codes
    "futural": _LETTERS + _SYMBOLS,
    "scripts": _LETTERS,
    "timesr": _LETTERS,
    "gothiceng": _LETTERS,
    "greek": "".join(c for c in string.ascii_letters if c not in "OoIiBZJNvl"),
    "japanese": "".join(chr(c) for c in range(35, 225) if c not in _JAPANESE_LOOKALIKES),
    "symbolic": "3456789:;<=?@ABCDEFGHIJKLMNPQRTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
    "mathlow": "!\"#$%:;=@[]^_`{}",
    "astrology": "!#$%&*+-:;<=>?@[]^_`{}~",
    "music": "#$%&*+-.:;<=?@",
    "markers": "BCDEFGHIJKLMNOP",
}  # fmt: skip
_OUTLINE_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono-Oblique", "STIXGeneralItalic")
_RANGES = (
    (0x0391, 0x03C9, "ΒΖΙΟΝνικοςσδ"),  # Greek
    (0x0410, 0x044F, "ЗОБЧзобчьЬЪъгЛл"),  # Cyrillic
    (0x2190, 0x21FF, ""),  # arrows
    (0x2200, 0x22FF, "∅∘∙∣∤∥∦⋅−∕∖⊘⊖⊙⊚"),  # operators
    (0x25A0, 0x25FF, "○●◯◌◍◦◎"),  # shapes
    (0x2701, 0x2767, "❍❘❙❚"),  # ornaments
)


def drawn_glyph(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A letter or sign by hand, uint8 `[28, 28]`: a stroke font's skeleton bent, slanted, turned and inked."""
    fonts = _stroke_fonts()
    strokes = fonts[int(rng.integers(len(fonts)))]
    bent = _bent(strokes[int(rng.integers(len(strokes)))], rng)
    return drawn(pose(bent, rng.uniform(0.65, 1.3), rng.normal(0.05, 0.15), rng.normal(0, 0.1)), rng, (2.5, 8.0))


def invented_glyph(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A sign of no script, uint8 `[28, 28]`: two to five lines, hooks, bows and rings between the knots of a grid.

    The world has more letters than any font; what they share is that they are made of a few such strokes.
    """
    strokes = []
    count = int(rng.choice([2, 3, 4, 5], p=[0.2, 0.4, 0.3, 0.1]))
    for _ in range(count):
        kind = rng.uniform(0.15 if count == 2 else 0.0, 1.0)  # a ring with one line more would be a 6, a 9 or a Q
        if kind < 0.15:
            turn = np.linspace(0, 2 * np.pi, 14) + rng.uniform(0, 6.3)
            ring = np.stack([np.cos(turn), np.sin(turn)], 1) * rng.uniform(0.1, 0.3) * rng.uniform(0.7, 1.3, 2)
            strokes.append(ring + rng.uniform(0.2, 0.8, 2))
            continue
        knots = _knots(rng, 2 if kind < 0.6 else 3 if kind < 0.92 else 4)
        strokes.append(smooth(knots) if kind < 0.6 or rng.random() < 0.4 else _dense(knots))
    return drawn(pose(_bent(strokes, rng), rng.uniform(0.6, 1.3), rng.normal(0, 0.12), 0.0), rng, (2.5, 8.0))


def _knots(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """`count` places on a grid of three by four, each a little off; the way between two is mostly level or upright."""
    at = rng.integers(0, (3, 4))
    places = [at]
    while len(places) < count:
        step = rng.integers(0, (3, 4))
        straight = rng.random()
        if straight < 0.75:
            step[int(straight < 0.37)] = at[int(straight < 0.37)]
        if (step != at).any():
            places.append(at := step)
    return np.array(places) / (2, 3) + rng.normal(0, 0.04, (count, 2))


def printed_glyph(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A letter or sign as printed, uint8 `[28, 28]`, in several scripts and faces."""
    return _printed(_character(rng), rng)


def print_digits(labels: NDArray[np.int64], seed: list[int]) -> NDArray[np.uint8]:
    """One printed digit per label, in the artifact's input contract: uint8 `[N, 28, 28]`."""
    rng = np.random.default_rng(seed)
    return np.stack([_printed(str(int(label)), rng) for label in labels])


def _printed(character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    lean = np.array([[1.0, rng.normal(0, 0.12), 0.0], [rng.normal(0, 0.06), 1.0, 0.0]])
    name = _OUTLINE_FONTS[int(rng.integers(len(_OUTLINE_FONTS)))]
    picture = _set(character, name)
    if not picture.any():  # some fonts leave a gap for what they do not have
        picture = _set(character, _OUTLINE_FONTS[0])
    return to_canvas(np.asarray(cv2.warpAffine(picture, lean, (112, 112)), np.uint8))


def _set(character: str, font: str) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    picture = Image.new("L", (96, 96))
    ImageDraw.Draw(picture).text((20, 10), character, 255, font=_outline_font(font))
    return np.asarray(picture)


def _character(rng: np.random.Generator) -> str:
    if rng.random() < 0.4:
        return _LETTERS[int(rng.integers(len(_LETTERS)))]
    first, last, left_out = _RANGES[int(rng.integers(len(_RANGES)))]
    while (character := chr(int(rng.integers(first, last + 1)))) in left_out:
        pass
    return character


def _bent(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """The strokes moved by a smooth random field: a hand does not draw straight."""
    amount = rng.uniform(0.0, 0.045, 2)
    waves, phase = rng.normal(0, 2.5, (2, 2)), rng.uniform(0, 6.3, 2)
    return [s + amount * np.sin(s @ waves + phase) + rng.normal(0, 0.012, 2) for s in strokes]


@cache
def _stroke_fonts() -> list[list[list[Stroke]]]:
    """font → glyph → strokes in a unit square, their points no further apart than a tenth."""
    from HersheyFonts import HersheyFonts

    reader: Any = HersheyFonts()
    fonts = []
    for name, characters in _STROKE_FONTS.items():
        reader.load_default_font(name)
        glyphs: dict[str, Any] = reader.all_glyphs
        strokes = (
            [np.array(s, np.float64) for s in glyphs[c].strokes if len(s) > 1] for c in characters if c in glyphs
        )
        fonts.append([_in_unit_square(glyph) for glyph in strokes if glyph])
    return fonts


def _in_unit_square(strokes: list[Stroke]) -> list[Stroke]:
    every = np.concatenate(strokes)
    low, size = every.min(0), max(float(np.ptp(every, axis=0).max()), 1.0)
    return [_dense((stroke - low) / size) for stroke in strokes]


def _dense(line: Stroke) -> Stroke:
    pieces = [line[:1]]
    for a, b in pairwise(line):
        steps = max(1, int(np.ceil(np.abs(b - a).max() / 0.1)))
        pieces.append(a + (b - a) * (np.arange(1, steps + 1) / steps)[:, None])
    return np.concatenate(pieces)


@cache
def _outline_font(name: str) -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", 48)
