"""`read FILE…`: pictures, read and printed, written to a file of results (`--out`), or kept as the model sees them (`--npz`)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.errors import PictureError, SettingsError
from service.settings import Settings

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""What counts as a picture in a folder; a file that is named itself is judged by its content alone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `read` takes."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a picture, or a folder of them (without -r not the folders in it)",
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="also the pictures in the folders of a folder")
    parser.add_argument(
        "--number", action="store_true", help="read numbers: any number of digits, on one or more lines"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object a line")
    output.add_argument(
        "--out",
        type=Path,
        metavar="JSONL",
        help="write one JSON object a line to a file; a run that was interrupted goes on where it stopped",
    )
    output.add_argument(
        "--npz", type=Path, metavar="OUT", help="read nothing; write the pictures as the model sees them, 28×28"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="with --npz: columns file, label (empty: no digit) and maybe group"
    )
    parser.add_argument("--groups", type=_names, metavar="NAME,…", help="with --labels: of these groups alone")
    parser.add_argument("--not-groups", type=_names, metavar="NAME,…", help="with --labels: of none of these groups")


def run(options: argparse.Namespace) -> int:
    """Returns the exit status: 1 where some of the pictures could not be read. Raises `DigitsError`."""
    settings = Settings.read()
    if options.labels and not options.npz:
        raise SettingsError("--labels: goes with --npz")
    if (options.groups or options.not_groups) and not options.labels:
        raise SettingsError("--groups and --not-groups: go with --labels, whose column `group` they ask")
    if options.npz and options.number:
        raise SettingsError("--number: does not go with --npz, which is for pictures of one digit each")
    files = expanded(options.files, recursive=options.recursive)
    if options.npz:
        from service.commands.npz import write_pictures

        return write_pictures(options, settings, list(files))
    if options.out:
        from service.commands.results import write_results

        return write_results(options.out, files, settings, number=options.number)
    return _print_readings(files, settings, number=options.number, as_json=options.json)


def expanded(files: Sequence[Path], *, recursive: bool = False) -> Iterator[Path]:
    """`files` with each folder's pictures, sorted by name, in its place; a folder without any stays and fails on its own.

    With `recursive` a folder's pictures are followed by those of the folders in it.
    """
    for file in files:
        inside = iter(_pictures(file, recursive) if file.is_dir() else ())
        yield next(inside, file)
        yield from inside


def _pictures(folder: Path, recursive: bool) -> Iterator[Path]:
    closed: list[Path] = []  # folders that may not be looked into: each fails on its own
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        folders.sort()
        here = (Path(place, name) for name in sorted(names))
        yield from (path for path in here if path.suffix.lower() in SUFFIXES and path.is_file())
        if not recursive:
            break
    yield from closed


def complain(file: Path, error: OSError | PictureError) -> None:
    """One line on stderr about a picture that could not be read."""
    reason = error.strerror if isinstance(error, OSError) else error.detail
    print(f"digits: {file}: {reason}", file=sys.stderr)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _print_readings(files: Iterator[Path], settings: Settings, *, number: bool, as_json: bool) -> int:
    from service.commands.model import reader_of, words_of

    read = reader_of(settings, number=number)
    status = 0
    for file in files:
        try:
            reading = read(file)
        except (OSError, PictureError) as error:
            complain(file, error)
            status = 1
            continue
        if as_json:
            print(json.dumps({"file": str(file), "reading": reading}), flush=True)
        else:
            print(f"{file}: {words_of(reading)}", flush=True)
    return status
