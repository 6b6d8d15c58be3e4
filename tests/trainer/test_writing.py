"""Lines put together from digits: what they hold, where it stands, and that they depend on their number alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from trainer.data import Mnist
from trainer.line_model import STEP
from trainer.line_pool import batches, chunks, sources, write_chunk
from trainer.pens import draw_digits
from trainer.recipe import LineRecipe, Recipe
from trainer.setting import upright
from trainer.writing import HEIGHT, MOST_DIGITS, Stock, Written, write_line, write_string

TEN = np.arange(100) % 10
STOCK = Stock(draw_digits(TEN, [1]), TEN)
SMALL = LineRecipe(
    chunks=2, lines=40, mnist_digits=120, drawn_digits=60, restyled_digits=20, printed_digits=10, validation=40
)
RECIPE = Recipe(lines=SMALL, validation=40)
LINES = [write_line([STOCK], np.random.default_rng([2, k])) for k in range(400)]


@pytest.fixture(scope="module")
def mnist() -> Mnist:
    ten = np.arange(200) % 10
    images = draw_digits(ten, [3])
    return Mnist(images, ten, images[:20], ten[:20], {"train_images": "00"})


def alike(a: list[Written], b: list[Written]) -> bool:
    return all(x.digits == y.digits and np.array_equal(x.picture, y.picture) for x, y in zip(a, b, strict=True))


def test_a_line_is_of_the_height_that_is_promised_and_as_wide_as_it_needs() -> None:
    for line in LINES:
        assert line.picture.dtype == np.uint8
        assert line.picture.shape[0] == HEIGHT
        assert len(line.digits) == len(line.middles) <= MOST_DIGITS
        assert list(line.middles) == sorted(line.middles)
        assert all(0 < middle < line.picture.shape[1] for middle in line.middles)


def test_there_is_ink_where_a_digit_is_said_to_be() -> None:
    inked = [
        line.picture[:, max(0, round(middle) - 9) : round(middle) + 10].max() > 60
        for line in LINES
        for middle in line.middles
    ]
    assert np.mean(inked) > 0.97  # a few are spoilt beyond that


def test_there_are_lines_of_every_length_and_without_digits_and_all_ten_digits() -> None:
    assert {len(line.digits) for line in LINES} == set(range(MOST_DIGITS + 1))
    assert {digit for line in LINES for digit in line.digits} == set(range(10))
    share = np.mean([line.apart for line in LINES if len(line.digits) > 1])
    assert 0.2 < share < 0.8


def test_digits_said_to_stand_apart_do() -> None:
    for line in (line for line in LINES if line.apart and len(line.digits) > 1):
        assert all(right - left > 2 for left, right in itertools.pairwise(line.middles))


def test_a_string_is_of_digits_as_they_are_and_nothing_else() -> None:
    strings = [write_string(STOCK, np.random.default_rng([3, k])) for k in range(60)]
    assert {len(string.digits) for string in strings} == set(range(2, 9))
    for string in strings:
        inked = np.flatnonzero(string.picture.max(0) > 60)
        assert (np.abs(inked[:, None] - np.array(string.middles)).min(1) < 14).all()
        assert string.picture.max() > 200
    apart = [string for string in strings if string.apart]
    assert 0 < len(apart) < 30


def test_a_chunk_depends_on_its_number_and_the_recipe_alone(mnist: Mnist) -> None:
    given = sources(mnist, RECIPE)
    first, again, other = (write_chunk(given, RECIPE, number, 30) for number in (5, 5, 6))
    assert alike(first, again)
    assert not alike(first, other)


def test_the_process_beside_writes_the_same_chunks_in_order(mnist: Mnist) -> None:
    given = sources(mnist, RECIPE)
    beside = list(chunks(given, RECIPE, range(3, 6)))
    assert all(
        alike(chunk, write_chunk(given, RECIPE, number, SMALL.lines))
        for number, chunk in zip(range(3, 6), beside, strict=True)
    )


def test_what_is_held_out_is_not_trained_on(mnist: Mnist) -> None:
    trained, held = sources(mnist, RECIPE), sources(mnist, RECIPE, held_out=True)
    assert len(trained.mnist.images) + len(held.mnist.images) == len(mnist.train_images)
    for mine, other in ((trained.mnist, held.mnist), (trained.drawn, held.drawn), (trained.printed, held.printed)):
        shown = {picture.tobytes() for picture in mine.images}
        # The pen model draws a plain 1 the same way now and then.
        assert np.mean([picture.tobytes() in shown for picture in other.images]) < 0.02


def test_batches_hold_every_line_once_with_its_digits_where_they_are() -> None:
    made = batches(LINES, SMALL, [1])
    assert sum(len(batch.images) for batch in made) == len(LINES)
    found = sorted(
        (tuple(digits[digits >= 0].tolist()), int(length))
        for batch in made
        for digits, length in zip(batch.digits, batch.lengths, strict=True)
    )
    assert found == sorted((line.digits, -(-line.picture.shape[1] // STEP)) for line in LINES)
    for batch in made:
        assert (batch.columns < np.maximum(batch.lengths, 1)[:, None]).all()
        assert batch.images.shape[2] >= STEP * (batch.lengths.max() - 1)
    assert [b.images.shape for b in made] != [b.images.shape for b in batches(LINES, SMALL, [2])]


def test_lines_are_set_upright_as_they_are_before_the_network() -> None:
    leaning = np.array([upright(line.picture) for line in LINES if len(line.digits) > 3])
    assert abs(leaning.mean()) < 0.05
    assert 0.03 < leaning.std() < 0.2
    sheared = np.zeros((64, 300), np.uint8)
    for row in range(20, 44):
        for left in (40, 80, 200):
            column = round(left - 0.3 * (row - 32))
            sheared[row, column : column + 4] = 255
    assert upright(sheared) == pytest.approx(0.3, abs=0.06)
