"""The network: a small all-convolutional classifier with a second output that says whether there is a digit at all."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.recipe import Network, Precision, Recipe

POLICIES = {"bfloat16": "mixed_bfloat16", "float32": "float32"}


def build(network: Network, recipe: Recipe, precision: str, seed: int = 0) -> Any:
    """A Keras model: uint8 `[N, 28, 28]` → `digits` (logits `[N, 10]`) and `is_digit` (logit `[N, 1]`), both float32.

    `seed` is of the dropout; the weights come from Keras' global seed.
    """
    import keras

    layers = keras.layers
    policy = keras.DTypePolicy(POLICIES[precision])
    images = keras.Input((28, 28), dtype="uint8", name="images")
    x = layers.Reshape((28, 28, 1), dtype=policy)(images)
    x = layers.Rescaling(1 / 255, dtype=policy)(x)
    for filters, kernel, stride in zip(network.filters, network.kernels, network.strides, strict=True):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, dtype=policy)(x)
        x = layers.BatchNormalization(momentum=recipe.batch_norm_momentum, dtype=policy)(x)
        x = layers.ReLU(dtype=policy)(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    x = layers.Dropout(recipe.dropout, seed=seed, dtype=policy)(x)
    outputs = {
        "digits": layers.Dense(10, dtype="float32", name="digits")(x),
        "is_digit": layers.Dense(1, dtype="float32", name="is_digit")(x),
    }
    return keras.Model(images, outputs, name="digits")


def multiply_adds(model: Any) -> int:
    """Multiplications with an addition that one picture takes, in the convolutions and dense layers of a Keras model."""
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            places = int(np.prod(layer.output.shape[1:3]))
            total += places * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Makes an epoch's dropout depend on the seed and the epoch's number alone."""
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed, epoch << 20])


def logits(model: Any, images: NDArray[np.uint8], batch: int = 500) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A Keras model's answers before calibration: `[N, 10]` and `[N]`."""
    parts = [model(images[at : at + batch], training=False) for at in range(0, len(images), batch)]
    digits = np.concatenate([np.asarray(part["digits"]) for part in parts])
    is_digit = np.concatenate([np.asarray(part["is_digit"])[:, 0] for part in parts])
    return digits.astype(np.float64), is_digit.astype(np.float64)


_PROBE = """
import sys, time
import numpy as np
from trainer.recipe import Recipe
from trainer.towers import Towers
recipe = Recipe()
towers = Towers([recipe.network], recipe, sys.argv[1], 100, 1)
images = np.random.default_rng(0).integers(0, 256, (128, 28, 28)).astype(np.uint8)
labels = np.arange(128) % 11 - 1
towers.step(images, labels)
started = time.perf_counter()
for _ in range(5):
    towers.step(images, labels)
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
