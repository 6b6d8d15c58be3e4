"""Networks side by side: what the loss asks for, the running average, going on from a state; with networks of a few filters."""

from pathlib import Path

import keras
import numpy as np
import pytest

from trainer.data import Mnist
from trainer.fit import phases, train
from trainer.model import build, logits, multiply_adds
from trainer.pens import draw_digits
from trainer.pool import make_pool
from trainer.recipe import LARGE, QUICK, Network, Recipe
from trainer.runs import Run, RunConfig
from trainer.towers import Arrays, Towers

TINY = Network(filters=(4, 6), kernels=(5, 3), strides=(2, 2))
RECIPE = Recipe(network=TINY, learning_rate=0.01, dropout=0.0)
LABELS = np.arange(64) % 10
IMAGES = draw_digits(LABELS, [1])
MIXED = np.where(np.arange(64) % 4 == 0, -1, LABELS)


def towers(recipe: Recipe = RECIPE, teachers: tuple[object, ...] = ()) -> Towers:
    keras.utils.set_random_seed(3)
    return Towers([TINY, TINY], recipe, "float32", steps=20, epochs=2, teachers=teachers)


def test_two_networks_learn_side_by_side_and_differ() -> None:
    both = towers()
    losses = [both.step(IMAGES, MIXED)[0] for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]
    first, second = (logits(model, IMAGES)[0] for model in both.models)
    assert np.abs(first - second).max() > 0.1


def test_the_average_is_the_weights_own_with_early_steps_counting_for_less() -> None:
    both = towers(RECIPE.model_copy(update={"average_momentum": 0.5}))
    expected = [array.copy() for array in both.models[0].get_weights()]
    for step in range(1, 13):
        both.step(IMAGES, MIXED)
        keep = min(0.5, (1 + step) / (10 + step))
        now = both.models[0].get_weights()
        expected = [keep * mean + (1 - keep) * value for mean, value in zip(expected, now, strict=True)]
    for mean, value in zip(expected, both.averaged[0].get_weights(), strict=True):
        np.testing.assert_allclose(value, mean, rtol=1e-4, atol=1e-5)


def test_a_restored_state_trains_on_as_if_nothing_had_happened() -> None:
    once = towers(RECIPE.model_copy(update={"dropout": 0.3}))
    once.begin_epoch(0)
    for _ in range(3):
        once.step(IMAGES, MIXED)
    state = once.state()
    again = towers(RECIPE.model_copy(update={"dropout": 0.3}))
    again.restore(state)
    for other in (once, again):
        other.begin_epoch(1)
    assert [once.step(IMAGES, MIXED) for _ in range(3)] == [again.step(IMAGES, MIXED) for _ in range(3)]


def test_a_student_that_says_what_its_teachers_say_pays_for_the_labels_alone() -> None:
    teacher = build(TINY, RECIPE, "float32")
    taught = towers(RECIPE.model_copy(update={"distillation": 1.0}), (teacher,))
    values = keras.ops.convert_to_tensor(logits(teacher, IMAGES)[0].astype(np.float32))
    soft = taught._taught(IMAGES)
    np.testing.assert_allclose(taught._digit_loss(values, LABELS, soft), 0, atol=1e-4)
    assert float(np.min(taught._digit_loss(values[:, ::-1], LABELS, soft))) > 0
    half = towers(RECIPE.model_copy(update={"distillation": 0.5}), (teacher,))
    own = half._digit_loss(values, LABELS, None)
    np.testing.assert_allclose(half._digit_loss(values, LABELS, soft), 0.5 * np.asarray(own), atol=1e-4)


def test_teachers_that_learn_along_are_resumed_with_their_students(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(
        update={"together": True, "teachers": (TINY,), "students": 1, "epochs": 2, "dropout": 0.3}
    )
    recipe = recipe.model_copy(update={"stock": 1.0, "validation": 20, "batch_size": 64, "lines": None})
    pictures = draw_digits(np.arange(120) % 10, [2])
    mnist = Mnist(pictures, np.arange(120) % 10, pictures[:10], np.arange(10), {"train_images": "00"})
    config = RunConfig(
        recipe=recipe, given={}, precision="float32", command="", source_commit="", libraries={}, data_sha256=mnist.sha256
    )  # fmt: skip
    pool = make_pool(mnist, recipe)
    whole = Run.start(tmp_path / "whole", config)
    train(whole, pool)
    run = Run.start(tmp_path / "run", config)
    saved = run.save

    def interrupted(arrays: Arrays, rows: list[dict[str, object]]) -> None:
        saved(arrays, rows)
        raise KeyboardInterrupt

    run.save = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        train(run, pool)
    train(Run.open(tmp_path / "run"), pool)
    once, again = whole.newest()[0], run.newest()[0]
    assert once.keys() == again.keys()
    assert any(name.startswith("tutors_weight") for name in once)
    for name, array in once.items():
        np.testing.assert_allclose(array, again[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_pictures_of_no_digit_teach_that_and_nothing_of_digits() -> None:
    both = towers()
    head = both.models[0].get_layer("digits").kernel.numpy().copy()
    none = np.full(64, -1)
    still = both.models[0].get_layer("is_digit").kernel.numpy().copy()
    for _ in range(3):  # the learning rate begins at zero
        both.step(IMAGES, none)
    moved = both.models[0].get_layer("digits").kernel.numpy() - head
    assert np.abs(moved).max() < 3e-3 * np.abs(head).max()  # weight decay alone
    assert np.abs(both.models[0].get_layer("is_digit").kernel.numpy() - still).max() > np.abs(moved).max()


def test_multiply_adds_by_hand() -> None:
    model = build(TINY, RECIPE, "float32")
    assert multiply_adds(model) == 14 * 14 * 25 * 4 + 7 * 7 * 9 * 4 * 6 + 6 * 10 + 6


@pytest.mark.parametrize(
    ("given", "names"), [({}, ["teachers", "students"]), (QUICK, ["students"]), (LARGE, ["students"])]
)
def test_the_phases_follow_one_another(given: dict[str, object], names: list[str]) -> None:
    plan = phases(Recipe.model_validate(given))
    assert [phase.name for phase in plan] == names
    assert [phase.first for phase in plan] == [0, *(phase.end for phase in plan[:-1])]
    assert len(plan[-1].networks) == Recipe.model_validate(given).students


def test_the_released_network_is_small_enough() -> None:
    model = build(Recipe().network, Recipe(), "float32")
    assert model.count_params() <= 500_000
    assert multiply_adds(model) <= 12_000_000
