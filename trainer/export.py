"""Publishing: a version is written beside the others, verified, and appears whole under its number or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer import graph, html, lite, report
from trainer.augment import augment
from trainer.calibrate import Calibration, Rates, fit
from trainer.data import Mnist
from trainer.errors import PublishError
from trainer.evaluate import Signature, load_signature, survey
from trainer.golden import golden
from trainer.lines import Lines
from trainer.lines import load as load_lines
from trainer.manifest import CalibrationRecord, DataSet, Manifest, Students, Thresholds, now
from trainer.measure import assess
from trainer.model import multiply_adds
from trainer.npz import Pictures, fingerprint
from trainer.pool import DISTORTED, Pool
from trainer.progress import say
from trainer.recipe import Recipe
from trainer.reference import reference
from trainer.runs import Run
from trainer.served import Served

_AGREES = 1e-3


@dataclass(frozen=True)
class Candidate:
    """What is to be published.

    `about` holds the manifest's fields that nothing here measures: `source_commit`, `command`, `seed`, `libraries`,
    `parameters`, `training_data` and, where there are any, those that have a default. `fitted_on` are the pictures that the
    calibration was fitted on, of which `held_out` are measured and reported. `history` is the training's, a row an epoch;
    `served`, where it was measured, is what a running service answered.
    """

    network: graph.Network
    calibration: Calibration
    fitted_on: tuple[DataSet, ...]
    held_out: tuple[Pictures, ...]
    about: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    served: Served | None = None
    lines: Lines | None = None


def publish(
    run: Run,
    students: Sequence[Any],
    history: list[dict[str, Any]],
    pool: Pool,
    mnist: Mnist,
    root: Path,
    verify: str | None,
    sets: Sequence[Pictures] = (),
    served: Served | None = None,
    lines: Lines | None = None,
) -> Path:
    """Exports the best of `students`, float32 Keras models, as the next version below `root` and returns its folder.

    The best is the one of least loss on the validation digits, plain and distorted, once calibrated: their accuracies differ
    by a picture or two. `lines` is the reader of lines that goes with them. The other arguments and errors are `release`'s; the
    run's checkpoint is there to export again.
    """
    recipe = run.config.recipe
    networks = [graph.of_model(student) for student in students]
    choices = [_calibrate(network, pool, mnist, recipe) for network in networks]
    losses = [calibration.loss for calibration, _ in choices]
    best = losses.index(min(losses))
    if len(students) > 1:
        shown = ", ".join(f"{loss:.4f}" for loss in losses)
        say(f"losses on validation, plain and distorted: {shown}; student {best + 1} is published")
    calibration, fitted_on = choices[best]
    about = {
        "source_commit": run.config.source_commit,
        "command": run.config.command,
        "seed": recipe.seed,
        "libraries": run.config.libraries,
        "parameters": students[best].count_params(),
        "training_data": tuple(
            DataSet(name=part.name, pictures=len(part.images), sha256=part.sha256) for part in pool.parts
        ),
        "multiply_adds": multiply_adds(students[best]),
        "students": Students(
            released=best,
            losses=tuple(losses),
            test_accuracies=tuple(_accuracy(network, mnist) for network in networks),
        ),
    }
    held_out = Pictures(
        name="mnist_validation",
        images=pool.validation_images,
        labels=pool.validation_labels,
        files=np.full(len(pool.validation_labels), "mnist"),
        sha256=mnist.sha256["train_images"],
    )
    return release(
        Candidate(networks[best], calibration, fitted_on, (held_out,), about, history, served, lines),
        mnist,
        root,
        verify,
        sets,
    )


def _accuracy(network: graph.Network, mnist: Mnist) -> float:
    digits, _ = graph.answers(network, mnist.test_images)
    return float((digits.argmax(1) == mnist.test_labels).mean())


def _calibrate(
    network: graph.Network, pool: Pool, mnist: Mnist, recipe: Recipe
) -> tuple[Calibration, tuple[DataSet, ...]]:
    """On the pool's validation digits, plain and distorted, and its held-out outliers."""
    distorted = augment(pool.validation_images, recipe, [recipe.seed, DISTORTED])
    digits, is_digit = graph.answers(network, np.concatenate([pool.validation_images, distorted]))
    _, outliers = graph.answers(network, pool.validation_outliers)
    asked = Rates(recipe.kept_digits, recipe.wrong_of_ok, recipe.coverage)
    labels = np.concatenate([pool.validation_labels, pool.validation_labels])
    calibration = fit(digits, labels, is_digit, outliers, asked, plain=len(pool.validation_labels))
    sets = {
        "mnist_validation": (pool.validation_images, mnist.sha256["train_images"]),
        "mnist_validation_distorted": (distorted, fingerprint(distorted[:1000])),
        "held_out_outliers": (pool.validation_outliers, fingerprint(pool.validation_outliers[:1000])),
    }
    return calibration, tuple(DataSet(name=n, pictures=len(i), sha256=h) for n, (i, h) in sets.items())


def release(candidate: Candidate, mnist: Mnist, root: Path, verify: str | None, sets: Sequence[Pictures] = ()) -> Path:
    """Publishes the next version below `root`, measured on `mnist`'s test set and on `sets`, and returns its folder.

    `verify` is a command that is given the staged folder as its last word and must exit 0 (`python -m service verify`).
    Raises `PublishError`, or `DataError` where a set lacks labels; then nothing new is below `root`.
    """
    calibration = candidate.calibration
    with _staging(root) as (staged, version):
        graph.save(candidate.network, calibration, staged, candidate.lines.network if candidate.lines else None)
        answer = load_signature(staged)
        _check(answer, candidate, mnist)
        thresholds = Thresholds(calibration.confidence, calibration.digit_probability)
        found = survey(answer, thresholds, mnist, sets)
        measured = [found.test.as_metrics("mnist_test", mnist.sha256["test_images"])]
        for held_out in candidate.held_out:
            digits = assess(*answer(held_out.images[held_out.digits]), held_out.labels[held_out.digits], thresholds)
            measured.append(digits.as_metrics(held_out.name, held_out.sha256))
        manifest = Manifest.model_validate(
            {
                **candidate.about,
                **reference(answer, candidate.held_out),
                "version": version,
                "created": now(),
                "thresholds": thresholds,
                "calibration": CalibrationRecord.of(calibration, candidate.fitted_on),
                "lines": candidate.lines.record if candidate.lines else None,
                "metrics": [*measured, *(entry for score in found.sets for entry in score.as_metrics())],
            }
        )
        (staged / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n")
        reads = load_lines(staged) if candidate.lines else None
        (staged / "golden.npz").write_bytes(golden(answer, reads))
        with np.load(staged / "golden.npz") as questions:
            every = manifest.parameters + (manifest.lines.parameters if manifest.lines else 0)
            lines = questions["lines"] if manifest.lines else None
            lite.write(staged, every, mnist.test_images, questions["images"], lines)
        (staged / "report").mkdir()
        card = report.model_card(
            manifest.model_dump(mode="json"),
            found.test,
            candidate.history,
            sets=found.sets,
            corruptions=found.corruptions,
            served=candidate.served,
        )
        html.write(staged / "report" / "index.html", card)
        (staged / "SHA256SUMS").write_text(checksums(staged))
        if verify:
            _verify(verify, staged)
        folder = root / str(version)
        staged.rename(folder)
    result = found.test.accuracy
    say(f"published {folder}: MNIST test {result.value:.2%}, {result.failures} wrong of {result.trials:,}")
    return folder


def next_version(root: Path) -> int:
    """One more than the highest version below `root`."""
    return max((int(path.name) for path in root.iterdir() if path.name.isdecimal()), default=0) + 1


def checksums(folder: Path) -> str:
    """`SHA256SUMS` of every file below `folder` but itself, in `sha256sum`'s format, sorted by name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / "SHA256SUMS")
    return "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n" for p in files)


@contextmanager
def _staging(root: Path) -> Iterator[tuple[Path, int]]:
    """A fresh `.staging-N` for the next version N, held against a second publisher; it is gone afterwards."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PublishError(f"{root}: another run is publishing there; try again when it is done") from None
            version = next_version(root)
            staged = root / f".staging-{version}"
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir()
            try:
                yield staged, version
            finally:
                shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        raise PublishError(f"{error.filename or root}: {error.strerror or error}; nothing was published") from error


def _check(answer: Signature, candidate: Candidate, mnist: Mnist) -> None:
    """The exported graph must answer as the network does."""
    images, scales = mnist.test_images[:64], candidate.calibration.scales
    digits, is_digit = graph.answers(candidate.network, images)
    expected = (scales.probabilities(digits, is_digit), scales.digit_probability(is_digit))
    difference = max(float(np.abs(a - e).max()) for a, e in zip(answer(images), expected, strict=True))
    if not difference < _AGREES:
        raise PublishError(f"the exported graph differs from the network by {difference:.2g}; nothing was published")


def _verify(command: str, staged: Path) -> None:
    done = subprocess.run([*shlex.split(command), str(staged)], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise PublishError(
            f"not published: `{command}` refused it: {lines[-1] if lines else f'exit {done.returncode}'}"
        )
    for line in done.stdout.splitlines():
        say(line)
