"""`read FILE… --npz OUT`: pictures as the model sees them, with their labels, for whoever measures or recalibrates a model.

No model is loaded before a picture comes that does not tell what is paper and what is ink; where there is none, such a picture is
taken for what it rather looks like. So it works without any artifact, and mostly does not wait for TensorFlow.
"""

from __future__ import annotations

import argparse
import csv
import functools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.commands.model import verified
from service.commands.read import complain
from service.errors import PictureError, SettingsError
from service.reading.reader import Reader
from service.reading.types import Signatures, Thresholds
from service.settings import Settings

NO_DIGIT = -1
UNKNOWN = -2


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the labels; `label` is a digit, `NO_DIGIT`, or None for a string of digits."""

    file: str
    label: int | None
    group: str


class Labels:
    """A CSV file of labels: a picture's row is found by its path below the file's `images/`, else by its bare name."""

    def __init__(self, path: Path) -> None:
        """Raises `SettingsError`, which names the line."""
        self._path = path
        self._images = (path.parent / "images").absolute()
        self._rows: dict[str, Row] = {}
        self._names: dict[str, list[Row]] = {}
        self._taken: dict[str, Path] = {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                lines = csv.DictReader(file)
                self.columns = frozenset(lines.fieldnames or ())
                if not {"file", "label"} <= self.columns:
                    raise SettingsError(f"--labels={path}: needs the columns file and label")
                for line in lines:
                    self._add(line, lines.line_num)
        except OSError as error:
            raise SettingsError(f"--labels={path}: {error.strerror}") from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise SettingsError(f"--labels={path}: is no CSV file in UTF-8: {error}") from None

    def _add(self, line: dict[str, str | None], number: int) -> None:
        file, text = line["file"] or "", (line["label"] or "").strip()
        if text and not (text.isascii() and text.isdecimal()):
            raise SettingsError(f"--labels={self._path}: line {number}: {text[:40]!r} is no digit")
        label = NO_DIGIT if not text else int(text) if len(text) == 1 else None
        row = Row(file, label, line.get("group") or "")
        if self._rows.setdefault(file, row) != row:
            raise SettingsError(f"--labels={self._path}: line {number}: another label for {file}")
        self._names.setdefault(Path(file).name, []).append(row)

    def row(self, file: Path) -> Row | None:
        """The picture's row. Raises `SettingsError` where it fits several rows, or its row another picture."""
        place = file.absolute()
        row = self._rows.get(place.relative_to(self._images).as_posix()) if self._images in place.parents else None
        if row is None:
            named = self._names.get(file.name, [])
            if len(set(named)) > 1:
                raise SettingsError(f"--labels={self._path}: {file} may be {named[0].file} or {named[1].file}")
            row = named[0] if named else None
        if row is not None and self._taken.setdefault(row.file, place) != place:
            raise SettingsError(f"--labels={self._path}: {file} and {self._taken[row.file]} are both {row.file}")
        return row


def write_pictures(options: argparse.Namespace, settings: Settings, files: Sequence[Path]) -> int:
    """Writes `options.npz` whole or not at all, prints what is in it, and returns the exit status.

    `images` uint8 `[N, 28, 28]`; `labels` int64 `[N]`: 0 to 9, `NO_DIGIT`, `UNKNOWN`; `files` str `[N]`. Raises `SettingsError`.
    """
    out: Path = options.npz
    if not out.parent.is_dir() or out.is_dir():  # before minutes of reading, not after them
        raise SettingsError(f"--npz={out}: {'is a folder' if out.is_dir() else 'its folder is not there'}")
    labels = None if options.labels is None else Labels(options.labels)
    if labels is not None and (options.groups or options.not_groups) and "group" not in labels.columns:
        raise SettingsError(f"--labels={options.labels}: has no column group")
    reader = Reader(_judge(settings), Thresholds(1.0, 1.0), max_pixels=settings.max_pixels)
    images: list[NDArray[np.uint8]] = []
    kept: list[int] = []
    names: list[str] = []
    left_out: Counter[str] = Counter()
    for file in files:
        label, reason = _label(labels, file, options)
        if reason:
            left_out[reason] += 1
            continue
        try:
            picture = reader.prepare(file.read_bytes()).normalised
        except (OSError, PictureError) as error:
            complain(file, error)
            left_out["unreadable"] += 1
            continue
        if picture is None:
            left_out["blank"] += 1
            continue
        images.append(picture)
        kept.append(label)
        names.append(str(file))
    rest = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
    if not images:
        raise SettingsError(f"--npz={out}: no picture is left to write" + (f" ({rest})" if rest else ""))
    _write(out, np.stack(images), np.array(kept, np.int64), np.array(names))
    unknown, none = kept.count(UNKNOWN), kept.count(NO_DIGIT)
    shown = ((len(kept) - unknown - none, "digits"), (none, "without a digit"), (unknown, "without a label"))
    print(
        f"{out}: {len(kept):,} pictures ({', '.join(f'{count:,} {what}' for count, what in shown if count)})"
        + (f"; left out: {rest}" if rest else "")
    )
    return 1 if left_out["unreadable"] else 0


def _label(labels: Labels | None, file: Path, options: argparse.Namespace) -> tuple[int, str | None]:
    """The picture's label, or why it is left out."""
    row = labels.row(file) if labels is not None else None
    if options.groups or options.not_groups:
        group = row.group if row else None
        if (options.groups and group not in options.groups) or (options.not_groups and group in options.not_groups):
            return UNKNOWN, "of other groups"
    if row is None:
        return UNKNOWN, None
    return (UNKNOWN, "of several digits") if row.label is None else (row.label, None)


def _write(out: Path, images: NDArray[np.uint8], labels: NDArray[np.int64], files: NDArray[np.str_]) -> None:
    staged = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with staged.open("wb") as file:
            np.savez_compressed(file, images=images, labels=labels, files=files)
        staged.replace(out)
    except OSError as error:
        raise SettingsError(f"--npz={out}: {error.strerror}; nothing was written") from None
    finally:
        staged.unlink(missing_ok=True)


def _judge(settings: Settings) -> Signatures:
    """The model, loaded when it is first asked; where there is none, the first of the pictures that it is asked about it is."""

    @functools.cache
    def model() -> Signatures | None:
        try:
            return verified(settings).model
        except SettingsError:
            return None

    def digits(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found = model()
        if found is None:
            return np.zeros((len(images), 10), np.float32), np.zeros(len(images), np.float32)
        return found.digits(images)

    return Signatures(digits)
