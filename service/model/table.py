"""The table of versions, and who uses which: a model that is in use is never closed.

The event loop takes models from it and the watcher's thread changes it. Its lock is held for a few instructions at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from service.model.artifact import Manifest
from service.model.version import Model

State = Literal["loading", "ready", "unloaded", "refused"]


@dataclass(slots=True)
class Loaded:
    """A model in memory. `sums`: the SHA256SUMS that it came with; `used`: when it was last, by the table's clock."""

    model: Model
    sums: bytes | None
    used: float
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """One version's folder and what has become of it.

    `loaded` is there when `ready`, `reason` when `refused`, `manifest` once it has been loaded. A `reason` beside `ready` says why
    the files that are there by now were refused. `tried` is the fingerprint of what was refused.
    """

    number: int
    folder: Path
    state: State = "loading"
    loaded: Loaded | None = None
    manifest: Manifest | None = None
    reason: str | None = None
    tried: str | None = None


class Table:
    """Every version by its number, and which of them is the default."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.problem: str | None = None  # why the default is not the version that DEFAULT or DIGITS_VERSION names
        self._clock = clock
        self._lock = threading.Lock()
        self._versions: dict[int, Version] = {}
        self._default: int | None = None
        self._replaced: list[Loaded] = []

    def now(self) -> float:
        """By the table's clock, in seconds."""
        return self._clock()

    @property
    def versions(self) -> list[Version]:
        """All of them, in order."""
        with self._lock:
            return [self._versions[number] for number in sorted(self._versions)]

    @property
    def default(self) -> Version | None:
        """The version that serves when none is asked for; it is always `ready`."""
        with self._lock:
            return None if self._default is None else self._versions[self._default]

    def get(self, number: int) -> Version | None:
        """The version of that number."""
        return self._versions.get(number)

    def put(self, version: Version) -> None:
        """Writes what has become of a version. A model that another takes the place of is kept while it is used."""
        with self._lock:
            before = self._versions.get(version.number)
            if before is not None and before.loaded is not None and before.loaded is not version.loaded:
                self._replaced.append(before.loaded)
            self._versions[version.number] = version

    def drop(self, number: int) -> None:
        """Forgets a version that is not loaded."""
        with self._lock:
            del self._versions[number]

    def serve(self, number: int) -> None:
        """Makes a version that is `ready` the default."""
        with self._lock:
            before = None if self._default is None else self._versions[self._default].loaded
            if before is not None:
                before.used = self._clock()  # what was the default is kept for a while, for whoever rolls back
            self._default = number

    def acquire(self, number: int | None) -> Loaded | None:
        """Takes the version of that number, or the default, in use, until `release`; None where it is not loaded."""
        with self._lock:
            version = self._versions.get(self._default or 0 if number is None else number)
            if version is None or version.loaded is None:
                return None
            version.loaded.uses += 1
            return version.loaded

    def release(self, loaded: Loaded) -> None:
        """Ends a use of it."""
        with self._lock:
            loaded.uses -= 1
            loaded.used = self._clock()

    def spare(self) -> list[tuple[float, Version]]:
        """What could be unloaded, with the seconds since it was used, the longest unused first."""
        now = self._clock()
        with self._lock:
            found = [
                (now - version.loaded.used, version)
                for version in self._versions.values()
                if version.loaded is not None and not version.loaded.uses and version.number != self._default
            ]
        return sorted(found, key=lambda item: item[0], reverse=True)

    def unload(self, number: int) -> Loaded | None:
        """Takes a version's model out of the table, to be closed; None where it has come to be used."""
        with self._lock:
            version = self._versions[number]
            if version.loaded is None or version.loaded.uses or number == self._default:
                return None
            self._versions[number] = replace(version, state="unloaded", loaded=None, reason=None)
            return version.loaded

    def replaced(self) -> list[Loaded]:
        """Takes out those that others have taken the place of and nobody uses any more, to be closed."""
        with self._lock:
            unused = [loaded for loaded in self._replaced if not loaded.uses]
            self._replaced = [loaded for loaded in self._replaced if loaded.uses]
        return unused

    def loaded(self) -> int:
        """How many models are in memory."""
        with self._lock:
            return len(self._replaced) + sum(version.loaded is not None for version in self._versions.values())

    def everything(self) -> list[Loaded]:
        """All models in memory."""
        with self._lock:
            return [*self._replaced, *(version.loaded for version in self._versions.values() if version.loaded)]
