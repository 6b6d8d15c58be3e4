"""All that is trained on, and what of it each epoch takes: depends on the data, the recipe and the epoch's number alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.augment import augment
from trainer.cuts import cut_digits
from trainer.data import Mnist, split
from trainer.glyphs import print_digits
from trainer.npz import NO_DIGIT, Pictures, fingerprint
from trainer.outliers import draw_outliers
from trainer.pens import draw_digits
from trainer.recipe import Recipe
from trainer.restyle import restyle

DRAWN, OUTLIERS, HELD_OUT_OUTLIERS, ORDER, AUGMENT, DISTORTED, PRINTED, TAKEN, RESTYLED, CUT = range(1, 11)
"""Streams of randomness: [seed, stream, …]."""


@dataclass(frozen=True)
class Part:
    """One source of pictures: uint8 `[N, 28, 28]`, int64 `[N]` with −1 for no digit; `each` of them are taken every epoch."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    each: int
    sha256: str


@dataclass(frozen=True)
class Pool:
    """What is trained on, and what is held out of it."""

    parts: tuple[Part, ...]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    validation_outliers: NDArray[np.uint8]

    @property
    def pictures(self) -> int:
        """How many pictures an epoch has."""
        return sum(part.each for part in self.parts)

    def digits_only(self) -> Pool:
        """The same without what is no digit, which teachers have no use for."""
        return replace(self, parts=tuple(part for part in self.parts if (part.labels != NO_DIGIT).any()))


def make_pool(mnist: Mnist, recipe: Recipe, collected: Sequence[Pictures] = ()) -> Pool:
    """MNIST's training split, digits made from it or drawn, drawn outliers, and what was `collected` elsewhere."""
    chosen, held_out = split(mnist.train_labels, recipe.seed, recipe.validation)
    if recipe.limit is not None:
        chosen = chosen[: recipe.limit]
    images, labels = mnist.train_images[chosen], mnist.train_labels[chosen]
    held_images, held_labels = mnist.train_images[held_out], mnist.train_labels[held_out]
    parts = [Part("mnist_train", images, labels, len(images), mnist.sha256["train_images"])]

    def add(name: str, share: float, pictures: NDArray[np.uint8], answers: NDArray[np.int64]) -> None:
        each = round(share * len(chosen)) if len(pictures) else 0
        if each:
            parts.append(Part(name, pictures, answers, each, fingerprint(pictures[:1000])))

    def stock(share: float) -> int:
        return round(share * recipe.stock * len(chosen))

    ten = np.arange(max(stock(recipe.drawn_share), 1)) % 10
    add("drawn_digits", recipe.drawn_share, draw_digits(ten, [recipe.seed, DRAWN]), ten)
    ten = np.arange(max(stock(recipe.printed_share), 1)) % 10
    add("printed_digits", recipe.printed_share, print_digits(ten, [recipe.seed, PRINTED]), ten)
    restyled, answers = restyle(images, labels, stock(recipe.restyled_share), [recipe.seed, RESTYLED])
    add("restyled_digits", recipe.restyled_share, restyled, answers)
    cut, answers = cut_digits(images, labels, stock(recipe.cut_share), [recipe.seed, CUT])
    add("cut_digits", recipe.cut_share, cut, answers)
    outliers = draw_outliers(stock(recipe.outlier_share), images, labels, [recipe.seed, OUTLIERS])
    add("drawn_outliers", recipe.outlier_share, outliers, np.full(len(outliers), NO_DIGIT))
    every = sum(len(c.images) for c in collected)
    for pictures in collected:
        share = recipe.collected_share * len(pictures.images) / every
        add(pictures.name, share, pictures.images, pictures.labels)
    return Pool(
        tuple(parts),
        held_images,
        held_labels,
        draw_outliers(recipe.validation // 2, held_images, held_labels, [recipe.seed, HELD_OUT_OUTLIERS]),
    )


def make_epoch(pool: Pool, recipe: Recipe, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, str]]:
    """Epoch number `epoch` (from 0): its pictures and labels in their order, and the hashes of order and pictures."""
    taken = np.random.default_rng([recipe.seed, TAKEN, epoch])
    chosen = [_taken(len(part.images), part.each, taken) for part in pool.parts]
    order = np.random.default_rng([recipe.seed, ORDER, epoch]).permutation(pool.pictures)
    images = np.concatenate([part.images[some] for part, some in zip(pool.parts, chosen, strict=True)])[order]
    labels = np.concatenate([part.labels[some] for part, some in zip(pool.parts, chosen, strict=True)])[order]
    images = augment(images, recipe, [recipe.seed, AUGMENT, epoch])
    hashes = {
        "order_sha256": hashlib.sha256(np.concatenate(chosen)[order].astype("<i8").tobytes()).hexdigest(),
        "pictures_sha256": hashlib.sha256(images.tobytes()).hexdigest(),
    }
    return images, labels.astype(np.int64), hashes


def _taken(stock: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` of the places in a stock, none a second time before every other was taken."""
    rounds = [rng.permutation(stock) for _ in range(-(-count // stock))]
    return np.concatenate(rounds)[:count]
