"""How a running service reads, as `python -m benchmarks.accuracy --json FILE` measured it: the report shows it beside the model."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.errors import DataError


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Measured(_Strict):
    """One set. Shares from 0 to 1: `error`, what is refused included; `ok` and `refused` of all; None where nothing tells."""

    name: str
    pictures: int
    error: float
    ok: float
    right_of_ok: float | None
    refused: float
    ece: float | None
    ece_low: float | None
    ece_high: float | None


class Row(_Measured):
    """A set of pictures of one digit or none."""

    auroc: float | None


class NumberRow(_Measured):
    """A set of numbers, whose whole text must be right; `distance`: mean edit distance over the longer text's length."""

    distance: float


class Served(_Strict):
    """The whole file: sets of pictures as they are, MNIST's test set under each corruption, by its name, and numbers."""

    sets: tuple[Row, ...]
    corruptions: tuple[Row, ...]
    numbers: tuple[NumberRow, ...] = ()


def load_served(path: Path) -> Served:
    """The measurement in `path`. Raises `DataError`."""
    try:
        return Served.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: not what benchmarks.accuracy --json writes: {where}: {first['msg']}") from None
