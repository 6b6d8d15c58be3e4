"""A training run's folder: what it was begun with, and a checkpoint after every epoch that a kill -9 cannot spoil."""

from __future__ import annotations

import fcntl
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from trainer.errors import DataError, RunError
from trainer.progress import say
from trainer.recipe import Recipe

_KEPT = 2
_PUBLISHED = "published"

Arrays = dict[str, NDArray[Any]]


class RunConfig(BaseModel):
    """What a resumed run must not change, and what the manifest tells of it. `given`: the recipe's fields set by the caller."""

    recipe: Recipe
    given: dict[str, Any]
    precision: str
    command: str
    source_commit: str
    libraries: dict[str, str]
    data_sha256: dict[str, str]


class Run:
    """`<folder>/run.json` and `<folder>/epoch-NNN/{state.npz,history.json}`; an epoch's folder appears whole or not at all."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.folder, self.config = folder, config

    @classmethod
    def start(cls, folder: Path, config: RunConfig) -> Run:
        """A new run. Raises `RunError` where the folder already holds one: nothing is ever overwritten."""
        if (folder / "run.json").exists():
            raise RunError(f"{folder}: holds a run already; add --resume to go on with it, or name another with --run")
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "run.json", config.model_dump_json(indent=2) + "\n")
        return cls(folder, config)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """The run in `folder`. Raises `RunError`."""
        path = folder / "run.json"
        try:
            return cls(folder, RunConfig.model_validate_json(path.read_bytes()))
        except FileNotFoundError:
            raise RunError(f"{folder}: holds no run (no run.json)") from None
        except ValidationError as error:
            raise RunError(f"{path}: not a run's description: {error.errors()[0]['msg']}") from None

    @classmethod
    def resumed(cls, folder: Path, given: Mapping[str, Any], data_sha256: Mapping[str, str]) -> Run | None:
        """The run in `folder` to go on with; None where there is none, or it is done, and is put aside then.

        The other arguments and errors are `check_resumed`'s.
        """
        cls.put_aside_published(folder)
        if not (folder / "run.json").exists():
            return None
        run = cls.open(folder)
        run.check_resumed(given, data_sha256)
        return run

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a second process out of the folder. Raises `RunError` when one is there."""
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"{self.folder}: another process is training there") from None
            yield

    def check_resumed(self, given: Mapping[str, Any], data_sha256: Mapping[str, str]) -> None:
        """A resumed run keeps its data and its recipe, whether that would be changed by the caller or in recipe.py.

        `given`: the recipe's fields that the caller sets now. Raises `RunError` or `DataError`.
        """
        then = self.config
        meant = Recipe.model_validate({**then.given, **given})
        changed = [name for name in Recipe.model_fields if getattr(meant, name) != getattr(then.recipe, name)]
        if changed:
            raise RunError(
                f"{self.folder}: a resumed run keeps its recipe; it has another {', '.join(changed)} "
                "(--run begins another run)"
            )
        if then.data_sha256 != data_sha256:
            raise DataError(f"{self.folder}: the run was begun on other data")

    def newest(self) -> tuple[Arrays, list[dict[str, Any]]]:
        """The newest checkpoint that can be read, and the history up to it; ({}, []) before the first.

        Raises `RunError` where there are checkpoints and none can be read: training is not begun anew over them.
        """
        folders = self._epochs()
        for folder in reversed(folders):
            try:
                history = json.loads((folder / "history.json").read_text())
                with np.load(folder / "state.npz", allow_pickle=False) as arrays:
                    return dict(arrays), history
            except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
                say(f"{folder}: damaged checkpoint passed over ({type(error).__name__}: {error})")
        if folders:
            raise RunError(f"{self.folder}: none of its checkpoints can be read")
        return {}, []

    def save(self, arrays: Arrays, history: list[dict[str, Any]]) -> None:
        """Adds the checkpoint of epoch `len(history)` and drops all but the two newest. Raises `RunError`."""
        folder = self.folder / f"epoch-{len(history):03d}"
        staged = self.folder / f".{folder.name}"
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.mkdir()
            np.savez(staged / "state.npz", **arrays)  # type: ignore[arg-type]
            (staged / "history.json").write_text(json.dumps(history, indent=1) + "\n")
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
        except OSError as error:
            shutil.rmtree(staged, ignore_errors=True)
            raise RunError(f"{folder}: the checkpoint could not be written: {error.strerror or error}") from error
        for old in self._epochs()[:-_KEPT]:
            shutil.rmtree(old)

    def published(self, version: int) -> None:
        """Marks the run as done: it ended in `version`."""
        _write(self.folder / _PUBLISHED, f"{version}\n")

    @staticmethod
    def put_aside_published(folder: Path) -> None:
        """Makes room for a new run in `folder` where the one in it is done: it goes to `<folder>-v<version>`."""
        if (folder / _PUBLISHED).exists():
            version = (folder / _PUBLISHED).read_text().strip()
            aside = folder.with_name(f"{folder.name}-v{version}")
            if aside.exists():
                raise RunError(f"{folder}: is done, and {aside} is in the way of putting it aside; move one of them")
            folder.rename(aside)
            say(f"{folder}: was done (version {version}) and is now {aside}")

    def _epochs(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*"), key=lambda path: int(path.name.removeprefix("epoch-")))


def _write(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}")
    staged.write_text(text)
    staged.rename(path)
