"""`manifest.json` as the trainer writes it; docs/artifact.md says what the fields mean."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass

from trainer.calibrate import Calibration, Rates

SCHEMA_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputContract(_Strict):
    """How a picture is normalised before the graph sees it."""

    canvas: int = 28
    box: int = 20
    centering: Literal["mass"] = "mass"
    ink: Literal["bright"] = "bright"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Thresholds:
    """At or above both, a reading is `ok`."""

    confidence: float
    digit_probability: float


class DataSet(_Strict):
    """What was trained on or measured on."""

    name: str
    pictures: int
    sha256: str


class Metrics(DataSet):
    """Shares from 0 to 1; the accuracy with its 95 % interval. None where the set has no pictures for it."""

    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    ece: float | None = None
    coverage: float | None = None
    accuracy_of_ok: float | None = None
    refused: float | None = None
    auroc: float | None = None


class CalibrationRecord(_Strict):
    """How the outputs were scaled and the thresholds chosen, and on what; `calibrate.Calibration` says what the figures mean."""

    temperature: float
    trust: float
    slope: float
    offset: float
    asked: Rates
    attained: Rates
    data: tuple[DataSet, ...]

    @classmethod
    def of(cls, calibration: Calibration, data: tuple[DataSet, ...]) -> CalibrationRecord:
        """The record of a calibration that was fitted on `data`."""
        return cls(
            temperature=calibration.scales.temperature,
            trust=calibration.scales.trust,
            slope=calibration.scales.slope,
            offset=calibration.scales.offset,
            asked=calibration.asked,
            attained=calibration.attained,
            data=data,
        )


class LineContract(_Strict):
    """How a line of writing is brought before the network that reads lines."""

    height: int = 32
    digit: int = 20
    centering: Literal["mass"] = "mass"
    ink: Literal["bright"] = "bright"
    step: int = 2


class LineMeasurement(_Strict):
    """How well lines of digits that were held out are read: shares of whole lines, and the ECE of the confidence in one."""

    lines: int
    accuracy: float
    apart: float
    none: float
    ece: float


class LineReader(_Strict):
    """The network that reads lines; docs/artifact.md says what the fields mean."""

    input: LineContract = LineContract()
    parameters: int
    temperature: float
    favour: float = 1.25
    command: str
    source_commit: str
    lines_seen: int
    validation: LineMeasurement


class Students(_Strict):
    """The networks that were trained alike, side by side, in their order; `released`, from 0, is the one in this version.

    `losses` are what it was chosen by: `calibrate.Calibration.loss` on the validation pictures, plain and distorted.
    `test_accuracies` were measured afterwards.
    """

    released: int
    losses: tuple[float, ...]
    test_accuracies: tuple[float, ...]


class Distribution(_Strict):
    """Shares of values in bins that end where `edges` are; a value on an edge is in the upper bin."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]


class Reference(_Strict):
    """What the graph answered to the pictures of `data`; the service compares with it what it answers in use."""

    data: tuple[DataSet, ...]
    confidence: Distribution
    digit_probability: Distribution
    digit: Distribution


class Manifest(_Strict):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    name: str = "digits"
    version: int
    created: str
    source_commit: str
    command: str
    seed: int
    libraries: dict[str, str]
    labels: tuple[int, ...] = tuple(range(10))
    input: InputContract = InputContract()
    thresholds: Thresholds
    parameters: int
    training_data: tuple[DataSet, ...]
    metrics: tuple[Metrics, ...]
    multiply_adds: int | None = None
    calibration: CalibrationRecord | None = None
    parent: int | None = None
    students: Students | None = None
    lines: LineReader | None = None
    reference: Reference | None = None


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def libraries() -> dict[str, str]:
    """The versions that a result depends on."""
    names = {
        "tensorflow": ("tensorflow-cpu", "tensorflow"),
        "keras": ("keras",),
        "numpy": ("numpy",),
        "opencv": ("opencv-python-headless",),
    }
    found = {"python": platform.python_version()}
    for name, packages in names.items():
        for package in packages:
            try:
                found[name] = metadata.version(package)
                break
            except metadata.PackageNotFoundError:
                continue
    return found


def source_commit() -> str:
    """The checkout's commit, with `+changes` where files differ from it; "unknown" outside a checkout."""

    def git(*words: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return commit + ("+changes" if git("status", "--porcelain", "--untracked-files=no", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
