"""`read FILE… --out JSONL`: many pictures, one JSON object a line in a file, which an interrupted run goes on with.

A line is `{"file": …, "reading": …}` with what the service would answer, or `{"file": …, "problem": {"title", "detail"}}`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from service.commands.read import complain
from service.errors import DigitsError, PictureError, SettingsError
from service.settings import Settings

_BEGINNING = b'{"file": '
_EITHER = {"reading", "problem"}


def write_results(out: Path, files: Iterable[Path], settings: Settings, *, number: bool) -> int:
    """Reads the files that `out` has no result of. Returns 1 where it tells of any picture that could not be read.

    Raises `SettingsError`, also where `out` holds something else; nothing of it is changed then.
    """
    with Results(out, number=number) as results:
        every = list(dict.fromkeys(files))
        left = [file for file in every if str(file) not in results.files]
        there = len(every) - len(left)
        if left:
            from service.commands.model import reader_of  # the model is loaded only where it is needed

            read = reader_of(settings, number=number)
            counter = Counter(there, len(every))
            for file in left:
                try:
                    result: dict[str, Any] = {"reading": read(file)}
                except Exception as error:  # one picture must not end the run
                    counter.hide()
                    result = {"problem": _problem(file, error)}
                results.add(file, result)
                counter.count()
            counter.hide()
    already = f", {there:,} were there already" if there else ""
    unread = f", {results.problems:,} in the file could not be read" if results.problems else ""
    print(f"{out}: {len(left):,} pictures done{already}{unread}")
    return 1 if results.problems else 0


class Results:
    """The file, locked while it is open. `files`: what it has results of; `problems`: how many of them are such."""

    def __init__(self, path: Path, *, number: bool) -> None:
        """Raises `SettingsError` where it cannot be written, or holds anything but results of this kind."""
        self._path = path
        self._number = number
        self.files: set[str] = set()
        self.problems = 0
        try:
            if path.exists() and not path.is_file():  # a device may have no end
                raise self._error("is no regular file")
            self._file = path.open("a+b")
            try:
                self._lock_and_take_up()
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise self._error(error.strerror or "cannot be written") from None

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # what could not be written has been told
            self._file.close()

    def add(self, file: Path, result: dict[str, Any]) -> None:
        """Writes one line. Raises `SettingsError`."""
        self.problems += "problem" in result
        try:
            self._file.write(json.dumps({"file": str(file), **result}).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._error(error.strerror or "cannot be written") from None

    def _lock_and_take_up(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._error("is being written by another run") from None
        self._file.seek(0)
        if not _may_be_result(self._file.read(len(_BEGINNING))):  # before a line of any length is read
            raise self._no_result(1)
        self._file.seek(0)
        end = 0
        for line, text in enumerate(self._file, 1):
            if text.endswith(b"\n"):
                self._take_up(line, text)
                end += len(text)
            elif not _may_be_result(text):
                raise self._no_result(line)
        self._file.truncate(end)  # the run was ended while it wrote its last line

    def _take_up(self, line: int, text: bytes) -> None:
        try:
            result = json.loads(text)
        except ValueError:
            result = None
        if not isinstance(result, dict) or not isinstance(result.get("file"), str) or not result.keys() & _EITHER:
            raise self._no_result(line)
        reading = result.get("reading")
        if reading is not None and ("text" in reading) != self._number:
            raise self._error(f"line {line} was read {'without' if self._number else 'with'} --number")
        self.files.add(result["file"])
        self.problems += "problem" in result

    def _no_result(self, line: int) -> SettingsError:
        return self._error(f"line {line} is no result; nothing was written")

    def _error(self, reason: str) -> SettingsError:
        return SettingsError(f"--out={self._path}: {reason}")


def _may_be_result(text: bytes) -> bool:
    """Whether a line that has no end may be one of ours."""
    return text.startswith(_BEGINNING) or _BEGINNING.startswith(text)


class Counter:
    """A line on stderr that counts, where stderr is a terminal."""

    def __init__(self, done: int, total: int) -> None:
        self._shown = sys.stderr.isatty()
        self._done, self._total = done, total
        self._before, self._started = done, time.monotonic()
        self._next = 0.0

    def count(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + 0.1
            rate = (self._done - self._before) / max(now - self._started, 1e-3)
            print(
                f"\r{self._done:,} of {self._total:,}, {rate:.1f} a second\033[K", end="", file=sys.stderr, flush=True
            )

    def hide(self) -> None:
        """Makes room for something else."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _problem(file: Path, error: Exception) -> dict[str, str]:
    """What the file of results says of the picture; a person is told at once."""
    if isinstance(error, OSError | PictureError):
        complain(file, error)
    else:
        print(f"digits: {file}: a fault in the program", file=sys.stderr)
        traceback.print_exception(error)
    if isinstance(error, OSError):
        return {"title": "Unreadable file", "detail": error.strerror or "cannot be read"}
    if isinstance(error, PictureError):
        return {"title": error.title, "detail": error.detail}
    return {"title": DigitsError.title, "detail": type(error).__name__}
