"""What the folder of versions says: which there are, which the file DEFAULT names, and whether their files have changed."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from service.model.artifact import CHECKSUMS

log = logging.getLogger(__name__)

DEFAULT = "DEFAULT"
_NUMBER = re.compile("[1-9][0-9]{0,17}")


def listed(folder: Path) -> dict[int, Path]:
    """The versions in `folder`: its folders named by a number, written as a number is. Raises `OSError`."""
    return {int(path.name): path for path in folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()}


def scan(folder: Path) -> dict[int, Path]:
    """The same. A folder that is missing holds none, which is logged."""
    try:
        return listed(folder)
    except OSError as error:
        log.error("the artifacts folder %s cannot be read: %s", folder, error.strerror)
        return {}


def named(folder: Path) -> int | None:
    """The version that the file DEFAULT names; None where there is no such file. Raises `ValueError`, which says what is wrong."""
    try:
        with (folder / DEFAULT).open("rb") as file:
            text = file.read(100).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"The file {DEFAULT} cannot be read: {error.strerror}.") from None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"The file {DEFAULT} holds no version's number.")
    return int(text)


def candidates(folder: Path, numbers: list[int], pinned: int | None) -> list[int]:
    """Those that may become the default where none serves yet, best first.

    The pinned one alone; else what DEFAULT names, then downwards from there; else all, downwards.
    """
    if pinned is not None:
        return [number for number in numbers if number == pinned]
    try:
        first = named(folder)
    except ValueError as error:
        log.warning("%s It is ignored.", error)
        first = None
    return downwards(numbers, first)


def downwards(numbers: Iterable[int], first: int | None = None) -> list[int]:
    """All of them, the highest first; where `first` is named from there on: whoever names a version wants none that is newer."""
    return sorted((number for number in numbers if first is None or number <= first), reverse=True)


def checksums(folder: Path) -> bytes | None:
    """What tells a version's content from another's: its SHA256SUMS; None where it cannot be read."""
    try:
        return (folder / CHECKSUMS).read_bytes()
    except OSError:
        return None


def fingerprint(folder: Path) -> str:
    """Changes when any file of a version does: by names, sizes and times, for contents would take as long as verifying it."""
    digest = hashlib.sha256(checksums(folder) or b"")
    try:
        for path in sorted(folder.rglob("*")):
            stat = path.lstat()
            digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {stat.st_mode}\n".encode())
    except OSError as error:  # such as a file that is just being removed
        digest.update(str(error.strerror).encode())
    return digest.hexdigest()
