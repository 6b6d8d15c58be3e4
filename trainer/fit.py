"""Training in two phases, teachers and students: epochs that depend on the seed and their number alone, a checkpoint after each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainerError
from trainer.model import build, logits
from trainer.pool import Pool, make_epoch
from trainer.progress import Progress, say
from trainer.recipe import Network, Recipe
from trainer.runs import Run
from trainer.towers import Arrays, Towers, named, of_tutors, set_all, tutors_part

History = list[dict[str, Any]]
_MARKS = (0.99, 0.995)


@dataclass(frozen=True)
class Phase:
    """`networks` trained side by side for `epochs`, the first of them epoch number `first` (from 0) of the run."""

    name: Literal["teachers", "students"]
    networks: tuple[Network, ...]
    first: int
    epochs: int

    @property
    def end(self) -> int:
        """The number of the epoch after its last."""
        return self.first + self.epochs


def phases(recipe: Recipe) -> list[Phase]:
    """What the recipe trains, in order."""
    students = (recipe.network,) * recipe.students
    if not recipe.teachers or recipe.together:
        return [Phase("students", students, 0, recipe.epochs)]
    return [
        Phase("teachers", recipe.teachers, 0, recipe.teacher_epochs),
        Phase("students", students, recipe.teacher_epochs, recipe.epochs),
    ]


def train(run: Run, pool: Pool) -> tuple[list[Any], History]:
    """Trains from the run's newest checkpoint, or from the start, to the recipe's last epoch.

    Returns the students, float32 Keras models with averaged weights, and the history, a row an epoch. Raises `RunError`.
    """
    recipe = run.config.recipe
    plan = phases(recipe)
    pools = {"teachers": pool.digits_only(), "students": pool}
    steps = {name: -(-taken.pictures // recipe.batch_size) for name, taken in pools.items()}
    state, history = run.newest()
    if history:
        say(f"resumed after epoch {len(history)} of {plan[-1].end}")
    else:
        parts = ", ".join(f"{part.name} {part.each:,}" for part in pool.parts)
        say(f"training in {run.config.precision}: {pool.pictures:,} pictures an epoch ({parts}), {plan[-1].end} epochs")
    towers: Towers | None = None
    each = [steps[phase.name] for phase in plan for _ in range(phase.epochs)]
    with Progress(each, done=len(history)) as progress:
        for phase in plan:
            if len(history) > phase.end or (len(history) == phase.end and phase is not plan[-1]):
                continue
            tutors = _tutors(run, steps[phase.name])
            teachers = [] if phase is plan[0] else _taught_by(recipe, run.config.precision, towers, state)
            towers = _begin(phase, run, steps[phase.name], tutors.averaged if tutors else teachers)
            if len(history) > phase.first:
                towers.restore(state)
                if tutors:
                    tutors.restore(tutors_part(state))
            for epoch in range(len(history), phase.end):
                row = _one_epoch(towers, tutors, phase, epoch, pools[phase.name], recipe, progress)
                history.append(row)
                run.save(towers.state() | _kept(teachers) | (of_tutors(tutors.state()) if tutors else {}), history)
                progress.epoch_done(row)
            state = towers.state()
    assert towers is not None
    say_times(history)
    return towers.averaged, history


def students_of(run: Run) -> tuple[list[Any], History]:
    """The students as the run's newest checkpoint left them. Raises `RunError`, or `TrainerError` before the first of theirs."""
    state, history = run.newest()
    recipe = run.config.recipe
    plan = phases(recipe)[-1]
    if len(history) <= plan.first:
        raise TrainerError(f"{run.folder}: has no finished epoch of a student yet")
    models = [build(network, recipe, "float32") for network in plan.networks]
    set_all(models, named(state, "average"))
    return models, history


def say_times(history: History) -> None:
    """Prints how long it took until the validation accuracy first reached 99.0 and 99.5 %."""
    for mark in _MARKS:
        at = next((i for i, row in enumerate(history) if row["val_accuracy"] >= mark), None)
        if at is None:
            say(f"{mark:.1%} of the validation pictures: not reached")
        else:
            seconds = sum(row["seconds"] for row in history[: at + 1])
            say(f"{mark:.1%} of the validation pictures: after epoch {at + 1}, {seconds:.0f} s")


def _tutors(run: Run, steps: int) -> Towers | None:
    """The teachers, where they learn along with the students."""
    recipe = run.config.recipe
    if not recipe.together or not recipe.teachers:
        return None
    return _begin(Phase("teachers", recipe.teachers, recipe.epochs, recipe.epochs), run, steps, [])


def _begin(phase: Phase, run: Run, steps: int, teachers: Sequence[Any]) -> Towers:
    import keras

    recipe = run.config.recipe
    keras.utils.set_random_seed(recipe.seed + phase.first)
    return Towers(phase.networks, recipe, run.config.precision, steps, phase.epochs, teachers)


def _taught_by(recipe: Recipe, precision: str, trained: Towers | None, state: Arrays) -> list[Any]:
    """The teachers: as they have just been trained, or as a checkpoint of the students' phase holds them."""
    models = [build(network, recipe, precision) for network in recipe.teachers]
    set_all(models, named(state, "teacher") or named(state, "average"))
    return models


def _kept(teachers: Sequence[Any]) -> Arrays:
    every = [array for model in teachers for array in model.get_weights()]
    return {f"teacher_{i:04d}": array for i, array in enumerate(every)}


def _one_epoch(
    towers: Towers,
    tutors: Towers | None,
    phase: Phase,
    epoch: int,
    pool: Pool,
    recipe: Recipe,
    progress: Progress,
) -> dict[str, Any]:
    started = time.monotonic()
    images, labels, hashes = make_epoch(pool, recipe, epoch)
    for each in (tutors, towers):
        if each:
            each.begin_epoch(epoch)
    figures = []
    for at in range(0, len(images), recipe.batch_size):
        batch, names = images[at : at + recipe.batch_size], labels[at : at + recipe.batch_size]
        if tutors:
            tutors.step(batch[names >= 0], names[names >= 0])
        figures.append(towers.step(batch, names))
        progress.batch_done(epoch, len(figures), *figures[-1])
    loss, accuracy = np.mean(figures, axis=0)
    read = [logits(model, pool.validation_images)[0] for model in towers.averaged]
    right = [_share(values, pool.validation_labels) for values in read]
    return {
        "epoch": epoch + 1,
        "phase": phase.name,
        "loss": float(loss),
        "accuracy": float(accuracy),
        "val_accuracy": float(np.mean(right)),
        "val_accuracies": right,
        "val_together": _share(np.mean(read, axis=0), pool.validation_labels),
        "learning_rate": float(towers.optimizer.learning_rate),
        "seconds": time.monotonic() - started,
        **hashes,
    }


def _share(values: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float((values.argmax(1) == labels).mean())
