"""What the reader of lines is trained on: chunks of lines that depend on the recipe and their number alone, written beside it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.augment import augment
from trainer.data import Mnist, split
from trainer.glyphs import print_digits
from trainer.line_model import STEP
from trainer.pens import draw_digits
from trainer.recipe import LineRecipe, Recipe
from trainer.restyle import restyle
from trainer.writing import HEIGHT, Stock, Written, write_line, write_string

_DRAWN, _RESTYLED, _PRINTED, _TAKEN, _DISTORTED, _HELD_OUT = range(21, 27)
_WIDTHS = (64, 96, 128, 160, 192, 256, 384, 512, 768)
"""Pixels that lines are padded to, so that those of a batch are about equally wide."""
_AHEAD = 2  # chunks, besides those that are being written


@dataclass(frozen=True)
class Batch:
    """As `LineTower.step` takes it: `images`, `digits`, `columns`, `lengths`."""

    images: NDArray[np.uint8]
    digits: NDArray[np.int32]
    columns: NDArray[np.int32]
    lengths: NDArray[np.int32]


@dataclass(frozen=True)
class Sources:
    """Digits to write with: MNIST's, the pen model's, MNIST's with strokes added, printed ones."""

    mnist: Stock
    drawn: Stock
    restyled: Stock
    printed: Stock


def sources(mnist: Mnist, recipe: Recipe, *, held_out: bool = False) -> Sources:
    """Those to train with, or those `held_out` to measure with, which no training has seen."""
    chosen, held = split(mnist.train_labels, recipe.seed, recipe.validation)
    taken = held if held_out else chosen
    images, labels = mnist.train_images[taken], mnist.train_labels[taken]
    lines = lines_recipe(recipe)
    stream = [lines.seed, _HELD_OUT if held_out else 0]
    ten = np.arange(max(1, 6 * lines.drawn_digits // (4 if held_out else 1))) % 10
    few = np.arange(max(1, 4 * lines.printed_digits // (4 if held_out else 1))) % 10
    return Sources(
        Stock(images, labels),
        Stock(draw_digits(ten, [*stream, _DRAWN], in_number=True), ten),
        Stock(*restyle(images, labels, 6 * lines.restyled_digits // (4 if held_out else 1), [*stream, _RESTYLED])),
        Stock(print_digits(few, [*stream, _PRINTED]), few),
    )


def write_chunk(given: Sources, recipe: Recipe, number: int, count: int, *, plain: bool = False) -> list[Written]:
    """Chunk `number`: `count` lines. `plain`: of digits as they are; else each is distorted."""
    lines = lines_recipe(recipe)
    rng = np.random.default_rng([lines.seed, _TAKEN, number])
    wanted = (
        (given.mnist, lines.mnist_digits),
        (given.drawn, lines.drawn_digits),
        (given.restyled, lines.restyled_digits),
        (given.printed, lines.printed_digits),
    )
    taken = []
    for stock, most in wanted:
        share = min(1.0, count / lines.lines)
        number_of = max(1, round(most * share)) if len(stock.images) else 0
        some = rng.integers(max(1, len(stock.images)), size=number_of)
        taken.append((stock.images[some], stock.labels[some]))
    images = np.concatenate([pictures for pictures, _ in taken])
    if not plain:
        distortion = recipe.model_copy(
            update={
                "accidents": 0.0,
                "shift": 0.0,
                "rotation": lines.rotation,
                "mildest": lines.mildest,
                "thickness": lines.thickness,
            }
        )
        images = augment(images, distortion, [lines.seed, _DISTORTED, number])
    ends = np.cumsum([len(labels) for _, labels in taken])
    own = [Stock(part, labels) for part, (_, labels) in zip(np.split(images, ends[:-1]), taken, strict=True)]
    mixed = Stock(images[: ends[2]], np.concatenate([labels for _, labels in taken[:3]]))
    stocks = [own[0], own[0], own[1], own[1], mixed, own[int(rng.integers(2, 4))]]
    stocks = [stock for stock in stocks if len(stock.images)]
    return [
        write_string(own[0], rng, spoil=0.5)
        if rng.random() < lines.strings
        else write_line(stocks, rng, cursive=lines.cursive)
        for _ in range(count)
    ]


def batches(lines: list[Written], recipe: LineRecipe, seed: list[int]) -> list[Batch]:
    """The lines in batches of about one width, in random order."""
    by_width: dict[int, list[Written]] = {}
    for line in lines:
        width = next((w for w in _WIDTHS if w >= line.picture.shape[1]), _WIDTHS[-1])
        by_width.setdefault(width, []).append(line)
    found = []
    for width, some in sorted(by_width.items()):
        size = max(4, recipe.batch_columns // width)
        found += [_batch(some[at : at + size], width) for at in range(0, len(some), size)]
    return [found[i] for i in np.random.default_rng(seed).permutation(len(found))]


def _batch(lines: list[Written], width: int) -> Batch:
    most = max(1, *(len(line.digits) for line in lines))
    images = np.zeros((len(lines), HEIGHT, width), np.uint8)
    digits, columns = np.full((len(lines), most), -1, np.int32), np.zeros((len(lines), most), np.int32)
    lengths = np.zeros(len(lines), np.int32)
    for i, line in enumerate(lines):
        wide = min(width, line.picture.shape[1])
        images[i, :, :wide] = line.picture[:, :wide]
        lengths[i] = -(-wide // STEP)
        count = len(line.digits)
        digits[i, :count] = line.digits
        columns[i, :count] = np.clip(np.array(line.middles) / STEP, 0, lengths[i] - 1)
    return Batch(images, digits, columns, lengths)


def chunks(given: Sources, recipe: Recipe, numbers: range) -> Iterator[list[Written]]:
    """The chunks of these numbers, in order, written by processes beside this one, as many as the machine has other cores."""
    ready: list[Future[list[Written]]] = []
    context = multiprocessing.get_context("spawn")
    writers = max(1, (os.cpu_count() or 1) - 1)
    with ProcessPoolExecutor(writers, mp_context=context, initializer=_begin, initargs=(given, recipe)) as pool:
        try:
            for number in numbers:
                ready.append(pool.submit(_chunk, number))
                if len(ready) == writers + _AHEAD:
                    yield ready.pop(0).result()
            while ready:
                yield ready.pop(0).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_beside: list[tuple[Sources, Recipe]] = []  # in the process beside, what it was begun with


def _begin(given: Sources, recipe: Recipe) -> None:
    cv2.setNumThreads(1)
    _beside[:] = [(given, recipe)]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Whoever is killed takes nobody with it, and this process would wait for its next chunk for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _chunk(number: int) -> list[Written]:
    given, recipe = _beside[0]
    return write_chunk(given, recipe, number, lines_recipe(recipe).lines)


def lines_recipe(recipe: Recipe) -> LineRecipe:
    """How the recipe trains its reader of lines; there must be one."""
    if recipe.lines is None:
        raise ValueError("the recipe trains no reader of lines")
    return recipe.lines
