"""Labelled pictures: folders of `images/` with a `labels.csv`, and MNIST's test set in several renderings."""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """One encoded picture; `label` is None where the picture shows no single digit."""

    picture: bytes
    label: int | None


def folder(path: Path) -> dict[str, list[Sample]]:
    """The set in `path` by name; where it holds digits and empty pictures, as two sets. Strings of digits are left out."""
    digits: list[Sample] = []
    empty: list[Sample] = []
    with (path / "labels.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            if len(row["label"]) > 1:
                continue
            sample = Sample((path / "images" / row["file"]).read_bytes(), int(row["label"]) if row["label"] else None)
            (empty if sample.label is None else digits).append(sample)
    if digits and empty:
        return {f"{path.name}, digits": digits, f"{path.name}, empty": empty}
    return {path.name: digits or empty} if digits or empty else {}


def folders(root: Path) -> Iterator[tuple[str, list[Sample]]]:
    """Every set below `root`, sorted by name."""
    for path in sorted(p.parent for p in root.glob("*/labels.csv")):
        yield from folder(path).items()


def mnist_test(root: Path) -> Iterator[tuple[str, list[Sample]]]:
    """MNIST's test set as PNG: as it is, and enlarged ×7, dark on light, as a drawing program would save it."""
    images, labels = _idx(root / "t10k-images-idx3-ubyte"), _idx(root / "t10k-labels-idx1-ubyte")
    yield "MNIST test", [Sample(_png(i), int(n)) for i, n in zip(images, labels, strict=True)]
    large = (255 - cv2.resize(i, None, fx=7, fy=7, interpolation=cv2.INTER_CUBIC) for i in images)
    yield (
        "MNIST test, ×7, dark on light",
        [Sample(_png(np.asarray(i, np.uint8)), int(n)) for i, n in zip(large, labels, strict=True)],
    )


def _png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def _idx(path: Path) -> NDArray[np.uint8]:
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    dimensions = data[3]
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
