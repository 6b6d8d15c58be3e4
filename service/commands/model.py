"""The model for the commands: the highest good version, or the one that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.errors import ArtifactRefused, SettingsError
from service.model import version
from service.model.folder import candidates, scan
from service.number_schemas import number_reading
from service.schemas import digit_reading
from service.settings import Settings

Reading = dict[str, Any]
"""As the service answers it."""


def reader_of(settings: Settings, *, number: bool) -> Callable[[Path], Reading]:
    """Loads the model. What it returns reads a file as the service answers; that raises `OSError` or `PictureError`.

    Raises `SettingsError` where there is no version that can be used.
    """
    found = verified(settings)
    reader, manifest = found.reader, found.artifact.manifest
    if number:
        return lambda file: number_reading(reader.number(file.read_bytes()), manifest)
    return lambda file: digit_reading(reader.digit(file.read_bytes()), manifest)


def words_of(reading: Reading) -> str:
    """What a person wants to know: `3 (ok, 99.8%)`, `12 / 345 (uncertain, 61.0%)` of two lines, `blank`."""
    status = reading["status"]
    if status in ("blank", "not_a_digit"):
        return str(status)
    text = reading["text"].replace("\n", " / ") if "text" in reading else reading["digit"]
    return f"{text} ({status}, {reading['confidence']:.1%})"


def verified(settings: Settings) -> version.Verified:
    """The highest good version, or the one that the settings name; says which were refused. Raises `SettingsError`, if all were."""
    folders = scan(settings.artifacts)
    for number in candidates(settings.artifacts, list(folders), settings.version):
        try:
            return version.verify(folders[number], settings, version.runtime(settings))
        except ArtifactRefused as error:
            print(f"digits: version {number} was refused: {error.detail}", file=sys.stderr)
    raise SettingsError(f"no version of the model in {settings.artifacts} can be used")
