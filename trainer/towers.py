"""Networks trained side by side on the same batches, each with a running average of its weights.

Labels teach them, and where there are teachers, what those say of each digit: G. Hinton, O. Vinyals, J. Dean, "Distilling the
knowledge in a neural network" (2015), with teacher and student looking at the same distorted picture as in L. Beyer et al.,
"Knowledge distillation: a good teacher is patient and consistent" (CVPR 2022). The average is an exponential one over steps:
B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.model import build, seed_dropout
from trainer.recipe import Network, Recipe

Arrays = dict[str, NDArray[Any]]
_TUTORS = "tutors_"


class Towers:
    """`models` are trained by `step`; `averaged`, float32, are what is measured and kept.

    The learning rate rises for the first epochs and falls along a cosine over `epochs` of `steps` each.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        recipe: Recipe,
        precision: str,
        steps: int,
        epochs: int,
        teachers: Sequence[Any] = (),
    ) -> None:
        import keras
        import tensorflow as tf

        self._recipe, self._teachers = recipe, list(teachers)
        self.models = [build(network, recipe, precision, i) for i, network in enumerate(networks)]
        self.averaged = [build(network, recipe, "float32") for network in networks]
        for model, averaged in zip(self.models, self.averaged, strict=True):
            averaged.set_weights(model.get_weights())
        self._variables = [v for model in self.models for v in model.trainable_variables]
        warmup = max(1, round(min(recipe.warmup_epochs, epochs / 4) * steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=max(1, epochs * steps - warmup),
            alpha=recipe.last_learning_rate,
            warmup_target=recipe.learning_rate,
            warmup_steps=warmup,
        )
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["beta", "gamma", "bias"])
        self.optimizer.build(self._variables)
        signature = (tf.TensorSpec([None, 28, 28], tf.uint8), tf.TensorSpec([None], tf.int64))
        self._step = tf.function(self._one_step, input_signature=signature, autograph=False)

    def step(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> tuple[float, float]:
        """One batch: uint8 `[B, 28, 28]`, int64 `[B]` with −1 for no digit. The mean loss, and the share of digits read right."""
        loss, accuracy = self._step(images, labels)
        return float(loss), float(accuracy)

    def begin_epoch(self, epoch: int) -> None:
        """Makes the dropout of epoch number `epoch` depend on that number and the recipe's seed alone."""
        for i, model in enumerate(self.models):
            seed_dropout(model, self._recipe.seed + 1000 * i, epoch)

    def state(self) -> Arrays:
        """All that training goes on from, by name: weights, averages, the optimizer's variables, in their order."""
        return state_of(self.models, self.averaged, self.optimizer)

    def restore(self, arrays: Arrays) -> None:
        """Puts `state` back."""
        restore(arrays, self.models, self.averaged, self.optimizer)

    def _one_step(self, images: Any, labels: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        digits = tf.where(labels >= 0)[:, 0]
        named = tf.gather(labels, digits)
        taught = self._taught(tf.gather(images, digits))
        is_digit = tf.cast(labels >= 0, tf.float32)
        pictures, read = tf.cast(tf.size(labels), tf.float32), tf.cast(tf.maximum(tf.size(digits), 1), tf.float32)
        with tf.GradientTape() as tape:
            total, right = tf.constant(0.0), tf.constant(0.0)
            for model in self.models:
                answer = model(images, training=True)
                values = tf.gather(answer["digits"], digits)
                wrong = tf.reduce_sum(self._digit_loss(values, named, taught)) / pictures
                whether = tf.nn.sigmoid_cross_entropy_with_logits(is_digit, answer["is_digit"][:, 0])
                total += wrong + self._recipe.digit_probability_weight * tf.reduce_mean(whether)
                right += tf.reduce_sum(tf.cast(tf.equal(tf.argmax(values, 1), named), tf.float32)) / read
        gradients = tape.gradient(total, self._variables)
        self.optimizer.apply(gradients, self._variables)
        self._average()
        count = len(self.models)
        return total / count, right / count

    def _taught(self, images: Any) -> Any:
        """What the teachers say on average of which digits these are: softened probabilities; None without teachers."""
        import tensorflow as tf

        if not self._teachers:
            return None
        heat = self._recipe.distillation_temperature
        answers = [tf.nn.softmax(teacher(images, training=False)["digits"] / heat) for teacher in self._teachers]
        return tf.add_n(answers) / len(answers)

    def _digit_loss(self, values: Any, labels: Any, taught: Any) -> Any:
        import tensorflow as tf

        own = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, values)
        if taught is None:
            return own
        share, heat = self._recipe.distillation, self._recipe.distillation_temperature
        soft = tf.nn.softmax_cross_entropy_with_logits(taught, values / heat)
        soft -= tf.reduce_sum(tf.math.xlogy(taught, 1 / tf.maximum(taught, 1e-9)), 1)  # the divergence alone
        return (1 - share) * own + share * heat**2 * soft

    def _average(self) -> None:
        for model, averaged in zip(self.models, self.averaged, strict=True):
            average(model, averaged, self.optimizer.iterations, self._recipe.average_momentum)


def average(model: Any, averaged: Any, steps: Any, momentum: float) -> None:
    """Moves the weights of `averaged` towards those of `model`, of the same shape, after so many steps."""
    import tensorflow as tf

    # Early steps count for more, so that the average does not drag the random start along.
    done = tf.cast(steps, tf.float32)
    keep = tf.minimum(momentum, (1 + done) / (10 + done))
    for variable, mean in zip(model.weights, averaged.weights, strict=True):
        mean.assign(keep * mean.value + (1 - keep) * variable.value)


def state_of(models: Sequence[Any], averaged: Sequence[Any], optimizer: Any) -> Arrays:
    """Weights, averages and the optimizer's variables by name, in their order."""
    arrays: Arrays = {}
    for kind, some in (("weight", models), ("average", averaged)):
        every = [array for model in some for array in model.get_weights()]
        arrays |= {f"{kind}_{i:04d}": array for i, array in enumerate(every)}
    return arrays | {f"optimizer_{i:04d}": np.asarray(v.numpy()) for i, v in enumerate(optimizer.variables)}


def restore(arrays: Arrays, models: Sequence[Any], averaged: Sequence[Any], optimizer: Any) -> None:
    """Puts `state_of` back."""
    set_all(models, named(arrays, "weight"))
    set_all(averaged, named(arrays, "average"))
    for variable, array in zip(optimizer.variables, named(arrays, "optimizer"), strict=True):
        variable.assign(array)


def of_tutors(state: Arrays) -> Arrays:
    """The state of those that teach while they learn, by names that go beside the state of those that are taught."""
    return {f"{_TUTORS}{name}": array for name, array in state.items()}


def tutors_part(arrays: Arrays) -> Arrays:
    """What `of_tutors` was given."""
    return {name.removeprefix(_TUTORS): array for name, array in arrays.items() if name.startswith(_TUTORS)}


def named(arrays: Arrays, kind: str) -> list[NDArray[Any]]:
    """The arrays of one kind of a state, in their order."""
    return [array for name, array in sorted(arrays.items()) if name.startswith(f"{kind}_")]


def set_all(models: Sequence[Any], arrays: Sequence[NDArray[Any]]) -> None:
    """Gives the models, one after the other, the weights in `arrays`."""
    at = 0
    for model in models:
        count = len(model.weights)
        model.set_weights(list(arrays[at : at + count]))
        at += count
