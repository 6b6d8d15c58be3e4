"""Pictures that were normalised elsewhere, with their labels: the file that `python -m service read … --npz` writes."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

NO_DIGIT = -1
UNKNOWN = -2


@dataclass(frozen=True)
class Pictures:
    """N ≥ 1 pictures, ink bright on dark, as the model sees them.

    `images` uint8 `[N, 28, 28]`; `labels` int64 `[N]`: 0 to 9, `NO_DIGIT`, `UNKNOWN`; `files` str `[N]`, where each came
    from; `sha256` is of the pictures' bytes; `name` is the file's, without its suffix.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    files: NDArray[np.str_]
    sha256: str

    @property
    def digits(self) -> NDArray[np.bool_]:
        """Which of them show a digit, bool `[N]`."""
        return np.asarray(self.labels >= 0)

    @property
    def outliers(self) -> NDArray[np.bool_]:
        """Which of them show no digit, bool `[N]`."""
        return np.asarray(self.labels == NO_DIGIT)

    def need_labels(self) -> None:
        """Raises `DataError` where the label of a picture is unknown, naming the first such picture."""
        unknown = np.flatnonzero(self.labels == UNKNOWN)
        if len(unknown):
            raise DataError(
                f"{self.name}.npz: {len(unknown):,} of {len(self.labels):,} pictures have no label, "
                f"the first of them {self.files[unknown[0]]}"
            )


def load_pictures(path: Path) -> Pictures:
    """The pictures in `path`. Raises `DataError`, one line that names the file and what is wrong with it."""
    try:
        if path.is_file() and not zipfile.is_zipfile(path):  # NumPy's words for it speak of pickles
            raise DataError(f"{path}: is damaged, or no .npz file at all")
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ("images", "labels", "files") if name not in file.files]
            if missing:
                raise DataError(f"{path}: holds no array {' and no array '.join(missing)}")
            images, labels, files = (np.asarray(file[name]) for name in ("images", "labels", "files"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:  # pickled arrays, too
        raise DataError(f"{path}: cannot be read as an .npz file: {error}") from error
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DataError(f"{path}: images are {images.dtype} {images.shape}; expected uint8 (N, 28, 28)")
    if not len(images):
        raise DataError(f"{path}: holds no picture")
    for name, array, kind in (("labels", labels, "iu"), ("files", files, "U")):
        if array.dtype.kind not in kind or array.shape != images.shape[:1]:
            wanted = "whole numbers" if name == "labels" else "text"
            raise DataError(
                f"{path}: {name} are {array.dtype} {array.shape}; expected {wanted} for {len(images):,} images"
            )
    outside = np.flatnonzero((labels < UNKNOWN) | (labels > 9))
    if len(outside):
        raise DataError(f"{path}: label {labels[outside[0]]} of picture {outside[0]} is none of -2 to 9")
    return Pictures(
        name=path.stem,
        images=images,
        labels=labels.astype(np.int64),
        files=files.astype(np.str_),
        sha256=fingerprint(images),
    )


def fingerprint(images: NDArray[np.uint8]) -> str:
    """sha256 of the pictures' bytes."""
    return hashlib.sha256(images.tobytes()).hexdigest()
