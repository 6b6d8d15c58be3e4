"""Labelled pictures of single digits and of none: folders of `images/` with a `labels.csv`, and MNIST's test set in many forms."""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import harsh, scenes
from benchmarks.paper import Part, drawn_ground, photograph
from trainer.corruptions import KINDS, corrupt

MNIST = "MNIST test"
PAPER = "MNIST test on synthetic paper"
HARSH = "MNIST test, harsh photographs"
TABLE = "MNIST test, notes on a table"
_ONE_IN, _NOTE_ONE_IN = 4, 20  # of the test pictures, of which a harsh photograph is taken, and one of a note
_SCALES = (1.5, 8.0)  # times MNIST's own size: digits 30 to 160 pixels high
_SMALL, _BOX = 16, 20

Grey = NDArray[np.uint8]
T = TypeVar("T")


class UnknownGroup(Exception):
    """What is to be left out is not there."""


@dataclass(frozen=True)
class Sample:
    """One encoded picture, or what makes it; `label` is None where the picture shows no single digit; `kind`: see `kinds`."""

    picture: bytes | Callable[[], bytes]
    label: int | None
    kind: str = ""


class Picture(Protocol):
    """What `encoded` takes."""

    @property
    def picture(self) -> bytes | Callable[[], bytes]: ...
    @property
    def kind(self) -> str: ...


P = TypeVar("P", bound=Picture)


def encoded(sample: Picture) -> bytes:
    """The sample's picture; it is made now where it is not yet, so that a set need not lie in memory as a whole."""
    return sample.picture if isinstance(sample.picture, bytes) else sample.picture()


def kinds(name: str, samples: Sequence[P], answers: Sequence[T]) -> Iterator[tuple[str, list[P], list[T]]]:
    """The set with its answers, and then the part of each kind where the set has several."""
    yield name, list(samples), list(answers)
    found = sorted({sample.kind for sample in samples})
    for kind in found if len(found) > 1 else ():
        of_it = [pair for pair in zip(samples, answers, strict=True) if pair[0].kind == kind]
        yield f"{name}: {kind}", [sample for sample, _ in of_it], [answer for _, answer in of_it]


def chosen(count: int, limit: int | None) -> list[int]:
    """The places of `limit` of `count` pictures, drawn without replacement and always alike, in their order."""
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(int(i) for i in np.random.default_rng(0).choice(count, limit, replace=False))


def folder(path: Path, left_out: Collection[str] = ()) -> dict[str, list[Sample]]:
    """The set in `path` by name; where it holds digits and empty pictures, as two sets. Strings of digits are left out.

    So are the groups in `left_out`. Raises `UnknownGroup`: a name misspelt would leave it in.
    """
    groups: set[str] = set()
    digits: list[Sample] = []
    empty: list[Sample] = []
    with (path / "labels.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            groups.add(row["group"])
            if len(row["label"]) > 1 or row["group"] in left_out:
                continue
            sample = Sample((path / "images" / row["file"]).read_bytes(), int(row["label"]) if row["label"] else None)
            (empty if sample.label is None else digits).append(sample)
    if unknown := sorted(set(left_out) - groups):
        raise UnknownGroup(f"{path.name} has no group called {', '.join(unknown)}")
    if digits and empty:
        return {f"{path.name}, digits": digits, f"{path.name}, empty": empty}
    return {path.name: digits or empty} if digits or empty else {}


def folders(root: Path, left_out: Mapping[str, Collection[str]] | None = None) -> Iterator[tuple[str, list[Sample]]]:
    """Every set below `root`, sorted by name, without the groups in `left_out`, {folder's name: groups}."""
    left_out = left_out or {}
    paths = sorted(p.parent for p in root.glob("*/labels.csv"))
    if unknown := sorted(set(left_out) - {path.name for path in paths}):
        raise UnknownGroup(f"there is no set called {', '.join(unknown)}")
    for path in paths:
        yield from folder(path, left_out.get(path.name, ())).items()


def mnist_arrays(root: Path) -> tuple[Grey, Grey]:
    """MNIST's test set from its IDX files: uint8 `[N, 28, 28]`, ink bright on dark, and the labels, uint8 `[N]`."""
    return _idx(root / "t10k-images-idx3-ubyte"), _idx(root / "t10k-labels-idx1-ubyte")


def mnist_test(root: Path) -> Iterator[tuple[str, list[Sample]]]:
    """MNIST's test set as PNG: as it is, then in the forms in which digits come out of drawing programs, forms and scans, on
    synthetic paper, a fourth of it in harsh photographs, and a twentieth on notes on a table.
    """
    images, labels = mnist_arrays(root)
    forms: dict[str, Callable[[Grey], Grey]] = {
        MNIST: lambda image: image,
        "MNIST test, ×7, dark on light": _large,
        "MNIST test, cut to the ink": _cut,
        "MNIST test, 16 pixels": _tiny,
        "MNIST test, two grey levels": _two_levels,
    }
    for name, form in forms.items():
        yield name, [Sample(partial(_formed, form, i), int(n)) for i, n in zip(images, labels, strict=True)]
    yield PAPER, [_on_paper(image, int(labels[place]), place) for place, image in enumerate(images)]
    yield HARSH, [_harsh(images[place], int(labels[place]), place) for place in range(0, len(images), _ONE_IN)]
    notes = range(_NOTE_ONE_IN // 2, len(images), _NOTE_ONE_IN)
    yield TABLE, [_on_table(images[place], int(labels[place]), place) for place in notes]


def mnist_corrupted(root: Path) -> Iterator[tuple[str, list[Sample]]]:
    """MNIST's test set as PNG of 28×28 under each of the fifteen corruptions, by its name."""
    images, labels = mnist_arrays(root)
    for kind in KINDS:
        yield kind, [Sample(_png(i), int(n)) for i, n in zip(corrupt(images, kind, 0), labels, strict=True)]


def _formed(form: Callable[[Grey], Grey], image: Grey) -> bytes:
    return _png(form(image))


def _large(image: Grey) -> Grey:
    return np.asarray(255 - cv2.resize(image, None, fx=7, fy=7, interpolation=cv2.INTER_CUBIC), np.uint8)


def _cut(image: Grey) -> Grey:
    """To the ink's box, without a margin."""
    x, y, width, height = cv2.boundingRect(image)
    return image[y : y + height, x : x + width]


def _tiny(image: Grey) -> Grey:
    """The ink in a square of the 20 pixels that MNIST gives it, as a whole picture of 16×16."""
    ink = _cut(image)
    down, right = (max(0, _BOX - side) for side in ink.shape)
    square = np.pad(ink, ((down // 2, down - down // 2), (right // 2, right - right // 2)))
    return np.asarray(cv2.resize(square, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA), np.uint8)


def _two_levels(image: Grey) -> Grey:
    return np.where(image < 128, np.uint8(0), np.uint8(255))


def _on_paper(image: Grey, label: int, place: int) -> Sample:
    random = np.random.default_rng([3, place])
    ground, scale = drawn_ground(random), float(np.exp(random.uniform(*np.log(_SCALES))))

    def draw() -> bytes:
        return photograph([Part(image)], np.random.default_rng([4, place]), scale=scale, ground=ground).picture

    return Sample(draw, label, ground)


def _harsh(image: Grey, label: int, place: int) -> Sample:
    picture, kind = harsh.photograph(image, np.random.default_rng([8, place]))
    return Sample(_png(picture), label, kind)


def _on_table(image: Grey, label: int, place: int) -> Sample:
    random = np.random.default_rng([10, place])
    ground, scale, table = (
        drawn_ground(random),
        float(np.exp(random.uniform(*np.log(_SCALES)))),
        scenes.drawn_table(random),
    )

    def draw() -> bytes:
        random = np.random.default_rng([11, place])
        note = photograph([Part(image)], random, scale=scale, ground=ground, margin=scenes.MARGIN)
        return scenes.on_table(note.picture, random, table=table)

    return Sample(draw, label, table)


def _png(image: Grey) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def _idx(path: Path) -> Grey:
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    dimensions = data[3]
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
