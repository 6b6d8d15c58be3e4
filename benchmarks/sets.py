"""Labelled pictures: folders of `images/` with a `labels.csv`, and MNIST's test set in several renderings and corruptions."""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.corruptions import KINDS, corrupt

MNIST = "MNIST test"


class UnknownGroup(Exception):
    """What is to be left out is not there."""


@dataclass(frozen=True)
class Sample:
    """One encoded picture; `label` is None where the picture shows no single digit."""

    picture: bytes
    label: int | None


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


def mnist_test(root: Path) -> Iterator[tuple[str, list[Sample]]]:
    """MNIST's test set as PNG: as it is, and enlarged ×7, dark on light, as a drawing program would save it."""
    images, labels = _idx(root / "t10k-images-idx3-ubyte"), _idx(root / "t10k-labels-idx1-ubyte")
    yield MNIST, [Sample(_png(i), int(n)) for i, n in zip(images, labels, strict=True)]
    large = (255 - cv2.resize(i, None, fx=7, fy=7, interpolation=cv2.INTER_CUBIC) for i in images)
    yield (
        "MNIST test, ×7, dark on light",
        [Sample(_png(np.asarray(i, np.uint8)), int(n)) for i, n in zip(large, labels, strict=True)],
    )


def mnist_corrupted(root: Path) -> Iterator[tuple[str, list[Sample]]]:
    """MNIST's test set as PNG of 28×28 under each of the fifteen corruptions, by its name."""
    images, labels = _idx(root / "t10k-images-idx3-ubyte"), _idx(root / "t10k-labels-idx1-ubyte")
    for kind in KINDS:
        yield kind, [Sample(_png(i), int(n)) for i, n in zip(corrupt(images, kind, 0), labels, strict=True)]


def _png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def _idx(path: Path) -> NDArray[np.uint8]:
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    dimensions = data[3]
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
