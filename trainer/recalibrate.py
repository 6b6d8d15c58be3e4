"""A published network once more: calibrated anew on pictures that were normalised elsewhere, or with another reader of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from trainer import graph, lines
from trainer.calibrate import Calibration, Rates, Scales, fit
from trainer.data import Mnist
from trainer.errors import DataError, TrainerError
from trainer.export import Candidate, checksums, release
from trainer.manifest import DataSet, Manifest, libraries, source_commit
from trainer.npz import Pictures
from trainer.served import Served

LEAST = 100
"""Pictures of each kind that a calibration needs at the very least; a rate of one in a thousand is known by thousands only."""


@dataclass(frozen=True)
class _Logits:
    """The network's answers to the digits of some pictures, `digits` `[N, 10]`, `is_digit` `[N]`, and to their outliers."""

    digits: NDArray[np.float64]
    labels: NDArray[np.int64]
    is_digit: NDArray[np.float64]
    outliers: NDArray[np.float64]


def recalibrate(
    artifact: Path,
    sets: Sequence[Pictures],
    asked: Rates,
    mnist: Mnist,
    root: Path,
    verify: str | None,
    *,
    command: str,
    distorted: Sequence[Pictures] = (),
    measured: Sequence[Pictures] = (),
    served: Served | None = None,
) -> Path:
    """Publishes the network of `artifact`, fitted to `sets`, as the next version below `root`; returns its folder.

    Temperature and `digit_probability` are fitted on `distorted` as well; the thresholds are for `sets` alone. `measured` are
    reported, not fitted on. The manifest's `parent` is the artifact's version, and `command` is told there.
    Raises `DataError` where digits or outliers are too few or a label is unknown; `TrainerError` where the artifact is damaged
    or has no signature `logits`; and as `export.release`.
    """
    for pictures in (*sets, *distorted, *measured):
        pictures.need_labels()
    for name, count in (
        ("of a digit (labels 0 to 9)", sum(int(p.digits.sum()) for p in sets)),
        ("without one (label -1)", sum(int(p.outliers.sum()) for p in sets)),
    ):
        if count < LEAST:
            names = ", ".join(f"{pictures.name}.npz" for pictures in sets)
            raise DataError(
                f"{names}: {count} pictures {name}; a calibration needs {LEAST} at least, and of both kinds"
            )
    parent = open_manifest(artifact)
    network = graph.of_artifact(artifact)
    plain, others = _ask(network, sets), _ask(network, distorted)
    calibration = fit(
        np.concatenate([plain.digits, others.digits]),
        np.concatenate([plain.labels, others.labels]),
        np.concatenate([plain.is_digit, others.is_digit]),
        np.concatenate([plain.outliers, others.outliers]),
        asked,
        plain=len(plain.labels),
    )
    about = _about(parent, command)
    fitted_on = tuple(DataSet(name=p.name, pictures=len(p.labels), sha256=p.sha256) for p in (*sets, *distorted))
    held_out = tuple(pictures for pictures in sets if pictures.digits.any())
    reader = lines.of_artifact(artifact, parent)
    candidate = Candidate(network, calibration, fitted_on, held_out, about, served=served, lines=reader)
    return release(candidate, mnist, root, verify, measured)


def release_with_lines(
    artifact: Path,
    reader: lines.Lines,
    mnist: Mnist,
    root: Path,
    verify: str | None,
    measured: Sequence[Pictures] = (),
) -> Path:
    """Publishes the network of `artifact`, its calibration and all, with another reader of lines as the next version.

    Raises `TrainerError` where the artifact is damaged, or older than its format; and as `export.release`.
    """
    parent = open_manifest(artifact)
    record = parent.calibration
    if record is None:
        raise TrainerError(f"{artifact}: its manifest does not tell its calibration, so it cannot be published anew")
    scales = Scales(record.temperature, record.trust, record.slope, record.offset)
    thresholds = parent.thresholds
    kept = Calibration(
        scales, thresholds.confidence, thresholds.digit_probability, record.asked, record.attained, loss=0.0
    )
    about = {**_about(parent, parent.command), "source_commit": parent.source_commit, "libraries": parent.libraries}
    about["reference"] = parent.reference  # the network and its calibration are the same
    candidate = Candidate(graph.of_artifact(artifact), kept, record.data, (), about, lines=reader)
    return release(candidate, mnist, root, verify, measured)


def _about(parent: Manifest, command: str) -> dict[str, Any]:
    """What the manifest of a version tells that has its network from `parent`."""
    return {
        "source_commit": source_commit(),
        "command": command,
        "seed": parent.seed,
        "libraries": libraries(),
        "parameters": parent.parameters,
        "training_data": parent.training_data,
        "multiply_adds": parent.multiply_adds,
        "students": parent.students,
        "parent": parent.version,
    }


def open_manifest(artifact: Path) -> Manifest:
    """The manifest of an artifact whose files are what was published."""
    try:
        sums = (artifact / "SHA256SUMS").read_text()
        if sums != checksums(artifact):
            raise TrainerError(f"{artifact}: is damaged: its files are not those of SHA256SUMS")
        return Manifest.model_validate_json((artifact / "manifest.json").read_bytes())
    except OSError as error:
        raise TrainerError(f"{error.filename or artifact}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TrainerError(f"{artifact / 'manifest.json'}: {where}: {first['msg']}") from None


def _ask(network: graph.Network, sets: Sequence[Pictures]) -> _Logits:
    nothing = np.zeros((0, 28, 28), np.uint8)
    images = np.concatenate([nothing, *(pictures.images for pictures in sets)])
    labels = np.concatenate([np.zeros(0, np.int64), *(pictures.labels for pictures in sets)])
    digits, is_digit = graph.answers(network, images)
    shown = labels >= 0
    return _Logits(digits[shown], labels[shown], is_digit[shown], is_digit[~shown])
