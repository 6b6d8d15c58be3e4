from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from trainer import data, explore, survey


def draw(labels: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Pictures of as many bars as the label says and one more, each a little different."""
    random = np.random.default_rng(seed)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        top, left, wide = random.integers(3, 6), random.integers(3, 8), random.integers(8, 16)
        for bar in range(label + 1):
            image[top + 2 * bar, left : left + wide] = random.integers(120, 256)
    return images


@pytest.fixture(scope="module")
def drawn() -> data.Mnist:
    labels = np.arange(300) % 10
    train, test = draw(labels, 1), draw(labels[:60], 2)
    test[7] = train[27]  # one of them is in both
    return data.Mnist(train, labels, test, labels[:60], {name: f"{i}" * 64 for i, name in enumerate(data.KNOWN)})


def test_ink_by_hand() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, 10, 5:9] = 255  # four pixels in a row
    images[1, 2:6, 20] = 51  # four in a column, at a fifth
    ink = survey.measure_ink(images)
    np.testing.assert_allclose(ink.mass, [4, 0.8, 0])
    assert ink.width.tolist() == [4, 1, 0]
    assert ink.height.tolist() == [1, 4, 0]
    np.testing.assert_allclose(ink.x, [6.5, 20, 0])
    np.testing.assert_allclose(ink.y, [10, 3.5, 0])


def test_mean_and_variance_by_hand() -> None:
    images = np.zeros((4, 28, 28), np.uint8)
    images[:2, 0, 0] = 255
    mean, variance = survey.mean_and_variance(images)
    assert (mean[0, 0], variance[0, 0]) == (0.5, 0.25)
    assert not mean[1:].any()
    assert not variance[1:].any()


def test_components_agree_with_scikit_learn(drawn: data.Mnist) -> None:
    images = drawn.train_images[:, ::2, ::2]
    space = survey.principal_components(images, 5)
    flat = images.reshape(300, -1) / 255
    theirs = PCA(5, svd_solver="covariance_eigh").fit(flat)
    np.testing.assert_allclose(abs(space.project(images)), abs(theirs.transform(flat)), atol=1e-3)
    assert space.kept == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-5)


def test_strangeness_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(3)
    points, labels = random.normal(size=(400, 6)).astype(np.float32), np.repeat([2, 5], 200)
    points[labels == 5] *= 7
    points[3] = 9
    ours = survey.strangeness(points, labels)
    for label in (2, 5):
        own = labels == label
        theirs = np.sqrt(EmpiricalCovariance().fit(points[own]).mahalanobis(points[own]))
        np.testing.assert_allclose(ours[own], theirs, rtol=2e-3)
    assert ours.argmax() == 3


def test_strangeness_of_too_few_and_of_equal_points() -> None:
    assert survey.strangeness(np.ones((3, 4), np.float32), np.array([0, 0, 1])).tolist() == [0, 0, 0]


@pytest.mark.parametrize("chunk", [7, 500])
def test_nearest_agrees_with_scikit_learn(chunk: int) -> None:
    random = np.random.default_rng(4)
    points, others = (random.normal(size=(n, 8)).astype(np.float32) for n in (50, 90))
    theirs = NearestNeighbors(n_neighbors=1).fit(others).kneighbors(points, return_distance=False)[:, 0]
    np.testing.assert_array_equal(survey.nearest(points, others, chunk), theirs)


def test_the_closest_pair_is_the_picture_in_both_sets(drawn: data.Mnist) -> None:
    test, train = drawn.test_images[:, :, ::2], drawn.train_images[:, :, ::2]
    pairs = survey.closest_pairs(test, train, survey.principal_components(train, 20))
    assert pairs[0] == survey.Pair(7, 27, 0.0)
    assert sorted(pair.index for pair in pairs) == list(range(60))
    assert [pair.distance for pair in pairs] == sorted(pair.distance for pair in pairs)


def test_repeats_are_counted() -> None:
    images = np.arange(3, dtype=np.uint8)[[0, 1, 1, 2, 1], None, None].repeat(28, axis=1).repeat(28, axis=2)
    assert survey.repeated(images) == 2


def test_the_report(drawn: data.Mnist, parse: Callable[[str], Any]) -> None:
    page = parse(explore.report(drawn, seed=1, held_out=50))
    for words in ("train-images-idx3-ubyte", "1" * 64, "250", "1 are equal", "Most typical", "Strangest", "Mean"):
        assert words in page.text, words
    assert len(page.all("svg")) == 4
    assert len(page.all("img")) >= 4 + 10


def test_run_writes_one_file(drawn: data.Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load_mnist", lambda folder: drawn)
    monkeypatch.setattr(explore, "report", lambda mnist, seed: f"report of seed {seed}")
    path = explore.run(None, tmp_path / "deep" / "er", seed=4)
    assert path.read_text() == "report of seed 4"
    assert [entry.name for entry in path.parent.iterdir()] == ["index.html"]


def test_mnist_in_under_a_minute(tmp_path: Path) -> None:
    folder = os.environ.get("DIGITS_DATA")
    if not folder:
        pytest.skip("needs MNIST: set DIGITS_DATA to the folder that holds mnist/")
    started = time.monotonic()
    page = explore.run(Path(folder) / "mnist", tmp_path).read_text(encoding="utf-8")
    assert time.monotonic() - started < 60
    assert "0 are equal" in page
