"""Which version serves by default: what DIGITS_VERSION pins, else what the file DEFAULT names, else the highest good one."""

from __future__ import annotations

import logging
from collections.abc import Callable

from service.model.folder import downwards, named
from service.model.loader import Loader, Observer
from service.model.table import Table
from service.model.version import Model
from service.settings import Settings

log = logging.getLogger(__name__)


class Choice:
    """Makes the default what it should be, as far as that is good; else what serves goes on serving."""

    def __init__(self, table: Table, loader: Loader, settings: Settings, observer: Observer) -> None:
        self.on_ready: Callable[[Model], None] = lambda model: None
        self.refusal: str | None = None  # why nothing serves; None while it is being loaded, too
        self._table = table
        self._loader = loader
        self._settings = settings
        self._observer = observer

    def choose(self) -> None:
        """Loads what the default should be, and makes it that."""
        pinned = self._settings.version
        problem = None
        try:
            name = named(self._settings.artifacts) if pinned is None else pinned
        except ValueError as error:
            problem, name = str(error), None
            order = [] if self._table.default else downwards(self._numbers())
        else:
            order = self._order(name)
        chosen = next((number for number in order if self._loader.ensure(number)), None)
        if self._loader.closed:
            return
        if chosen is not None:
            self._serve(chosen)
        if name is not None and name != chosen:
            version = self._table.get(name)
            by = "the file DEFAULT" if pinned is None else "DIGITS_VERSION"
            why = "is not there" if version is None else f"was refused: {version.reason}"
            problem = f"Version {name}, which {by} asks for, {why}"
        self._report(problem)

    def _order(self, name: int | None) -> list[int]:
        if name is not None and (self._settings.version is not None or self._table.default is not None):
            return [name]
        return downwards(self._numbers(), name)  # where nothing serves yet an older one will do

    def _numbers(self) -> list[int]:
        return [version.number for version in self._table.versions]

    def _serve(self, number: int) -> None:
        before = self._table.default
        if before is not None and before.number == number:
            return
        self._table.serve(number)
        self._observer.model_event("default")
        self._observer.models_changed(self._table)
        if before is not None:
            log.info("the default changed from version %d to version %d", before.number, number)
            return
        log.info("version %d serves by default", number)
        serving = self._table.default
        if serving is not None and serving.loaded is not None:
            try:
                self.on_ready(serving.loaded.model)
            except Exception:  # such as nobody reading what is printed: it serves all the same
                log.exception("telling of version %d failed", number)

    def _report(self, problem: str | None) -> None:
        if problem != self._table.problem:
            self._table.problem = problem
            self._observer.models_changed(self._table)
            if problem is not None:
                log.error(problem)
        refusal = None
        if self._table.default is None:
            there = bool(self._table.versions)
            refusal = "No version of the model can be served." if there else "There is no version of the model."
            if self._settings.version is not None:
                refusal = problem
            elif refusal != self.refusal:
                log.error(refusal)
        self.refusal = refusal
