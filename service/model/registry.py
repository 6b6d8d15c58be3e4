"""The versions at hand: which one serves by default, the state of each, and why one was refused."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.errors import ArtifactRefused, Starting, Unavailable, UnknownVersion
from service.model.version import Model

log = logging.getLogger(__name__)

DEFAULT = "DEFAULT"

State = Literal["loading", "ready", "refused"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version's folder and what has become of it. `model` is there when `ready`, `reason` when `refused`."""

    number: int
    folder: Path
    state: State = "loading"
    model: Model | None = None
    reason: str | None = None


class Registry:
    """Loads the versions in `folder` on a thread of its own, the default first, and hands out those that are good."""

    def __init__(self, folder: Path, load: Callable[[Path], Model], *, pinned: int | None = None) -> None:
        self._load = load
        self._pinned = pinned
        self._closed = False
        self._versions = {number: Version(number, path) for number, path in scan(folder).items()}
        self._candidates = candidates(folder, list(self._versions), pinned)
        self._default: Model | None = None
        self._refusal: str | None = None
        self._thread = threading.Thread(target=self._load_all, name="registry", daemon=True)
        self._on_ready: Callable[[Model], None] = lambda model: None

    def start(self, on_ready: Callable[[Model], None] = lambda model: None) -> None:
        """Begins to load; `on_ready` is called with the default version, on the registry's thread."""
        self._on_ready = on_ready
        self._thread.start()

    @property
    def default(self) -> Model | None:
        """The version that serves when none is asked for; None while it is loading, or when all were refused."""
        return self._default

    @property
    def versions(self) -> list[Version]:
        """Every version, in order."""
        return [self._versions[number] for number in sorted(self._versions)]

    def get(self, number: int | None = None) -> Model:
        """The version asked for, or the default. Raises `UnknownVersion`, `Starting` or `Unavailable`."""
        if number is None:
            if self._default is not None:
                return self._default
            if self._refusal is not None:
                raise Unavailable(self._refusal)
            raise Starting("The model is being loaded.")
        version = self._versions.get(number)
        if version is None:
            raise UnknownVersion(f"There is no version {number} of the model.")
        if version.model is not None:
            return version.model
        if version.state == "refused":
            raise UnknownVersion(f"Version {number} of the model was refused: {version.reason}")
        raise Starting(f"Version {number} of the model is being loaded.")

    def close(self) -> None:
        """Ends the threads of all versions."""
        self._closed = True
        for version in self._versions.values():
            if version.model is not None:
                version.model.close()

    def _load_all(self) -> None:
        for number in self._candidates:
            model = self._load_one(number)
            if model is not None:
                self._default = model
                try:
                    self._on_ready(model)
                except (
                    Exception
                ):  # such as nobody reading what is printed: the other versions are to be loaded all the same
                    log.exception("telling of version %d failed", number)
                break
        else:
            self._refusal = self._why_none()
            log.error(self._refusal)
        for version in reversed(self.versions):
            if version.state == "loading":
                self._load_one(version.number)

    def _load_one(self, number: int) -> Model | None:
        version = self._versions[number]
        if self._closed:
            return None
        try:
            model = self._load(version.folder)
        except Exception as error:
            if isinstance(error, ArtifactRefused):
                reason = error.detail
                log.error("version %d was refused: %s", number, reason)
            else:
                reason = f"it cannot be loaded ({type(error).__name__})"
                log.exception("version %d was refused", number)
            self._versions[number] = Version(number, version.folder, "refused", reason=reason)
            return None
        self._versions[number] = Version(number, version.folder, "ready", model)
        log.info("version %d is ready", number)
        if self._closed:  # while it was loading: nobody else would end its thread
            model.close()
        return model

    def _why_none(self) -> str:
        if self._pinned is not None:
            version = self._versions.get(self._pinned)
            reason = "is not there" if version is None else f"was refused: {version.reason}"
            return f"Version {self._pinned}, which DIGITS_VERSION asks for, {reason}"
        return "No version of the model can be served." if self._versions else "There is no version of the model."


def scan(folder: Path) -> dict[int, Path]:
    """The versions in `folder`: its folders named by a number, written as a number is. A missing folder holds none."""
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        log.error("the artifacts folder %s cannot be read: %s", folder, error.strerror)
        return {}
    return {int(path.name): path for path in paths if re.fullmatch("[1-9][0-9]{0,17}", path.name) and path.is_dir()}


def candidates(folder: Path, numbers: list[int], pinned: int | None) -> list[int]:
    """Those that may become the default, best first: the pinned one alone; else what DEFAULT names, else all, downwards."""
    if pinned is not None:
        return [number for number in numbers if number == pinned]
    downwards = sorted(numbers, reverse=True)
    try:
        text = (folder / DEFAULT).read_text("utf-8").strip()
    except FileNotFoundError:
        return downwards
    except (OSError, UnicodeDecodeError):
        text = ""
    if not re.fullmatch("[1-9][0-9]{0,17}", text):
        log.warning("the file %s holds no version's number and is ignored", DEFAULT)
        return downwards
    # Downwards from there: whoever names a version wants none that is newer.
    return [number for number in downwards if number <= int(text)]
