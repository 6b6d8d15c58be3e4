"""What the trainer draws and how it distorts: digits, outliers, augmentation, the canvas."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainer.augment import augment
from trainer.canvas import BOX, CANVAS, to_canvas
from trainer.fit import make_epoch, make_pool
from trainer.golden import golden_pictures
from trainer.outliers import draw_outliers
from trainer.pens import digit_strokes, draw_digits, ink, scribble_strokes
from trainer.recipe import Recipe

LABELS = np.arange(200) % 10
DRAWN = draw_digits(LABELS, [1])


def test_drawn_digits_keep_the_input_contract() -> None:
    assert DRAWN.shape == (200, CANVAS, CANVAS)
    for digit in DRAWN:
        rows, columns = np.nonzero(digit.max(1))[0], np.nonzero(digit.max(0))[0]
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == BOX
        y, x = np.mgrid[:CANVAS, :CANVAS]
        assert abs((digit * y.astype(float)).sum() / digit.sum() - 14) <= 0.51
        assert abs((digit * x.astype(float)).sum() / digit.sum() - 14) <= 0.51


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
    assert (outliers.max((1, 2)) == 255).all()


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
    still = Recipe(rotation=0, scale=0, shear=0, shift=0, elastic=0, thickness=0)
    assert np.abs(augment(DRAWN, still, [1]).astype(int) - DRAWN).max() <= 1


def test_an_epoch_depends_on_the_seed_and_its_number_alone(mnist_like: object) -> None:
    recipe = Recipe(limit=100, validation=20, seed=3)
    pool = make_pool(mnist_like, recipe)  # type: ignore[arg-type]
    assert pool.sources == {"mnist_train": 100, "drawn_digits": 15, "drawn_outliers": 20}
    assert set(pool.labels) == {-1, *range(10)}
    images, labels, hashes = make_epoch(pool, recipe, 4)
    make_epoch(pool, recipe, 0)
    assert make_epoch(pool, recipe, 4)[2] == hashes
    assert make_epoch(pool, recipe, 5)[2]["order_sha256"] != hashes["order_sha256"]
    assert sorted(labels) == sorted(pool.labels)
    assert images.shape == pool.images.shape


def test_golden_pictures_ask_for_every_digit_a_blank_and_a_scribble() -> None:
    pictures = golden_pictures()
    assert {digit for _, _, status, digit in pictures if status == "ok"} == set(range(10))
    assert {status for _, _, status, _ in pictures} == {"ok", "blank", "not_a_digit"}
    assert len({name for name, _, _, _ in pictures}) >= 20
