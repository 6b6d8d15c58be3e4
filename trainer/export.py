"""Publishing: a version is written beside the others, verified, and appears whole under its number or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from trainer import graph, html, report
from trainer.calibrate import Calibration, calibrate, sigmoid, softmax
from trainer.data import Mnist
from trainer.errors import PublishError
from trainer.evaluate import evaluate, load_signature
from trainer.fit import Pool, logits
from trainer.golden import golden
from trainer.manifest import DataSet, Manifest, Metrics, Thresholds, now
from trainer.model import in_float32
from trainer.progress import say
from trainer.runs import Run

_AGREES = 1e-3


def publish(
    run: Run, model: Any, history: list[dict[str, Any]], pool: Pool, mnist: Mnist, root: Path, verify: str | None
) -> Path:
    """Exports `model` as the next version below `root` and returns its folder; `mnist` gives the test set that is reported.

    `verify` is a command that is given the staged folder as its last word and must exit 0 (`python -m service verify`).
    Raises `PublishError`; then nothing new is below `root`, and the run's checkpoint is there to export again.
    """
    recipe = run.config.recipe
    plain = in_float32(model, recipe)
    calibration = calibrate(plain, pool, recipe)
    with _staging(root) as (staged, version):
        graph.save(plain, calibration, staged)
        thresholds = Thresholds(calibration.confidence, calibration.digit_probability)
        tested = evaluate(staged, mnist.test_images, mnist.test_labels, thresholds)
        validated = evaluate(staged, pool.validation_images, pool.validation_labels, thresholds)
        manifest = Manifest(
            version=version,
            created=now(),
            source_commit=run.config.source_commit,
            command=run.config.command,
            seed=recipe.seed,
            libraries=run.config.libraries,
            thresholds=thresholds,
            parameters=plain.count_params(),
            training_data=tuple(
                DataSet(name=name, pictures=count, sha256=pool.drawn_sha256.get(name, mnist.sha256["train_images"]))
                for name, count in pool.sources.items()
            ),
            metrics=(
                Metrics.model_validate(tested.as_metrics("mnist_test", mnist.sha256["test_images"])),
                Metrics.model_validate(validated.as_metrics("mnist_validation", mnist.sha256["train_images"])),
            ),
        )
        (staged / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n")
        (staged / "golden.npz").write_bytes(golden(load_signature(staged)))
        (staged / "report").mkdir()
        html.write(
            staged / "report" / "index.html", report.model_card(manifest.model_dump(mode="json"), tested, history)
        )
        (staged / "SHA256SUMS").write_text(checksums(staged))
        _check(staged, plain, calibration, mnist)
        if verify:
            _verify(verify, staged)
        folder = root / str(version)
        staged.rename(folder)
    result = tested.accuracy
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


def _check(staged: Path, plain: Any, calibration: Calibration, mnist: Mnist) -> None:
    """The exported graph must answer as the network does."""
    images = mnist.test_images[:64]
    digits, is_digit = logits(plain, images)
    expected = (softmax(digits / calibration.temperature), sigmoid(calibration.slope * is_digit + calibration.offset))
    answered = load_signature(staged)(images)
    difference = max(float(np.abs(a - e).max()) for a, e in zip(answered, expected, strict=True))
    if not difference < _AGREES:
        raise PublishError(f"{staged}: the exported graph differs from the trained network by {difference:.2g}")


def _verify(command: str, staged: Path) -> None:
    done = subprocess.run([*shlex.split(command), str(staged)], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise PublishError(
            f"not published: `{command}` refused it: {lines[-1] if lines else f'exit {done.returncode}'}"
        )
    for line in done.stdout.splitlines():
        say(line)
