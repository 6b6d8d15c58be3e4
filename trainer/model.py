"""The network: a small all-convolutional classifier with a second output that says whether there is a digit at all."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.recipe import Precision, Recipe

POLICIES = {"bfloat16": "mixed_bfloat16", "float32": "float32"}


def build(recipe: Recipe, precision: str) -> Any:
    """A Keras model: uint8 `[N, 28, 28]` → `digits` (logits `[N, 10]`) and `is_digit` (logit `[N, 1]`), both float32."""
    import keras

    layers = keras.layers
    policy = keras.DTypePolicy(POLICIES[precision])
    images = keras.Input((28, 28), dtype="uint8", name="images")
    x = layers.Reshape((28, 28, 1), dtype=policy)(images)
    x = layers.Rescaling(1 / 255, dtype=policy)(x)
    for filters, kernel, stride in zip(recipe.filters, recipe.kernels, recipe.strides, strict=True):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, dtype=policy)(x)
        x = layers.BatchNormalization(momentum=recipe.batch_norm_momentum, dtype=policy)(x)
        x = layers.ReLU(dtype=policy)(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    x = layers.Dropout(recipe.dropout, seed=recipe.seed, dtype=policy)(x)
    outputs = {
        "digits": layers.Dense(10, dtype="float32", name="digits")(x),
        "is_digit": layers.Dense(1, dtype="float32", name="is_digit")(x),
    }
    return keras.Model(images, outputs, name="digits")


def compile_model(model: Any, recipe: Recipe, steps_per_epoch: int) -> None:
    """Loss, optimizer and schedule: AdamW, a linear warm-up, then cosine decay to zero over the whole run."""
    import keras

    warmup = max(1, round(recipe.warmup_epochs * steps_per_epoch))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, recipe.epochs * steps_per_epoch - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["beta", "gamma", "bias"])
    model.compile(
        optimizer=optimizer,
        loss={
            "digits": keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
            "is_digit": keras.losses.BinaryCrossentropy(from_logits=True),
        },
        loss_weights={"digits": 1.0, "is_digit": recipe.digit_probability_weight},
        weighted_metrics={"digits": [keras.metrics.CategoricalAccuracy(name="accuracy")]},
    )


def state_of(model: Any) -> dict[str, NDArray[Any]]:
    """All that training goes on from, by name: the weights and the optimizer's variables, in their order."""
    weights = {f"weight_{i:03d}": array for i, array in enumerate(model.get_weights())}
    return weights | {f"optimizer_{i:03d}": np.asarray(v.numpy()) for i, v in enumerate(model.optimizer.variables)}


def restore(model: Any, state: dict[str, NDArray[Any]]) -> None:
    """Puts `state_of` back into a model that was built and compiled by the same recipe."""
    model.set_weights([array for name, array in sorted(state.items()) if name.startswith("weight_")])
    model.optimizer.build(model.trainable_variables)
    saved = [array for name, array in sorted(state.items()) if name.startswith("optimizer_")]
    for variable, array in zip(model.optimizer.variables, saved, strict=True):
        variable.assign(array)


def seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Makes an epoch's dropout depend on the seed and the epoch's number alone."""
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed, epoch << 20])


def in_float32(model: Any, recipe: Recipe) -> Any:
    """The same weights in a float32 network: bfloat16 convolutions differ by 0.01 and abort on some processors."""
    plain = build(recipe, "float32")
    plain.set_weights(model.get_weights())
    return plain


_PROBE = """
import sys, time
import numpy as np
from trainer.model import build, compile_model
from trainer.recipe import Recipe
recipe = Recipe()
model = build(recipe, sys.argv[1])
compile_model(model, recipe, 100)
images = np.random.default_rng(0).integers(0, 256, (128, 28, 28), np.uint8)
answers = {"digits": np.eye(10)[np.arange(128) % 10], "is_digit": np.ones((128, 1))}
model.train_on_batch(images, answers)
started = time.perf_counter()
for _ in range(3):
    model.train_on_batch(images, answers)
print(time.perf_counter() - started)
"""


def choose_precision(wanted: Precision) -> str:
    """`wanted`, or for `auto` the faster of the two on this machine.

    Steps are tried in processes of their own: where bfloat16 is not supported it can abort the process or take minutes.
    """
    if wanted != "auto":
        return wanted
    times = {name: _step_seconds(name) for name in POLICIES}
    return min(times, key=times.__getitem__)


def _step_seconds(precision: str) -> float:
    command = [sys.executable, "-c", _PROBE, precision]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=60, check=True, text=True)
        return float(answer.stdout.split()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError):
        return float("inf") if precision != "float32" else 1e9
