"""What the trainer draws and how it distorts: digits, outliers, augmentation, the canvas."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainer.accidents import ACCIDENTS, Accident
from trainer.augment import augment
from trainer.canvas import BOX, CANVAS, to_canvas
from trainer.cuts import cut_digits, side_by_side
from trainer.data import Mnist
from trainer.glyphs import _LETTERS, drawn_glyph, print_digits, printed_glyph
from trainer.golden import golden_pictures
from trainer.npz import Pictures, fingerprint
from trainer.outliers import draw_outliers
from trainer.pens import digit_strokes, draw_digits, ink, scribble_strokes
from trainer.pool import make_epoch, make_pool
from trainer.recipe import Recipe
from trainer.restyle import restyle

LABELS = np.arange(200) % 10
DRAWN = draw_digits(LABELS, [1])


def test_drawn_digits_keep_the_input_contract() -> None:
    assert DRAWN.shape == (200, CANVAS, CANVAS)
    for digit in DRAWN:
        rows, columns = np.nonzero(digit.max(1))[0], np.nonzero(digit.max(0))[0]
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == BOX
        for filled, places in zip((rows, columns), np.mgrid[:CANVAS, :CANVAS].astype(float), strict=True):
            centred = abs((digit * places).sum() / digit.sum() - 14) <= 0.51
            assert centred or filled[0] == 0 or filled[-1] == CANVAS - 1  # as far as the canvas reaches


def test_drawn_digits_can_be_told_apart_and_no_two_are_the_same() -> None:
    assert len({digit.tobytes() for digit in DRAWN}) == len(DRAWN)
    model = LogisticRegression(max_iter=300).fit(DRAWN.reshape(200, -1) / 255, LABELS)
    others = draw_digits(LABELS, [2])
    assert model.score(others.reshape(200, -1) / 255, LABELS) > 0.9


def test_drawing_depends_on_the_seed_alone() -> None:
    assert (draw_digits(LABELS[:20], [1]) == DRAWN[:20]).all()
    first, second = (draw_outliers(30, DRAWN, LABELS, [7]) for _ in range(2))
    assert (first == second).all()
    assert (draw_outliers(30, DRAWN, LABELS, [8]) != first).any()


@pytest.mark.parametrize("height", [20, 60, 300])
def test_ink_has_the_height_that_is_asked_for(height: int) -> None:
    rng = np.random.default_rng(0)
    for digit in (0, 1, 6, 9):
        rows = np.nonzero(ink(digit_strokes(digit, rng), height, 3).max(1) > 60)[0]
        assert abs(np.ptp(rows) + 1 - height) <= 4


def test_scribbles_and_outliers_hold_ink() -> None:
    rng = np.random.default_rng(0)
    assert all(ink(scribble_strokes(rng), 40, 3).max() > 200 for _ in range(40))
    outliers = draw_outliers(200, DRAWN, LABELS, [3])
    assert outliers.shape == (200, CANVAS, CANVAS)
    assert (outliers.max((1, 2)) > 200).mean() > 0.9  # some are empty paper


def test_an_empty_canvas_stays_empty() -> None:
    assert not to_canvas(np.zeros((5, 9), np.uint8)).any()


def test_augmentation_distorts_every_picture_and_depends_on_the_seed_alone() -> None:
    once, again, other = (augment(DRAWN, Recipe(), [5, seed]) for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any((1, 2)).all()
    assert (once != DRAWN).any((1, 2)).all()
    assert once.shape == DRAWN.shape
    same = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(once, DRAWN, strict=True)]
    assert np.median(same) > 0.4  # distorted, not destroyed


def test_no_augmentation_leaves_the_pictures_as_they_are() -> None:
    still = Recipe(rotation=0, scale=0, shear=0, shift=0, perspective=0, elastic=0, thickness=0, accidents=0)
    assert np.abs(augment(DRAWN, still, [1]).astype(int) - DRAWN).max() <= 1


def test_an_epoch_depends_on_the_seed_and_its_number_alone(mnist_like: Mnist) -> None:
    recipe = Recipe(limit=100, validation=20, seed=3)
    extra = Pictures("signs", DRAWN[:7], np.full(7, -1), np.full(7, "sign"), fingerprint(DRAWN[:7]))
    pool = make_pool(mnist_like, recipe, [extra])
    each = {part.name: part.each for part in pool.parts}
    assert each == {
        "mnist_train": 100, "drawn_digits": 20, "printed_digits": 3, "restyled_digits": 4, "cut_digits": 12,
        "drawn_outliers": 50, "signs": 8,
    }  # fmt: skip
    images, labels, hashes = make_epoch(pool, recipe, 4)
    make_epoch(pool, recipe, 0)
    assert make_epoch(pool, recipe, 4)[2] == hashes
    assert make_epoch(pool, recipe, 5)[2]["order_sha256"] != hashes["order_sha256"]
    assert images.shape == (pool.pictures, CANVAS, CANVAS)
    assert (labels == -1).sum() == 58
    assert set(labels) == set(range(-1, 10))
    only = make_epoch(pool.digits_only(), recipe, 4)[1]
    assert len(only) == 139
    assert set(only) == set(range(10))


def test_every_epoch_takes_other_pictures_from_the_stock_and_all_of_mnist(mnist_like: Mnist) -> None:
    recipe = Recipe(
        limit=40,
        validation=20,
        rotation=0,
        scale=0,
        shear=0,
        shift=0,
        perspective=0,
        elastic=0,
        thickness=0,
        accidents=0,
    )
    pool = make_pool(mnist_like, recipe)
    epochs = [{image.tobytes() for image in make_epoch(pool, recipe, epoch)[0]} for epoch in range(6)]
    drawn = next(part for part in pool.parts if part.name == "drawn_digits")
    assert len(drawn.images) == 3 * drawn.each
    shown = [sum(image.tobytes() in epoch for image in drawn.images) for epoch in epochs]
    assert shown == [drawn.each] * 6
    assert sum(image.tobytes() in set.union(*epochs) for image in drawn.images) > 2 * drawn.each
    assert all(image.tobytes() in epoch for image in pool.parts[0].images for epoch in epochs)


def test_a_bar_or_an_upstroke_is_added_to_sevens_and_ones() -> None:
    images, labels = restyle(DRAWN, LABELS, 60, [4])
    assert set(labels) == {1, 7}
    assert images.shape == (60, CANVAS, CANVAS)
    originals = {image.tobytes() for image in DRAWN}
    assert not any(image.tobytes() in originals for image in images)
    assert len(restyle(DRAWN[LABELS == 3], LABELS[LABELS == 3], 5, [4])[0]) == 0


@pytest.mark.parametrize("accident", dict.fromkeys(ACCIDENTS))
def test_an_accident_changes_pictures_and_leaves_them_readable(accident: Accident) -> None:
    changed = np.stack([accident(image, np.random.default_rng(i)) for i, image in enumerate(DRAWN)])
    assert changed.dtype == np.uint8
    assert (changed != DRAWN).any((1, 2)).mean() > 0.8
    model = LogisticRegression(max_iter=300).fit(DRAWN.reshape(200, -1) / 255, LABELS)
    assert model.score(changed.reshape(200, -1) / 255, LABELS) > 0.75


def test_glyphs_and_printed_digits_fill_the_canvas_as_the_contract_says() -> None:
    rng = np.random.default_rng(1)
    pictures = [make(rng) for make in (drawn_glyph, printed_glyph) for _ in range(40)]
    pictures += list(print_digits(np.arange(10), [1]))
    assert all(picture.shape == (CANVAS, CANVAS) and picture.max() == 255 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) > 80


def test_no_look_alike_of_a_digit_is_among_the_letters() -> None:
    assert not set(_LETTERS) & set("oOlISZBgq")


def test_golden_pictures_ask_for_every_digit_a_blank_and_a_scribble() -> None:
    pictures = golden_pictures()
    assert {digit for _, _, status, digit in pictures if status == "ok"} == set(range(10))
    assert {status for _, _, status, _ in pictures} == {"ok", "blank", "not_a_digit"}
    assert len({name for name, _, _, _ in pictures}) >= 20


def test_digits_are_cut_out_of_rows_with_a_bit_of_their_neighbours() -> None:
    images, labels = cut_digits(DRAWN, LABELS, 60, [3])
    assert images.shape == (60, CANVAS, CANVAS)
    assert set(labels) <= set(LABELS)
    again = cut_digits(DRAWN, LABELS, 60, [3])
    assert (images == again[0]).all() and (labels == again[1]).all()
    model = LogisticRegression(max_iter=300).fit(DRAWN.reshape(200, -1) / 255, LABELS)
    assert model.score(images.reshape(60, -1) / 255, labels) > 0.6  # cut or not, most can be told apart


def test_a_row_has_its_parts_at_their_gaps() -> None:
    parts = [np.full((4, 3), 100, np.uint8), np.full((4, 2), 200, np.uint8), np.full((4, 2), 50, np.uint8)]
    row, starts = side_by_side(parts, [2, -1])
    assert starts == [0, 5, 6]
    assert row[0].tolist() == [100, 100, 100, 0, 0, 200, 200, 50]
