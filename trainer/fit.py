"""Training: epochs that depend on the seed and their number alone, a checkpoint after each, and a log of their hashes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.augment import augment
from trainer.data import Mnist, split
from trainer.model import build, compile_model, restore, seed_dropout, state_of
from trainer.outliers import draw_outliers
from trainer.pens import draw_digits
from trainer.progress import Progress, say
from trainer.recipe import Recipe
from trainer.runs import Run

NO_DIGIT = -1
DRAWN, OUTLIERS, HELD_OUT_OUTLIERS, ORDER, AUGMENT, DISTORTED = range(1, 7)  # streams of randomness: [seed, stream, …]


@dataclass(frozen=True)
class Pool:
    """All that is trained on: uint8 `[N, 28, 28]`, int64 `[N]` with −1 for no digit; and what is held out."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sources: dict[str, int]
    drawn_sha256: dict[str, str]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    validation_outliers: NDArray[np.uint8]


def make_pool(mnist: Mnist, recipe: Recipe) -> Pool:
    """MNIST's training split, digits of our own pen, and outliers; depends on the data and the recipe alone."""
    chosen, held_out = split(mnist.train_labels, recipe.seed, recipe.validation)
    if recipe.limit is not None:
        chosen = chosen[: recipe.limit]
    images, labels = mnist.train_images[chosen], mnist.train_labels[chosen]
    held_images, held_labels = mnist.train_images[held_out], mnist.train_labels[held_out]
    drawn_labels = np.arange(round(recipe.drawn_share * len(chosen))) % 10
    drawn = draw_digits(drawn_labels, [recipe.seed, DRAWN]) if len(drawn_labels) else images[:0]
    outliers = draw_outliers(round(recipe.outlier_share * len(chosen)), images, labels, [recipe.seed, OUTLIERS])
    held_outliers = draw_outliers(recipe.validation // 2, held_images, held_labels, [recipe.seed, HELD_OUT_OUTLIERS])
    none = np.full(len(outliers), NO_DIGIT)
    return Pool(
        images=np.concatenate([images, drawn, outliers]),
        labels=np.concatenate([labels, drawn_labels, none]).astype(np.int64),
        sources={"mnist_train": len(images), "drawn_digits": len(drawn), "drawn_outliers": len(outliers)},
        drawn_sha256={
            "drawn_digits": hashlib.sha256(drawn[:1000].tobytes()).hexdigest(),
            "drawn_outliers": hashlib.sha256(outliers[:1000].tobytes()).hexdigest(),
        },
        validation_images=held_images,
        validation_labels=held_labels,
        validation_outliers=held_outliers,
    )


def make_epoch(pool: Pool, recipe: Recipe, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, str]]:
    """Epoch number `epoch` (from 0): its pictures and labels in their order, and the hashes of order and pictures."""
    order = np.random.default_rng([recipe.seed, ORDER, epoch]).permutation(len(pool.images))
    images = augment(pool.images[order], recipe, [recipe.seed, AUGMENT, epoch])
    hashes = {
        "order_sha256": hashlib.sha256(order.astype("<i8").tobytes()).hexdigest(),
        "pictures_sha256": hashlib.sha256(images.tobytes()).hexdigest(),
    }
    return images, pool.labels[order], hashes


def train(run: Run, pool: Pool) -> tuple[Any, list[dict[str, Any]]]:
    """Trains from the run's newest checkpoint, or from the start, to the recipe's last epoch.

    Returns the Keras model and the history, a row an epoch. Raises `RunError`.
    """
    import keras

    recipe = run.config.recipe
    steps = -(-len(pool.images) // recipe.batch_size)
    keras.utils.set_random_seed(recipe.seed)
    model, history = newest_model(run, steps)
    if history:
        say(f"resumed after epoch {len(history)} of {recipe.epochs}")
    else:
        pictures = f"{len(pool.images):,} pictures ({_listed(pool.sources)})"
        say(f"training in {run.config.precision}: {pictures}, {recipe.epochs} epochs")
    with Progress(recipe.epochs, steps, done=len(history)) as progress:
        for epoch in range(len(history), recipe.epochs):
            started = time.monotonic()
            images, labels, hashes = make_epoch(pool, recipe, epoch)
            seed_dropout(model, recipe.seed, epoch)
            figures = _one_epoch(model, images, labels, recipe, epoch, progress)
            figures["val_accuracy"] = _accuracy(model, pool.validation_images, pool.validation_labels)
            figures["learning_rate"] = float(model.optimizer.learning_rate)
            figures["seconds"] = time.monotonic() - started
            history.append({"epoch": epoch + 1, **figures, **hashes})
            run.save(state_of(model), history)
            progress.epoch_done(epoch + 1, figures, hashes)
    return model, history


def newest_model(run: Run, steps: int) -> tuple[Any, list[dict[str, Any]]]:
    """The run's model as its newest checkpoint left it, compiled, with the history; `steps`: batches an epoch."""
    state, history = run.newest()
    model = build(run.config.recipe, run.config.precision)
    compile_model(model, run.config.recipe, steps)
    if state:
        restore(model, state)
    return model, history


def _one_epoch(
    model: Any, images: NDArray[np.uint8], labels: NDArray[np.int64], recipe: Recipe, epoch: int, progress: Progress
) -> dict[str, float]:
    is_digit = (labels != NO_DIGIT).astype(np.float32)
    answers = {"digits": np.eye(10, dtype=np.float32)[labels], "is_digit": is_digit[:, None]}
    weights = {"digits": is_digit, "is_digit": np.ones_like(is_digit)}
    log = model.fit(
        images,
        answers,
        sample_weight=weights,
        batch_size=recipe.batch_size,
        initial_epoch=epoch,
        epochs=epoch + 1,
        shuffle=False,
        verbose=0,
        callbacks=[progress.callback(epoch)],
    ).history
    return {"loss": float(log["loss"][0]), "accuracy": float(log["digits_accuracy"][0])}


def logits(model: Any, images: NDArray[np.uint8], batch: int = 500) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The network's answers before calibration: `[N, 10]` and `[N]`."""
    parts = [model(images[at : at + batch], training=False) for at in range(0, len(images), batch)]
    digits = np.concatenate([np.asarray(part["digits"]) for part in parts])
    is_digit = np.concatenate([np.asarray(part["is_digit"])[:, 0] for part in parts])
    return digits.astype(np.float64), is_digit.astype(np.float64)


def _accuracy(model: Any, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    return float((logits(model, images)[0].argmax(1) == labels).mean())


def _listed(sources: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sources.items())
