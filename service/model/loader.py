"""Loads versions into the table and takes them out of it again; used by the watcher's thread alone."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

from service.errors import ArtifactRefused
from service.model.folder import checksums, fingerprint
from service.model.memory import give_back
from service.model.table import Loaded, State, Table, Version
from service.model.version import Model
from service.settings import Settings

log = logging.getLogger(__name__)

Event = Literal["loaded", "refused", "unloaded", "default"]


class Observer(Protocol):
    """Told of what becomes of the versions, on the watcher's thread."""

    def model_event(self, event: Event) -> None:
        """It has happened to one of them."""
        ...

    def models_changed(self, table: Table) -> None:
        """The table is another."""
        ...


class Loader:
    """Keeps models in memory: what is good, as many as the settings allow, and no longer than they are used."""

    def __init__(self, table: Table, settings: Settings, load: Callable[[Path], Model], observer: Observer) -> None:
        self.closed = False
        self._stirred = False
        self._table = table
        self._settings = settings
        self._load_model = load
        self._observer = observer

    def ensure(self, number: int) -> bool:
        """Whether the version can serve. Loads it where it is not loaded, or where its folder holds another by now.

        What was refused is not tried again until a file of it changes.
        """
        version = self._table.get(number)
        if version is None or self.closed:
            return False
        if version.loaded is not None and checksums(version.folder) in (version.loaded.sums, None):
            return True
        mark = fingerprint(version.folder)
        return self._load(version, mark) if version.tried != mark else version.loaded is not None

    def full(self) -> bool:
        """Whether as many versions are in memory as may be."""
        return self._table.loaded() >= self._settings.max_versions

    def make_room(self) -> bool:
        """Unloads the version that was not used for longest where there is no room for another; False where all are in use."""
        for _, version in self._table.spare():
            if not self.full():
                break
            self._unload(version.number)
        return not self.full()

    def tidy(self) -> None:
        """Unloads what has not been used for a while, and what is too much."""
        for seconds, version in self._table.spare():
            if seconds >= self._settings.unload_seconds or self._table.loaded() > self._settings.max_versions:
                self._unload(version.number)
        if replaced := self._table.replaced():
            for loaded in replaced:
                loaded.model.close()
            self._stirred = True
            self._observer.models_changed(self._table)

    def collect(self) -> None:
        """After something was loaded or unloaded: frees what is left of it, and puts what stays out of the collector's sight.

        A TensorFlow graph is full of cycles, and 14 MB of it would wait for the collector's turn. What it and its libraries keep
        is half a million objects: looking at them all again takes a quarter of a second, in which nothing else is done.
        """
        if self._stirred:
            self._stirred = False
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            give_back()

    def _load(self, version: Version, mark: str) -> bool:
        number = version.number
        if version.loaded is None:
            self._put(replace(version, state="loading", reason=None))
        sums, started = checksums(version.folder), time.perf_counter()
        try:
            model = self._load_model(version.folder)
        except Exception as error:
            if isinstance(error, ArtifactRefused):
                reason = error.detail
                log.error("version %d was refused: %s", number, reason)
            else:
                reason = f"it cannot be loaded ({type(error).__name__})"
                log.exception("version %d was refused", number)
            # What was loaded before its files were changed goes on serving.
            state: State = "refused" if version.loaded is None else "ready"
            self._put(replace(version, state=state, reason=reason, tried=mark), "refused")
            return version.loaded is not None
        give_back()
        if self.closed:  # while it was loading: nobody else would end its thread
            model.close()
            return False
        loaded = Loaded(model, sums, self._table.now())
        version = replace(version, state="ready", loaded=loaded, manifest=model.manifest, reason=None, tried=None)
        log.info("version %d was loaded in %.1f s", number, time.perf_counter() - started)
        self._put(version, "loaded")
        self._stirred = True
        return True

    def _put(self, version: Version, event: Event | None = None) -> None:
        self._table.put(version)
        if event is not None:
            self._observer.model_event(event)
        self._observer.models_changed(self._table)

    def _unload(self, number: int) -> None:
        loaded = self._table.unload(number)
        if loaded is None:  # somebody has just come for it
            return
        loaded.model.close()
        self._stirred = True
        log.info("version %d was unloaded", number)
        self._observer.model_event("unloaded")
        self._observer.models_changed(self._table)
