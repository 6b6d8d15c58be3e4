"""The versions at hand: hands them out, the default or the one that is asked for, and keeps those that are in use."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from service.errors import Starting, Unavailable, UnknownVersion
from service.model.artifact import Manifest
from service.model.loader import Observer
from service.model.table import Loaded, Table, Version
from service.model.version import Model
from service.model.watch import Watcher
from service.settings import Settings

LOAD_SECONDS = 30.0
"""How long a request waits for a version that it asks for to be loaded, and for room for it."""


class Registry:
    """The versions in the folder that the settings name, which a thread of its own loads, watches and unloads."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[Path], Model],
        observer: Observer,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = Table(clock)
        self._watcher = Watcher(self._table, settings, load, observer)

    def start(self, on_ready: Callable[[Model], None] = lambda model: None) -> None:
        """Begins to load; `on_ready` is called with the first default version, on the registry's thread."""
        self._watcher.start(on_ready)

    def look(self) -> None:
        """What the thread does every so often, for whoever has not started it: looks at the folder and acts on it."""
        self._watcher.look()
        self._watcher.tidy()

    @property
    def default(self) -> Manifest | None:
        """Of the version that serves when none is asked for; None while it is loading, or when all were refused."""
        version = self._table.default
        return None if version is None else version.manifest

    @property
    def versions(self) -> list[Version]:
        """Every version, in order."""
        return self._table.versions

    @property
    def problem(self) -> str | None:
        """Why the default is not the version that DIGITS_VERSION or the file DEFAULT names."""
        return self._table.problem

    @contextlib.asynccontextmanager
    async def using(self, number: int | None = None) -> AsyncIterator[Model]:
        """The version asked for, or the default. It stays open for as long as the context, whatever happens to the version.

        A version that is not in memory is loaded. Raises `UnknownVersion`, `Starting` or `Unavailable`.
        """
        loaded = self._table.acquire(number) or await self._loaded(number)
        try:
            yield loaded.model
        finally:
            self.give_back(loaded)

    def take(self) -> Loaded | None:
        """The default, in use until `give_back`; None where `using` would wait, or raise."""
        return self._table.acquire(None)

    def give_back(self, loaded: Loaded) -> None:
        """Ends a use."""
        self._table.release(loaded)

    async def manifest(self, number: int) -> Manifest:
        """The version's manifest, which needs no model once it has been loaded. Raises as `using`."""
        version = self._table.get(number)
        if version is not None and version.manifest is not None and version.state != "refused":
            return version.manifest
        async with self.using(number) as model:
            return model.manifest

    def close(self) -> None:
        """Ends all threads."""
        self._watcher.close()
        for loaded in self._table.everything():
            loaded.model.close()

    async def _loaded(self, number: int | None) -> Loaded:
        """In use already. It is not a future's result: of a caller who leaves just then nobody would release it."""
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                while True:
                    self._check(number)
                    if number is not None:
                        await asyncio.wrap_future(self._watcher.demand(number))
                    loaded = self._table.acquire(number)
                    if loaded is not None:
                        return loaded
        except TimeoutError:
            raise Starting(f"Version {number} of the model is not loaded yet.") from None

    def _check(self, number: int | None) -> None:
        """Raises why a version cannot be had, however long one waits."""
        if self._table.default is None:
            if self._watcher.refusal is None:
                raise Starting("The model is being loaded.")
            if number is None:
                raise Unavailable(self._watcher.refusal)
        if number is None:
            return  # it has just become the default
        version = self._table.get(number)
        if version is None:
            raise UnknownVersion(f"There is no version {number} of the model.")
        if version.state == "refused":
            raise UnknownVersion(f"Version {number} of the model was refused: {version.reason}")
