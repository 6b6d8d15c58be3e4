"""MNIST, from the four canonical IDX files or through Keras, checked against the known checksums.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"; the IDX format is described there.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

VALIDATION_PICTURES = 5_000

# sha256 of the uncompressed IDX files: field → (file name, checksum).
KNOWN = {
    "train_images": ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train_labels": ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "test_images": ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "test_labels": ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
_UNSIGNED_BYTE = 0x08


@dataclass(frozen=True)
class Mnist:
    """Pictures uint8 `[N, 28, 28]`, ink bright on dark; labels int64 `[N]`; `sha256` by field name."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    sha256: dict[str, str]


def load_mnist(folder: Path | None, *, check: bool = True) -> Mnist:
    """The data set from `folder` (IDX files, gzipped or not), or through Keras' own cache and download where it is None.

    `check=False` takes any IDX files of the right shapes, so that the tests can train on digits of their own.
    Raises `DataError`.
    """
    fields: dict[str, bytes] = _from_keras() if folder is None else {f: _read(folder, KNOWN[f][0]) for f in KNOWN}
    sha256 = {field: hashlib.sha256(data).hexdigest() for field, data in fields.items()}
    where = "Keras' cache" if folder is None else str(folder)
    arrays = {field: parse_idx(data, f"{where}: {KNOWN[field][0]}") for field, data in fields.items()}
    for field, (name, known) in KNOWN.items():
        if check and sha256[field] != known:
            raise DataError(f"{where}: {name} is not MNIST's: sha256 {sha256[field]}, expected {known}")
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or labels.max() > 9:
            raise DataError(f"{where}: {part} pictures {images.shape} and labels {labels.shape} do not belong together")
    return Mnist(
        train_images=arrays["train_images"],
        train_labels=arrays["train_labels"].astype(np.int64),
        test_images=arrays["test_images"],
        test_labels=arrays["test_labels"].astype(np.int64),
        sha256=sha256,
    )


def split(
    labels: NDArray[np.int64], seed: int, held_out: int = VALIDATION_PICTURES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices for training and for validation (`held_out` of them), sorted; depends on the seed alone.

    Raises `DataError` where nothing would be left to train on.
    """
    if held_out >= len(labels):
        raise DataError(f"{held_out:,} pictures cannot be held out of {len(labels):,}")
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(labels))
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def parse_idx(data: bytes, where: str) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes as an array. Raises `DataError` that begins with `where`."""
    if len(data) < 4 or data[0] or data[1]:
        raise DataError(f"{where}: not an IDX file (magic {data[:4].hex() or 'missing'})")
    if data[2] != _UNSIGNED_BYTE:
        raise DataError(f"{where}: holds type 0x{data[2]:02x}, expected 0x08 (unsigned bytes)")
    dimensions = data[3]
    header = 4 + 4 * dimensions
    if len(data) < header or not dimensions:
        raise DataError(f"{where}: its header is cut off")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    expected = header + int(np.prod(shape, dtype=np.int64))
    if len(data) != expected:
        raise DataError(f"{where}: has {len(data)} bytes, its header {shape} promises {expected}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def to_idx(array: NDArray[np.uint8]) -> bytes:
    """The reverse of `parse_idx`."""
    return struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()


def _read(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; it should hold MNIST's four IDX files")
    for path in (folder / name, folder / f"{name}.gz"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from error
        if data[:2] != b"\x1f\x8b":
            return data
        try:
            return gzip.decompress(data)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: damaged gzip file: {error}") from error
    raise DataError(f"{folder}: neither {name} nor {name}.gz is there")


def _from_keras() -> dict[str, bytes]:
    import keras

    try:
        (train_images, train_labels), (test_images, test_labels) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise DataError(f"MNIST could not be loaded through Keras ({error}); give its folder with --data") from error
    return {
        "train_images": to_idx(train_images),
        "train_labels": to_idx(train_labels),
        "test_images": to_idx(test_images),
        "test_labels": to_idx(test_labels),
    }
