"""A model that needs no TensorFlow, the artifacts that it comes in, and pictures for it. Also a server of it, to be run."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from service.errors import ArtifactRefused
from service.reading.reader import Reader
from service.reading.types import Grey, Prepared, Signatures, Thresholds

FloatArray = NDArray[np.float32]


class FakeModel:
    """Tells the digit by the ink's width and height: a bar is a 1, anything else a 0. Very little ink is no digit."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.whole = 0.95  # its digit_probability of what is not very little ink
        self.error: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, images: NDArray[np.uint8], /) -> tuple[FloatArray, FloatArray]:
        self.batches.append(len(images))
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        probabilities = np.full((len(images), 10), 0.001, np.float32)
        whole = np.zeros(len(images), np.float32)
        for index, image in enumerate(images):
            width = int((image.max(axis=0) > 100).sum())
            probabilities[index, 1 if width <= 8 else 0] = 0.991
            whole[index] = self.whole if (image > 100).sum() > 30 else 0.05
        return probabilities, whole

    def lines(self, questions: NDArray[np.uint8], /) -> FloatArray:
        """Of pieces of numbers as `number_fakes` makes them, 28×28, each column says what it says of the piece."""
        probabilities, whole = self(questions)
        named = np.concatenate([probabilities * whole[:, None], 1 - whole[:, None]], 1)
        return np.asarray(np.log(np.repeat(named[:, None], questions.shape[2] // 2, 1)), np.float32)

    @property
    def signatures(self) -> Signatures:
        """It, as `Reader` takes it."""
        return Signatures(self, self.lines)


def png(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def one(size: int = 64) -> Image.Image:
    """A bar, dark on light: the fake model reads 1."""
    image = Image.new("L", (size, size), 255)
    ImageDraw.Draw(image).line([(size // 2, size // 5), (size // 2, size * 4 // 5)], fill=0, width=max(2, size // 12))
    return image


def zero(size: int = 64) -> Image.Image:
    """A ring, dark on light: the fake model reads 0."""
    image = Image.new("L", (size, size), 255)
    box = (size // 4, size // 5, size * 3 // 4, size * 4 // 5)
    ImageDraw.Draw(image).ellipse(box, outline=0, width=max(2, size // 12))
    return image


def blank(size: int = 64) -> Image.Image:
    """Nothing but paper."""
    return Image.new("L", (size, size), 255)


ONE, ZERO, BLANK = png(one()), png(zero()), png(blank())


def manifest(version: int) -> dict[str, Any]:
    """What a trainer would write."""
    return {
        "schema_version": 1,
        "name": "digits",
        "version": version,
        "created": "2026-01-31T12:00:00Z",
        "source_commit": "unknown",
        "command": "python -m trainer train",
        "seed": 1,
        "libraries": {"python": "3.11.7"},
        "labels": list(range(10)),
        "input": {"canvas": 28, "box": 20, "centering": "mass", "ink": "bright"},
        "thresholds": {"confidence": 0.9, "digit_probability": 0.5},
        "parameters": 12,
        "training_data": [{"name": "mnist_train", "pictures": 55000, "sha256": "00"}],
        "metrics": [{"name": "mnist_test", "pictures": 10000, "sha256": "00", "accuracy": 0.5}],
    }


def reference() -> dict[str, Any]:
    """What a trainer would write of the answers to the validation pictures."""
    probabilities = {"edges": [0.5, 0.9, 0.98], "shares": [0.05, 0.05, 0.1, 0.8]}
    return {
        "data": [{"name": "mnist_validation", "pictures": 5000, "sha256": "00"}],
        "confidence": probabilities,
        "digit_probability": probabilities,
        "digit": {"edges": list(range(1, 10)), "shares": [0.1] * 10},
    }


def golden(model: FakeModel) -> dict[str, NDArray[Any]]:
    """Golden questions with the answers that `model` gives."""
    reader = Reader(model.signatures, Thresholds(0.9, 0.5))
    pictures = {"bar": ONE, "ring": ZERO, "nothing": BLANK}
    readings = [reader.digit(data) for data in pictures.values()]
    images = [reader.prepare(data).normalised for data in (ONE, ZERO)]
    asked = np.stack([image for image in images if image is not None])
    probabilities, digit_probability = model(asked)
    lines = np.zeros((2, 32, 64), np.uint8)
    lines[0, 6:26, 20:40] = 255
    return {
        "images": asked,
        "probabilities": probabilities,
        "digit_probability": digit_probability,
        "picture_bytes": np.frombuffer(b"".join(pictures.values()), np.uint8),
        "picture_offsets": np.cumsum([0, *map(len, pictures.values())], dtype=np.int64),
        "picture_name": np.array(list(pictures)),
        "picture_status": np.array([reading.status for reading in readings]),
        "picture_digit": np.array([-1 if r.digit is None else r.digit for r in readings], np.int8),
        "lines": lines,
        "line_probabilities": np.exp(model.lines(lines)),
        "number_bytes": np.zeros(0, np.uint8),
        "number_offsets": np.zeros(1, np.int64),
        "number_text": np.zeros(0, str),
    }


def publish(
    artifacts: Path, version: int, change: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None] = lambda m, g: None
) -> Path:
    """Writes a version that passes every check, unless `change` alters its manifest or its golden questions."""
    folder = artifacts / str(version)
    (folder / "report").mkdir(parents=True)
    about, questions = manifest(version), golden(FakeModel())
    change(about, questions)
    (folder / "saved_model.pb").write_bytes(b"no graph")
    (folder / "manifest.json").write_text(json.dumps(about))
    np.savez(folder / "golden.npz", **cast(Any, questions))
    (folder / "report" / "index.html").write_text("<!doctype html>")
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Writes SHA256SUMS anew."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files
    ]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def opener(model: FakeModel) -> Callable[[Path], Signatures]:
    """Opens every artifact as `model`, except one whose graph says that it is broken."""

    def open_model(folder: Path) -> Signatures:
        if (folder / "saved_model.pb").read_bytes() == b"broken":
            raise ArtifactRefused("saved_model.pb", "cannot be loaded (ValueError)")
        return model.signatures

    return open_model


class SlowModel(FakeModel):
    """Takes its time over callers' batches, though not over the questions that are asked while it is loaded."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def __call__(self, images: NDArray[np.uint8], /) -> tuple[FloatArray, FloatArray]:
        time.sleep(self._seconds if threading.current_thread().name.startswith("model-") else 0)
        return super().__call__(images)


def slow_decode(seconds: float) -> None:
    """Makes the decoding of large pictures take its time."""
    prepare = Reader.prepare

    def slow(reader: Reader, picture: bytes | Grey) -> Prepared:
        time.sleep(seconds if "decode" in threading.current_thread().name else 0)
        return prepare(reader, picture)

    Reader.prepare = slow  # type: ignore[method-assign, assignment]


if __name__ in ("__main__", "__mp_main__"):  # the latter: in a worker process
    import service.app

    slow_decode(float(sys.argv[2]))
    vars(service.app)["runtime"] = lambda settings: opener(SlowModel(float(sys.argv[1])))

if __name__ == "__main__":
    from service.__main__ import main

    sys.exit(main(["serve"]))
