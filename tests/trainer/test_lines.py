"""The reader of lines: its loss, going on from a checkpoint, its temperature, and both files that it is published in."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer import golden_lines, graph, lines, lite
from trainer.calibrate import Calibration, Rates, Scales
from trainer.data import Mnist
from trainer.errors import RunError, TrainerError
from trainer.line_fit import best_text, lines_of, measure, of_model, train_lines
from trainer.line_model import BLANK, LineTower, build_lines
from trainer.line_pool import batches
from trainer.model import build
from trainer.pens import draw_digits
from trainer.recipe import LineNetwork, LineRecipe, Network, Recipe
from trainer.runs import Run, RunConfig
from trainer.towers import named, tutors_part
from trainer.writing import Stock, Written, write_line

TINY = LineRecipe(
    network=LineNetwork(filters=(4, 4, 6, 6, 8, 8), features=12, reach=(1, 2)), epochs=2, chunks=1, lines=24,
    validation=20, warmup_steps=3,
    mnist_digits=80, drawn_digits=40, restyled_digits=10, printed_digits=10, learning_rate=0.01,
)  # fmt: skip
TEN = np.arange(100) % 10
IMAGES = draw_digits(TEN, [1])
MNIST = Mnist(IMAGES, TEN, IMAGES[:10], TEN[:10], {"train_images": "00"})
RECIPE = Recipe(lines=TINY, validation=20)
CONFIG = RunConfig(
    recipe=RECIPE, given={}, precision="float32", command="python -m trainer lines", source_commit="unknown", libraries={},
    data_sha256=MNIST.sha256,
)  # fmt: skip
SOME = [write_line([Stock(IMAGES, TEN)], np.random.default_rng([7, k])) for k in range(32)]


def test_the_loss_falls_and_lines_without_digits_count() -> None:
    tower = LineTower(TINY.network, TINY, "float32")
    some = batches(SOME, TINY, [1])
    assert any((batch.digits < 0).all(1).any() for batch in some)

    def epoch() -> float:
        return float(np.mean([tower.step(b.images, b.digits, b.columns, b.lengths, 0.2) for b in some]))

    losses = [epoch() for _ in range(12)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.7 * losses[0]


def test_it_sees_columns_and_what_is_beside_them_and_nothing_else() -> None:
    answer = of_model(build_lines(TINY.network, TINY, "float32"))
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 240)).astype(np.uint8)
    changed = picture.copy()
    changed[:, :, 120:124] = 0
    differs = np.flatnonzero(np.abs(answer(picture) - answer(changed))[0].max(1) > 1e-6)
    assert differs[0] >= (120 - 24) // 2
    assert differs[-1] <= (124 + 24) // 2
    assert answer(picture).shape == (1, 120, 11)
    assert answer(picture[:, :, :239]).shape == (1, 120, 11)


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path: Path) -> None:
    whole = Run.start(tmp_path / "whole", CONFIG)
    model, history = train_lines(whole, MNIST)
    assert [row["epoch"] for row in history] == [1, 2]
    run = Run.start(tmp_path / "run", CONFIG)
    saved = run.save

    def interrupted(arrays: dict[str, NDArray[np.float32]], rows: list[dict[str, object]]) -> None:
        saved(arrays, rows)
        raise KeyboardInterrupt

    run.save = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        train_lines(run, MNIST)
    resumed, rows = train_lines(Run.open(tmp_path / "run"), MNIST)
    assert [(row["loss"], row["lines"]) for row in rows] == [(row["loss"], row["lines"]) for row in history]
    for mine, other in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    for mine, other in zip(lines_of(whole)[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_teacher_learns_along_and_its_pupil_follows_it(tmp_path: Path) -> None:
    larger = LineNetwork(filters=(6, 6, 8, 8, 10, 10), features=14, reach=(1,))
    recipe = Recipe(lines=TINY.model_copy(update={"teacher": larger}), validation=20)
    run = Run.start(tmp_path / "run", CONFIG.model_copy(update={"recipe": recipe}))
    train_lines(run, MNIST)
    state, history = run.newest()
    taught = tutors_part(state)
    assert len(history) == 2
    assert taught["optimizer_0000"] == state["optimizer_0000"] > 0  # as many steps
    teacher = build_lines(larger, TINY, "float32")
    teacher.set_weights(named(taught, "average"))
    batch = batches(SOME, TINY, [1])[0]
    obedient = TINY.model_copy(update={"own_weight": 0.0, "batch_norm_momentum": 0.5})
    pupil = LineTower(TINY.network, obedient, "float32", teacher)
    said = of_model(teacher)(batch.images)

    def apart() -> float:
        return float(np.abs(of_model(pupil.model)(batch.images) - said).mean())

    before = apart()
    for _ in range(60):
        pupil.step(batch.images, batch.digits, batch.columns, batch.lengths, 0.2)
    assert apart() < 0.7 * before, (before, apart())


def test_a_run_without_an_epoch_has_nothing_to_publish(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="no finished epoch of lines"):
        lines_of(Run.start(tmp_path / "run", CONFIG))


def test_a_resumed_run_keeps_its_recipe(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", CONFIG.model_copy(update={"recipe": Recipe()}))
    run.check_resumed({}, MNIST.sha256)
    with pytest.raises(RunError, match="another lines"):
        run.check_resumed({"lines": {"epochs": 3}}, MNIST.sha256)


def written(digits: tuple[int, ...]) -> Written:
    return Written(np.zeros((32, 60), np.uint8), digits, tuple(range(10, 10 + len(digits))), True)


def says(*names: int, sure: float = 12.0) -> NDArray[np.float64]:
    """Logits `[30, 11]` that name these in every second column, one after the other, and nothing else."""
    logits = np.zeros((30, 11))
    logits[:, BLANK] = sure
    for place, name in enumerate(names):
        logits[2 * place] = 0
        logits[2 * place, name] = sure
    return logits


def test_what_columns_say_together_and_how_many_lines_are_right() -> None:
    assert best_text(says(3, 3, 7)) == (3, 3, 7)
    assert best_text(says()) == ()

    def answer(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.repeat(says(4, 2)[None], len(pictures), 0)

    marks = measure(answer, [written((4, 2)), written((4, 2)), written((4,)), written(())])
    assert [marks.lines, marks.apart, marks.none] == pytest.approx([2 / 3, 2 / 3, 0.0])


def test_the_probability_of_a_text_is_that_of_all_ways_together() -> None:
    rng = np.random.default_rng(3)
    logits = np.full((5, 11), -40.0)
    names = (2, 9, BLANK)
    logits[:, list(names)] = rng.normal(0, 1, (5, 3))
    named = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    for text in ((2,), (2, 9), (9, 9), ()):
        ways = (
            way
            for way in itertools.product(names, repeat=5)
            if tuple(name for name, _ in itertools.groupby(way) if name != BLANK) == text
        )
        expected = np.log(sum(np.exp(named[np.arange(5), list(way)].sum()) for way in ways))
        assert lines.log_probabilities([logits], [text])[0] == pytest.approx(expected, rel=1e-4)


def test_digits_get_before_none_what_the_most_lines_need() -> None:
    given = []
    for text, lead in (((1, 2), 0.6), ((3,), 0.6), ((4, 5, 6), 0.6), ((), -1.5)):  # none is told where there are digits
        logits = says(*text)
        for place in range(len(text)):
            logits[2 * place, BLANK] = logits[2 * place].max() + lead
        if not text:
            logits[4, 7] = logits[4, BLANK] + lead
        given.append(logits)
    lines_of_them = [written(text) for text in ((1, 2), (3,), (4, 5, 6), ())]
    assert best_text(given[0]) == ()
    assert 0.6 < lines.fit_favour(given, lines_of_them) < 1.5
    assert lines.fit_favour(given[3:], lines_of_them[3:]) < 1.5


def test_a_reader_that_is_too_sure_of_itself_is_made_less_so() -> None:
    rng = np.random.default_rng(1)
    truth = [tuple(rng.integers(0, 10, 3).tolist()) for _ in range(300)]
    shown = [text if rng.random() < 0.7 else (*text[:2], (text[2] + 1) % 10) for text in truth]
    temperature, ece = lines.fit_temperature([says(*text, sure=9.0) for text in shown], [written(t) for t in truth])
    assert temperature > 1.2
    assert ece < 0.05


@pytest.fixture(scope="module")
def staged(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Callable[[NDArray[np.uint8]], NDArray[np.float32]], int]:
    """A SavedModel with both signatures, what its reader of lines should answer, and its parameters."""
    folder = tmp_path_factory.mktemp("lines") / "staged"
    folder.mkdir()
    digits = build(Network(filters=(4, 6), kernels=(5, 3), strides=(2, 2)), Recipe(), "float32")
    reader = build_lines(TINY.network, TINY, "float32")
    calibration = Calibration(Scales(1.0, 0.1, 1.0, 0.0), 0.5, 0.5, Rates(1, 0, 1), Rates(1, 0, 1), 0.0)

    def network(images: object) -> dict[str, object]:
        import tensorflow as tf

        return {"log_probabilities": tf.nn.log_softmax(reader(images, training=False) / 2.0)}

    graph.save(graph.of_model(digits), calibration, folder, network)
    answer = of_model(reader)

    def expected(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = answer(pictures) / 2
        return np.asarray(logits - np.log(np.exp(logits).sum(2, keepdims=True)), np.float32)

    return folder, expected, digits.count_params() + reader.count_params()


def test_a_run_goes_on_with_a_published_reader(
    staged: tuple[Path, Callable[[NDArray[np.uint8]], NDArray[np.float32]], int], tmp_path: Path
) -> None:
    folder, expected, _ = staged
    reader = build_lines(TINY.network, TINY, "float32")
    reader.set_weights(lines.weights_of(folder, reader))
    pictures = np.random.default_rng(2).integers(0, 256, (3, 32, 90)).astype(np.uint8)
    logits = of_model(reader)(pictures) / 2
    named = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    np.testing.assert_allclose(named, expected(pictures), atol=1e-4)
    still = TINY.model_copy(update={"learning_rate": 0.0, "epochs": 1, "begun_with": 3})
    run = Run.start(tmp_path / "run", CONFIG.model_copy(update={"recipe": Recipe(lines=still, validation=20)}))
    begun = lines.Begun(folder, 100)
    model, _ = train_lines(run, MNIST, begun.weights)
    for mine, other in zip(model.trainable_weights, reader.trainable_weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), atol=1e-5)
    published = lines.of_run(run, MNIST, begun)
    assert published.record.lines_seen == 124


def test_a_reader_of_another_shape_is_told(
    staged: tuple[Path, Callable[[NDArray[np.uint8]], NDArray[np.float32]], int],
) -> None:
    other = LineNetwork(filters=(4, 4, 6, 6, 8, 8), features=14, reach=(1, 2))
    with pytest.raises(TrainerError, match="not of the shape"):
        lines.weights_of(staged[0], build_lines(other, TINY, "float32"))


@pytest.mark.parametrize("shape", [(1, 32, 168), (3, 32, 50), (2, 32, 401)])
def test_the_saved_model_reads_lines_of_any_width(
    staged: tuple[Path, Callable[[NDArray[np.uint8]], NDArray[np.float32]], int], shape: tuple[int, ...]
) -> None:
    folder, expected, _ = staged
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_allclose(lines.load(folder)(pictures), expected(pictures), atol=1e-4)


def test_the_file_for_litert_has_both_signatures_and_answers_alike(
    staged: tuple[Path, Callable[[NDArray[np.uint8]], NDArray[np.float32]], int],
) -> None:
    folder, expected, parameters = staged
    asked = golden_lines.arrays(lines.load(folder))
    assert asked["lines"].shape == (12, 32, 168)
    images = np.random.default_rng(1).integers(0, 256, (8, 28, 28)).astype(np.uint8)
    lite.write(folder, parameters, images, images, asked["lines"])
    np.testing.assert_allclose(
        lite.load_lines(folder / lite.FILE)(asked["lines"]), np.exp(expected(asked["lines"])), atol=1e-4
    )
    assert lite.load(folder / lite.FILE)(images)[0].shape == (8, 10)
