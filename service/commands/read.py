"""`read FILE…`: pictures of one digit each, read and printed, or kept as the model sees them (`--npz`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.errors import ArtifactRefused, PictureError, SettingsError
from service.settings import Settings

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""What counts as a picture in a folder; a file that is named itself is judged by its content alone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `read` takes."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a picture, or a folder of them (not the folders in it)"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="one JSON object a line")
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
    if options.npz:
        from service.commands.npz import write_pictures

        return write_pictures(options, settings, list(expanded(options.files)))
    return _print_readings(options, settings)


def expanded(files: Sequence[Path]) -> Iterator[Path]:
    """`files` with each folder's pictures, sorted by name, in its place; a folder without any stays and fails on its own."""
    for file in files:
        inside = (
            sorted(p for p in file.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()) if file.is_dir() else []
        )
        yield from inside or [file]


def complain(file: Path, error: OSError | PictureError) -> None:
    """One line on stderr about a picture that could not be read."""
    reason = error.strerror if isinstance(error, OSError) else error.detail
    print(f"digits: {file}: {reason}", file=sys.stderr)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _print_readings(options: argparse.Namespace, settings: Settings) -> int:
    from pydantic_core import to_jsonable_python

    from service.model.registry import candidates, scan
    from service.model.version import Verified, runtime, verify
    from service.schemas import digit_reading

    folders = scan(settings.artifacts)
    verified: Verified | None = None
    for number in candidates(settings.artifacts, list(folders), settings.version):
        try:
            verified = verify(folders[number], settings, runtime(settings))
            break
        except ArtifactRefused as error:
            print(f"digits: version {number} was refused: {error.detail}", file=sys.stderr)
    if verified is None:
        raise SettingsError(f"no version of the model in {settings.artifacts} can be used")

    status = 0
    for file in expanded(options.files):
        try:
            reading = verified.reader.digit(file.read_bytes())
        except (OSError, PictureError) as error:
            complain(file, error)
            status = 1
            continue
        if options.json:
            answer = to_jsonable_python(digit_reading(reading, verified.artifact.manifest))
            print(json.dumps({"file": str(file), "reading": answer}), flush=True)
        elif reading.digit is None:
            print(f"{file}: {reading.status}", flush=True)
        else:
            print(f"{file}: {reading.digit} ({reading.status}, {reading.confidence:.1%})", flush=True)
    return status
