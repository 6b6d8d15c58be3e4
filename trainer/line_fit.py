"""Training the reader of lines: epochs that depend on the recipe and their number alone, a checkpoint after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import Mnist, split
from trainer.errors import TrainerError
from trainer.line_model import BLANK, STEP, LineTower, build_lines
from trainer.line_pool import Sources, batches, chunks, lines_recipe, sources, write_chunk
from trainer.progress import say
from trainer.recipe import LineRecipe, Recipe
from trainer.runs import Run
from trainer.towers import named, of_tutors, tutors_part
from trainer.writing import HEIGHT, Stock, Written, write_string

History = list[dict[str, Any]]
Answer = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]
"""uint8 `[N, 32, W]` → `[N, ceil(W / 2), 11]`, logits or logarithms of probabilities."""

_HELD_OUT = 1 << 30  # the number of the chunk to measure on
_ORDER, _STRINGS = 31, 32


@dataclass(frozen=True)
class Marks:
    """How well lines are read: the shares of whole lines, of the lines of digits that stand apart, and of lines without any."""

    lines: float
    apart: float
    none: float


def train_lines(
    run: Run, mnist: Mnist, begin: Callable[[Any], list[NDArray[np.float32]]] | None = None
) -> tuple[Any, History]:
    """Trains from the run's newest checkpoint, or from the start, to the recipe's last epoch.

    `begin`: what a Keras model begins with, given that, where it does not begin at random.
    Returns the Keras model with averaged weights, float32, and the history, a row an epoch. Raises `RunError`.
    """
    recipe = run.config.recipe
    lines = lines_recipe(recipe)
    tutor = LineTower(lines.teacher, lines, run.config.precision) if lines.teacher else None
    tower = LineTower(lines.network, lines, run.config.precision, tutor.averaged if tutor else None)
    state, history = run.newest()
    if history:
        tower.restore(state)
        if tutor:
            tutor.restore(tutors_part(state))
        say(f"resumed after epoch {len(history)} of {lines.epochs}")
    else:
        if begin:
            tower.begin(begin(tower.model))
        say(f"training in {run.config.precision}: {lines.chunks * lines.lines:,} lines an epoch, {lines.epochs} epochs")
    if len(history) == lines.epochs:
        return tower.averaged, history
    held_out = held_out_lines(mnist, recipe)
    towers = [tutor, tower] if tutor else [tower]
    numbers = range(len(history) * lines.chunks, lines.epochs * lines.chunks)
    started, losses = time.monotonic(), list[float]()
    for number, chunk in zip(numbers, chunks(sources(mnist, recipe), recipe, numbers), strict=True):
        if number % lines.chunks == 0:
            for each in towers:
                each.begin_epoch(number // lines.chunks)
        losses += _learn(towers, chunk, lines, number)
        if (number + 1) % lines.chunks:
            continue
        marks = measure(of_model(tower.averaged), held_out)
        history.append(
            {
                "epoch": len(history) + 1,
                "loss": float(np.mean(losses)),
                "lines": marks.lines,
                "apart": marks.apart,
                "none": marks.none,
                "seconds": time.monotonic() - started,
            }
        )
        run.save(tower.state() | (of_tutors(tutor.state()) if tutor else {}), history)
        say(
            f"epoch {len(history):>3}/{lines.epochs}  loss {history[-1]['loss']:.4f}  lines read {marks.lines:.4f}  "
            f"apart {marks.apart:.4f}  without digits {marks.none:.4f}  {history[-1]['seconds']:.0f} s"
        )
        started, losses = time.monotonic(), []
    return tower.averaged, history


def lines_of(run: Run) -> tuple[Any, History]:
    """The model as the run's newest checkpoint left it. Raises `RunError`, or `TrainerError` before the first."""
    state, history = run.newest()
    if not history:
        raise TrainerError(f"{run.folder}: has no finished epoch of lines yet")
    recipe = lines_recipe(run.config.recipe)
    model = build_lines(recipe.network, recipe, "float32")
    model.set_weights(named(state, "average"))
    return model, history


def held_out_lines(mnist: Mnist, recipe: Recipe) -> list[Written]:
    """Lines of digits that are not trained on."""
    given: Sources = sources(mnist, recipe, held_out=True)
    return write_chunk(given, recipe, _HELD_OUT, lines_recipe(recipe).validation, plain=True)


def held_out_strings(mnist: Mnist, recipe: Recipe) -> list[Written]:
    """Strings of MNIST's digits that are not trained on, as they are."""
    _, held_out = split(mnist.train_labels, recipe.seed, recipe.validation)
    stock = Stock(mnist.train_images[held_out], mnist.train_labels[held_out])
    rng = np.random.default_rng([lines_recipe(recipe).seed, _STRINGS])
    return [write_string(stock, rng) for _ in range(lines_recipe(recipe).validation)]


def of_model(model: Any) -> Answer:
    """The answers of a float32 Keras `model`."""
    import tensorflow as tf

    signature = [tf.TensorSpec([None, HEIGHT, None], tf.uint8)]
    asked = tf.function(lambda images: model(images, training=False), input_signature=signature, autograph=False)
    return lambda images: np.asarray(asked(tf.constant(images)))


def ask(answer: Answer, lines: Sequence[Written]) -> list[NDArray[np.float64]]:
    """The answer to each line, `[columns, 11]`."""
    found: list[NDArray[np.float64]] = [np.zeros((0, BLANK + 1))] * len(lines)
    order = sorted(range(len(lines)), key=lambda i: lines[i].picture.shape[1])
    for start in range(0, len(order), 32):
        some = order[start : start + 32]
        width = -(-lines[some[-1]].picture.shape[1] // 32) * 32
        images = np.zeros((len(some), HEIGHT, width), np.uint8)
        for image, i in zip(images, some, strict=True):
            image[:, : lines[i].picture.shape[1]] = lines[i].picture
        for given, i in zip(answer(images), some, strict=True):
            found[i] = np.asarray(given[: -(-lines[i].picture.shape[1] // STEP)], np.float64)
    return found


def best_text(logits: NDArray[np.float64], favour: float = 0.0) -> tuple[int, ...]:
    """What the best name of each column says together: repetitions are one, and what is no digit is left out.

    `favour`: what digits have before none.
    """
    names = (logits - np.where(np.arange(BLANK + 1) == BLANK, favour, 0.0)).argmax(1)
    new = np.append(True, names[1:] != names[:-1]) if len(names) else np.zeros(0, bool)
    return tuple(int(name) for name in names[new & (names != BLANK)])


def measure(answer: Answer, lines: Sequence[Written]) -> Marks:
    """Reads the lines."""
    right = np.array([best_text(given) == line.digits for given, line in zip(ask(answer, lines), lines, strict=True)])
    some = np.array([bool(line.digits) for line in lines])
    apart = np.array([line.apart for line in lines]) & some

    def share(those: NDArray[np.bool_]) -> float:
        return float(right[those].mean()) if those.any() else 1.0

    return Marks(share(some), share(apart), share(~some))


def _learn(towers: list[LineTower], chunk: list[Written], recipe: LineRecipe, number: int) -> list[float]:
    """The losses of the last of the towers."""
    every = batches(chunk, recipe, [recipe.seed, _ORDER, number])
    losses = []
    for at, batch in enumerate(every):
        done = (number + at / len(every)) / recipe.chunks
        for tower in towers:
            loss = tower.step(batch.images, batch.digits, batch.columns, batch.lengths, done)
        losses.append(loss)
    return losses
