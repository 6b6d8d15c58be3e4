"""A training run's folder: its recipe, and a checkpoint after every epoch that a kill -9 cannot spoil."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from trainer.errors import RunError
from trainer.progress import say
from trainer.recipe import Recipe

_KEPT = 2
_PUBLISHED = "published"


class RunConfig(BaseModel):
    """What a resumed run must not change."""

    recipe: Recipe
    command: str
    data_sha256: dict[str, str]


class Run:
    """`<folder>/run.json` and `<folder>/epoch-NNN/{model.keras,history.json}`; an epoch's folder appears whole or not at all."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.folder, self.config = folder, config

    @classmethod
    def start(cls, folder: Path, config: RunConfig) -> Run:
        """A new run. Raises `RunError` where the folder already holds one: nothing is ever overwritten."""
        if (folder / "run.json").exists():
            raise RunError(f"{folder}: holds a run already; add --resume to go on with it, or name another with --run")
        folder.mkdir(parents=True, exist_ok=True)
        staged = folder / ".run.json"
        staged.write_text(config.model_dump_json(indent=2) + "\n")
        staged.rename(folder / "run.json")
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

    def newest(self) -> tuple[Any, list[dict[str, Any]]]:
        """The newest checkpoint that can be read, with its optimizer, and the history up to it; (None, []) if there is none."""
        import keras

        for folder in sorted(self.folder.glob("epoch-*"), reverse=True):
            try:
                history = json.loads((folder / "history.json").read_text())
                return keras.models.load_model(folder / "model.keras"), history
            except Exception as error:  # whatever Keras makes of a damaged file
                aside = folder.with_name(f"damaged-{folder.name}")  # so that it does not count as the newest any more
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                say(f"{folder}: damaged checkpoint put aside as {aside.name} ({reason})")
        return None, []

    def published(self, version: int) -> None:
        """Marks the run as done: it ended in `version`."""
        (self.folder / _PUBLISHED).write_text(f"{version}\n")

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

    def save(self, model: Any, history: list[dict[str, Any]]) -> None:
        """Adds the checkpoint of epoch `len(history)` and drops all but the two newest. Raises `RunError`."""
        folder = self.folder / f"epoch-{len(history):03d}"
        staged = self.folder / f".{folder.name}"
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.mkdir()
            model.save(staged / "model.keras")
            (staged / "history.json").write_text(json.dumps(history, indent=1) + "\n")
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
        except OSError as error:
            shutil.rmtree(staged, ignore_errors=True)
            raise RunError(f"{folder}: the checkpoint could not be written: {error.strerror or error}") from error
        for old in sorted(self.folder.glob("epoch-*"))[:-_KEPT]:
            shutil.rmtree(old)
