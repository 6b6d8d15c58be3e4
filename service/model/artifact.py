"""An artifact: its checksums and its manifest, both of which must hold before the model in it is loaded (docs/artifact.md)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field, ValidationError

from service.errors import ArtifactRefused
from service.model.part import DataSet, Part
from service.model.reference import Reference

CHECKSUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<name>.+)")


class InputContract(Part):
    """How a picture is normalised before the model sees it; this service knows this one way."""

    canvas: Literal[28] = Field(description="Side of the picture that the model sees, in pixels.")
    box: Literal[20] = Field(description="Side of the box that the ink is scaled into, in pixels.")
    centering: Literal["mass"] = Field(description="What is put in the middle: the ink's centre of mass.")
    ink: Literal["bright"] = Field(description="The ink's polarity as the model sees it.")


class ThresholdValues(Part):
    """At or above both a reading is `ok`."""

    confidence: float = Field(ge=0, le=1, description="Least probability of the best digit.")
    digit_probability: float = Field(ge=0, le=1, description="Least probability that the ink is one whole digit.")


class Measurement(DataSet):
    """How well the model does on one data set; null where it was not measured."""

    accuracy: float | None = Field(None, description="Share of pictures whose best digit is right.")
    accuracy_low: float | None = Field(None, description="Lower end of the accuracy's 95 % confidence interval.")
    accuracy_high: float | None = Field(None, description="Upper end of the accuracy's 95 % confidence interval.")
    ece: float | None = Field(None, description="Expected calibration error.")
    coverage: float | None = Field(None, description="Share of pictures that are answered `ok`.")
    accuracy_of_ok: float | None = Field(None, description="Accuracy among those.")
    refused: float | None = Field(None, description="Share of pictures without a digit that are refused.")
    auroc: float | None = Field(
        None, description="Chance that a digit of MNIST's test set has a higher digit probability than one of those."
    )


class Rates(Part):
    """Shares that thresholds were asked for, or attained on the digits that they were chosen on."""

    kept_digits: float = Field(description="Share of the digits that are taken for one.")
    wrong_of_ok: float = Field(description="Share of what is answered `ok` that is wrong.")
    coverage: float = Field(description="Share of the digits that are answered `ok`; it goes before `wrong_of_ok`.")


class Calibration(Part):
    """How the outputs were scaled and the thresholds chosen, and on what."""

    temperature: float = Field(gt=0, description="What the digits' logits are divided by.")
    trust: float = Field(description="How much a higher `digit_probability` sharpens the digits' probabilities.")
    slope: float = Field(description="What the logit of `digit_probability` is multiplied by.")
    offset: float = Field(description="What is added to it then.")
    asked: Rates = Field(description="What the thresholds were to attain.")
    attained: Rates = Field(description="What they attain on the plain digits among the data.")
    data: list[DataSet] = Field(description="What they were fitted on.")


class LineContract(Part):
    """How a line of writing is brought before the model; this service knows this one way."""

    height: Literal[32] = Field(description="Height of the picture that the model sees, in pixels.")
    digit: Literal[20] = Field(description="Height that the line's digits are scaled to, in pixels.")
    centering: Literal["mass"] = Field(description="What is put in the middle row: the ink's centre of mass.")
    ink: Literal["bright"] = Field(description="The ink's polarity as the model sees it.")
    step: Literal[2] = Field(description="Pixels that a column of the answer stands for.")


class LineMeasurement(Part):
    """How well lines were read that the trainer wrote of digits that were not trained on."""

    lines: int = Field(ge=0, description="How many they are.")
    accuracy: float = Field(description="Share of the lines of digits of which the whole text is right.")
    apart: float = Field(description="The same of those in which no two digits touch.")
    none: float = Field(description="Share of the lines without a digit in which none is read.")
    ece: float = Field(description="Expected calibration error of the confidence in a whole line.")


class LineReader(Part):
    """The network that reads lines: what it expects, and how it was trained and measured."""

    input: LineContract = Field(description="How a line is brought before the model.")
    parameters: int = Field(ge=0, description="How many parameters it has.")
    temperature: float = Field(gt=0, description="What its logits are divided by.")
    favour: float = Field(1.25, description="What its digits have before none when a text is chosen, as a logarithm.")
    command: str = Field(description="The command that trained it.")
    source_commit: str = Field(description="Commit of the trainer, or `unknown`.")
    lines_seen: int = Field(ge=0, description="How many lines it was trained on, no two of them alike.")
    validation: LineMeasurement = Field(description="What it was measured to do.")


class Students(Part):
    """The networks that were trained alike, of which one was released: what its accuracy owes to chance."""

    released: int = Field(ge=0, description="Which of them is in this version, from 0.")
    losses: list[float] = Field(description="What it was chosen by: the loss of each on the validation pictures.")
    test_accuracies: list[float] = Field(description="Accuracy of each on MNIST's test set, measured afterwards.")


class Manifest(Part):
    """What a version of the model is, expects and was measured to do."""

    schema_version: Literal[1] = Field(description="Version of this layout.")
    name: str = Field(min_length=1, description="Name of the model.")
    version: int = Field(ge=1, description="Version of the model.")
    created: datetime = Field(description="When it was published.")
    source_commit: str = Field(description="Commit of the trainer, or `unknown`.")
    command: str = Field(description="The command that trained it.")
    seed: int = Field(description="Seed of the training.")
    libraries: dict[str, str] = Field(description="Versions of the libraries that it was trained with.")
    labels: list[int] = Field(description="What the ten outputs stand for.")
    input: InputContract = Field(description="How a picture is normalised before the model sees it.")
    thresholds: ThresholdValues = Field(description="What divides `ok`, `uncertain` and `not_a_digit`.")
    parameters: int = Field(ge=0, description="How many parameters the model has.")
    training_data: list[DataSet] = Field(description="What it was trained on.")
    metrics: list[Measurement] = Field(description="What it was measured to do.")
    multiply_adds: int | None = Field(
        None, ge=0, description="Multiplications with an addition that one picture takes."
    )
    calibration: Calibration | None = Field(None, description="How the outputs were scaled and the thresholds chosen.")
    parent: int | None = Field(
        None, ge=1, description="Version whose network this is, recalibrated; null: a new network."
    )
    lines: LineReader | None = Field(
        None, description="The network that reads lines of digits; null: the version reads single digits only."
    )
    students: Students | None = Field(None, description="The networks that were trained alike.")
    reference: Reference | None = Field(
        None, description="What it answered to its validation pictures; null: drift is not measured."
    )


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version whose files are what was published. `files` counts them, SHA256SUMS aside."""

    folder: Path
    manifest: Manifest
    files: int


def open_artifact(folder: Path, digest: str | None = None) -> Artifact:
    """Verifies one version's folder. Raises `ArtifactRefused`, which names the file. `digest` pins SHA256SUMS itself."""
    try:
        sums = (folder / CHECKSUMS).read_bytes()
    except OSError:
        raise ArtifactRefused(CHECKSUMS, "is missing or cannot be read") from None
    if digest is not None and hashlib.sha256(sums).hexdigest() != digest.lower():
        raise ArtifactRefused(CHECKSUMS, "is not the one that the setting DIGITS_DIGEST asks for")
    listed = dict(_listed(sums))
    for name, expected in listed.items():
        if _sha256(folder, name) != expected:
            raise ArtifactRefused(name, f"is damaged: its sha256 is not the one in {CHECKSUMS}")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in listed and name != CHECKSUMS:
            raise ArtifactRefused(name, f"is not listed in {CHECKSUMS}")
    for name in (MANIFEST, "golden.npz", "saved_model.pb"):
        if name not in listed:
            raise ArtifactRefused(name, "is missing")
    return Artifact(folder, _manifest(folder), len(listed))


def _listed(sums: bytes) -> Iterator[tuple[str, str]]:
    try:
        lines = sums.decode().splitlines()
    except UnicodeDecodeError:
        raise ArtifactRefused(CHECKSUMS, "is damaged: it is not UTF-8") from None
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        # A name that leads out of the folder would let a list vouch for a file that is not published with it.
        if match is None or PurePosixPath(match["name"]).is_absolute() or ".." in PurePosixPath(match["name"]).parts:
            raise ArtifactRefused(CHECKSUMS, f"is damaged in line {number}")
        yield PurePosixPath(match["name"]).as_posix(), match["digest"]


def _sha256(folder: Path, name: str) -> str:
    try:
        with (folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ArtifactRefused(name, "is missing") from None
    except OSError as error:
        raise ArtifactRefused(name, f"cannot be read: {error.strerror}") from None


def _manifest(folder: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactRefused(MANIFEST, f"{where}: {first['msg']}" if where else first["msg"]) from None
    if manifest.labels != list(range(10)):
        raise ArtifactRefused(MANIFEST, "labels: must be the digits 0 to 9")
    if folder.name.isdecimal() and manifest.version != int(folder.name):
        raise ArtifactRefused(MANIFEST, f"version: is {manifest.version}, but the folder is called {folder.name}")
    return manifest
