"""The network that reads whole lines: convolutions that see a line in columns, and say for each which digit it is of, if any.

Trained by connectionist temporal classification: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist temporal
classification: labelling unsegmented sequence data with recurrent neural networks" (ICML 2006). The name of each digit is asked
for in the column of its middle as well, so that training begins at once and the network says where a digit is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.model import POLICIES
from trainer.recipe import LineNetwork, LineRecipe
from trainer.towers import Arrays, average, restore, state_of
from trainer.writing import HEIGHT

CLASSES = 11
BLANK = 10
STEP = 2
"""Pixels a column of the answer: a line `W` wide has ceil(W / 2) of them."""


def build_lines(network: LineNetwork, recipe: LineRecipe, precision: str) -> Any:
    """A Keras model: uint8 `[N, 32, W]` → logits float32 `[N, ceil(W / 2), 11]`: the ten digits, and none."""
    import keras

    layers = keras.layers
    policy = keras.DTypePolicy(POLICIES[precision])

    def convolution(x: Any, filters: int, kernel: Any, strides: Any = 1, padding: str = "same", apart: int = 1) -> Any:
        x = layers.Conv2D(
            filters, kernel, strides, padding=padding, dilation_rate=(1, apart), use_bias=False, dtype=policy
        )(x)
        return layers.ReLU(dtype=policy)(
            layers.BatchNormalization(momentum=recipe.batch_norm_momentum, dtype=policy)(x)
        )

    images = keras.Input((HEIGHT, None), dtype="uint8", name="lines")
    x = layers.Reshape((HEIGHT, -1, 1), dtype=policy)(images)
    x = layers.Rescaling(1 / 255, dtype=policy)(x)
    plan = zip(network.filters, (5, 3, 3, 3, 3, 3), ((2, STEP), 1, (2, 1), 1, (2, 1), 1), strict=True)
    for filters, kernel, strides in plan:
        x = convolution(x, filters, kernel, strides)
    x = convolution(x, network.features, (HEIGHT // 8, 1), padding="valid")
    for apart in network.reach:
        x = layers.Dropout(recipe.dropout, seed=recipe.seed, dtype=policy)(x)
        x = convolution(x, network.features, (1, 2 * network.context + 1), apart=apart)
    x = layers.Dropout(recipe.dropout, seed=recipe.seed, dtype=policy)(x)
    x = layers.Conv2D(CLASSES, 1, dtype="float32")(x)
    return keras.Model(images, layers.Reshape((-1, CLASSES), dtype="float32")(x), name="lines")


class LineTower:
    """`model` is trained by `step`; `averaged`, float32, is what is measured and kept.

    With the Keras model of a `teacher`: also on what that says of each column, as in `towers.py`.
    """

    def __init__(self, network: LineNetwork, recipe: LineRecipe, precision: str, teacher: Any = None) -> None:
        import keras
        import tensorflow as tf

        self._recipe, self._teacher = recipe, teacher
        keras.utils.set_random_seed(recipe.seed)
        self.model = build_lines(network, recipe, precision)
        self.averaged = build_lines(network, recipe, "float32")
        self.averaged.set_weights(self.model.get_weights())
        self._variables = list(self.model.trainable_variables)
        self.optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["beta", "gamma", "bias"])
        self.optimizer.build(self._variables)
        signature = (
            tf.TensorSpec([None, HEIGHT, None], tf.uint8),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.int32),
        )
        self._step = tf.function(self._one_step, input_signature=signature, autograph=False)

    def step(
        self,
        images: NDArray[np.uint8],
        digits: NDArray[np.int32],
        columns: NDArray[np.int32],
        lengths: NDArray[np.int32],
        done: float,
    ) -> float:
        """One batch; the mean loss of a line, in nats.

        uint8 `[B, 32, W]`; `digits` int32 `[B, D]`, −1 where a line has fewer, and the `columns` of the answer that their middles
        are in; `lengths` `[B]`: how many columns of the answer are each line's. `done`: how many epochs of the training are done.
        """
        recipe = self._recipe
        rise = min(1.0, (int(self.optimizer.iterations) + 1) / recipe.warmup_steps)
        self.optimizer.learning_rate.assign(recipe.learning_rate * rise * recipe.rate(done))
        return float(self._step(images, digits, columns, lengths))

    def begin_epoch(self, epoch: int) -> None:
        """Makes the dropout of epoch number `epoch` depend on that number and the recipe's seed alone."""
        for i, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign([self._recipe.seed + 100 * i, epoch << 20])

    def begin(self, weights: list[NDArray[np.float32]]) -> None:
        """Begins with these weights, in the order of Keras' `get_weights`."""
        self.model.set_weights(weights)
        self.averaged.set_weights(weights)

    def state(self) -> Arrays:
        """All that training goes on from, by name."""
        return state_of([self.model], [self.averaged], self.optimizer)

    def restore(self, arrays: Arrays) -> None:
        """Puts `state` back."""
        restore(arrays, [self.model], [self.averaged], self.optimizer)

    def _one_step(self, images: Any, digits: Any, columns: Any, lengths: Any) -> Any:
        import tensorflow as tf

        recipe = self._recipe
        known = digits >= 0
        # The operation takes no empty text: such lines are given one, and their loss is that of naming nothing anywhere.
        empty = tf.logical_not(tf.reduce_any(known, 1))
        first = tf.one_hot(0, tf.shape(digits)[1], True, False, dtype=tf.bool)
        asked = tf.where(known | (empty[:, None] & first[None]))
        text = tf.SparseTensor(asked, tf.maximum(tf.gather_nd(digits, asked), 0), tf.shape(digits, tf.int64))
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            whole = tf.nn.ctc_loss(text, logits, None, lengths, logits_time_major=False, blank_index=BLANK)
            named = tf.nn.log_softmax(logits)
            within = tf.sequence_mask(lengths, tf.shape(logits)[1], tf.float32)
            nothing = -tf.reduce_sum(named[:, :, BLANK] * within, 1)
            places = tf.where(known)
            where = tf.stack(
                [tf.cast(places[:, 0], tf.int32), tf.gather_nd(columns, places), tf.gather_nd(digits, places)], 1
            )
            there = -tf.math.unsorted_segment_sum(
                tf.maximum(tf.gather_nd(named, where), -10.0), places[:, 0], tf.shape(images)[0]
            )
            line = tf.where(empty, nothing, whole + recipe.place_weight * there)
            loss = total = tf.reduce_mean(tf.minimum(line, recipe.most_loss))
            if self._teacher is not None:
                total = recipe.own_weight * loss + tf.reduce_mean(self._differs(images, logits, within))
        gradients = tape.gradient(total, self._variables)
        gradients, _ = tf.clip_by_global_norm(gradients, recipe.largest_gradient)
        self.optimizer.apply(gradients, self._variables)
        average(self.model, self.averaged, self.optimizer.iterations, recipe.average_momentum)
        return loss

    def _differs(self, images: Any, logits: Any, within: Any) -> Any:
        """How far each line's columns, where `within` is 1, are from what the teacher says of them: divergences, `[B]`."""
        import tensorflow as tf

        heat = self._recipe.distillation_temperature
        taught = tf.nn.log_softmax(self._teacher(images, training=False) / heat)
        columns = tf.reduce_sum(tf.exp(taught) * (taught - tf.nn.log_softmax(logits / heat)), 2)
        return heat**2 * tf.reduce_sum(columns * within, 1)
