"""The life of the versions, on a thread of its own: found, loaded beside the one that serves, made the default, unloaded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from service.errors import Draining
from service.model.choice import Choice
from service.model.folder import listed
from service.model.loader import Loader, Observer
from service.model.queue import PUT_AWAY
from service.model.table import Table, Version
from service.model.version import Model
from service.settings import Settings

log = logging.getLogger(__name__)

TIDY_SECONDS = 30.0
"""How often unused versions are looked for, at least."""

ROOM_SECONDS = 0.02
"""How often room is looked for, for a version that somebody waits for."""


class Watcher:
    """Keeps the table of versions as the folder, the file DEFAULT, the settings and callers want it."""

    def __init__(self, table: Table, settings: Settings, load: Callable[[Path], Model], observer: Observer) -> None:
        self._table = table
        self._settings = settings
        self._observer = observer
        self._loader = Loader(table, settings, load, observer)
        self._choice = Choice(table, self._loader, settings, observer)
        self._looked = False
        self._unreadable: str | None = None
        self._demands: list[tuple[int, Future[None]]] = []
        self._wakeup = threading.Condition(threading.Lock())
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._scan()

    @property
    def refusal(self) -> str | None:
        """Why there is no default; None while it is being loaded, too."""
        return self._choice.refusal

    def start(self, on_ready: Callable[[Model], None]) -> None:
        """Starts the thread; `on_ready` is called with the first default."""
        self._choice.on_ready = on_ready
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, which may have a version to load to its end before that."""
        with self._wakeup:
            self._loader.closed = True
            self._wakeup.notify()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._refuse(self._taken())

    def demand(self, number: int) -> Future[None]:
        """Asks for a version to be loaded, as soon as there is room. Done once that has been tried."""
        future: Future[None] = Future()
        with self._wakeup:
            if not self._loader.closed:
                self._demands.append((number, future))
                self._wakeup.notify()
                return future
        future.set_exception(Draining(PUT_AWAY))
        return future

    # What follows runs on the thread, or in tests instead of it.

    def look(self) -> None:
        """Reads the folder and does what it asks for."""
        self._scan()
        self._choice.choose()
        for number in [version.number for version in reversed(self._table.versions)]:
            self._meet_demands()
            version = self._table.get(number)
            if version is None or version.state == "unloaded":
                continue
            if version.state == "loading" and self._loader.full():
                self._table.put(replace(version, state="unloaded"))  # until somebody asks for it
                self._observer.models_changed(self._table)
            else:
                self._loader.ensure(number)
        self._looked = True

    def tidy(self) -> None:
        """Does what callers ask for, and unloads what none has asked for in a while."""
        self._meet_demands()
        self._loader.tidy()
        self._loader.collect()

    def _run(self) -> None:
        every = self._settings.reload_seconds
        due = time.monotonic()
        while not self._loader.closed:
            try:
                if time.monotonic() >= due:
                    due = float("inf")
                    self.look()
                self.tidy()
            except Exception:  # whatever it was, the next look may go well
                log.exception("looking after the versions failed")
            if every and due == float("inf"):
                due = time.monotonic() + every
            with self._wakeup:
                if not self._loader.closed:
                    most = ROOM_SECONDS if self._demands else TIDY_SECONDS
                    self._wakeup.wait(max(0.0, min(most, due - time.monotonic())))

    def _scan(self) -> None:
        folder = self._settings.artifacts
        try:
            found = listed(folder)
        except OSError as error:
            if error.strerror != self._unreadable:
                log.error("the artifacts folder %s cannot be read: %s", folder, error.strerror)
            self._unreadable = error.strerror
            return
        self._unreadable = None
        known = self._table.versions
        for version in known:
            if version.number not in found and version.loaded is None:
                self._table.drop(version.number)
                log.info("version %d is gone", version.number)
        for number in sorted(found.keys() - {version.number for version in known}):
            self._table.put(Version(number, found[number]))
            if self._looked:
                log.info("version %d was found", number)
        self._observer.models_changed(self._table)

    def _meet_demands(self) -> None:
        demands = self._taken()
        for number in dict.fromkeys(number for number, _ in demands):
            mine = [demand for demand in demands if demand[0] == number and not demand[1].cancelled()]
            error: BaseException | None = None
            try:
                version = self._table.get(number)
                if mine and version is not None and version.state in ("loading", "unloaded"):
                    if not self._loader.make_room():  # all are in use; their callers will be answered in a moment
                        with self._wakeup:
                            self._demands += mine
                        continue
                    self._loader.ensure(number)
            except BaseException as raised:  # whatever it was, callers must hear of it and the thread must live on
                log.exception("loading version %d failed", number)
                error = raised
            for _, future in mine:
                _settle(future, error)

    def _taken(self) -> list[tuple[int, Future[None]]]:
        with self._wakeup:
            demands, self._demands = self._demands, []
        return demands

    def _refuse(self, demands: list[tuple[int, Future[None]]]) -> None:
        for _, future in demands:
            _settle(future, Draining(PUT_AWAY))


def _settle(future: Future[None], error: BaseException | None) -> None:
    if future.set_running_or_notify_cancel():  # else its caller has left
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(None)
