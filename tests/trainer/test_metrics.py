from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics

from trainer import metrics


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_wilson_gives_the_published_interval() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263 → 0.2553 to 0.3662, 0 of 20 → 0 to 0.1611.
    many, none = metrics.wilson(81, 263), metrics.wilson(0, 20)
    assert [many.low, many.high] == pytest.approx([0.2553, 0.3662], abs=5e-5)
    assert [none.low, none.high] == pytest.approx([0, 0.1611], abs=5e-5)
    assert many.failures == 182


@pytest.mark.parametrize("trials", [1, 2, 7, 10_000])
def test_wilson_holds_its_share_and_mirrors(trials: int) -> None:
    for successes in {0, 1, trials // 2, trials}:
        p, q = metrics.wilson(successes, trials), metrics.wilson(trials - successes, trials)
        assert 0 <= p.low <= p.value <= p.high <= 1
        assert p.low == pytest.approx(1 - q.high, abs=1e-12)


def test_wilson_of_nothing_and_of_nonsense() -> None:
    nothing = metrics.wilson(0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    for successes, trials in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="trials"):
            metrics.wilson(successes, trials)


def test_accuracy_counts() -> None:
    assert metrics.accuracy([1, 2, 3, 4], [1, 2, 3, 0]) == metrics.wilson(3, 4)


def test_confusion_matrix_and_per_class_agree_with_scikit_learn(random: np.random.Generator) -> None:
    labels = random.integers(0, 10, 500)
    predicted = np.where(random.random(500) < 0.7, labels, random.integers(0, 9, 500))
    matrix = metrics.confusion_matrix(labels, predicted)
    np.testing.assert_array_equal(matrix, sklearn.metrics.confusion_matrix(labels, predicted, labels=range(10)))
    precision, recall = metrics.precision_recall(matrix)
    theirs = sklearn.metrics.precision_recall_fscore_support(labels, predicted, labels=range(10), zero_division=np.nan)
    np.testing.assert_allclose([p.value for p in precision], theirs[0])
    np.testing.assert_allclose([p.value for p in recall], theirs[1])


def test_confusion_matrix_by_hand() -> None:
    matrix = metrics.confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], classes=3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    precision, recall = metrics.precision_recall(matrix)
    assert [p.value for p in precision[:2]] == [0.5, 0.5]
    assert math.isnan(precision[2].value)
    assert [p.value for p in recall] == [0.5, 1.0, 0.0]


def test_reliability_and_ece_by_hand() -> None:
    # Bins (0, 0.5] and (0.5, 1]: the first holds 0.5 and 0.3 (accuracy 1/2), the second 0.9, 0.8, 1.0 (accuracy 2/3).
    confidence, correct = [0.5, 0.3, 0.9, 0.8, 1.0], [True, False, True, False, True]
    points = metrics.reliability(confidence, correct, bins=2)
    assert points.edges.tolist() == [0.0, 0.5, 1.0]
    assert points.count.tolist() == [2, 3]
    np.testing.assert_allclose(points.confidence, [0.4, 0.9])
    np.testing.assert_allclose(points.accuracy, [0.5, 2 / 3])
    assert metrics.ece(confidence, correct, bins=2) == pytest.approx(2 / 5 * 0.1 + 3 / 5 * (0.9 - 2 / 3))


def test_reliability_agrees_with_scikit_learn(random: np.random.Generator) -> None:
    confidence = random.uniform(0.2, 1.0, 2000)
    correct = random.random(2000) < confidence**2
    points = metrics.reliability(confidence, correct)
    accuracy, mean = sklearn.calibration.calibration_curve(correct, confidence, n_bins=15)
    used = points.count > 0
    np.testing.assert_allclose(points.accuracy[used], accuracy)
    np.testing.assert_allclose(points.confidence[used], mean)


def test_ece_of_extremes() -> None:
    assert metrics.ece([1.0, 1.0], [True, True]) == 0
    assert metrics.ece([1.0, 1.0], [False, False]) == 1
    assert metrics.ece([0.0], [False]) == 0
    assert math.isnan(metrics.ece([], []))


def test_risk_coverage_by_hand() -> None:
    coverage, risk = metrics.risk_coverage([0.9, 0.5, 0.7, 0.5], [True, True, False, False])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 1.0])  # the two at 0.5 come together
    np.testing.assert_allclose(risk, [0, 0.5, 0.5])


def test_risk_coverage_does_not_depend_on_the_order(random: np.random.Generator) -> None:
    confidence, correct = random.integers(0, 20, 300) / 20, random.random(300) < 0.8
    order = random.permutation(300)
    for one, other in zip(
        metrics.risk_coverage(confidence, correct),
        metrics.risk_coverage(confidence[order], correct[order]),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    coverage, risk = metrics.risk_coverage(confidence, correct)
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(1 - correct.mean())


def test_auroc_by_hand() -> None:
    assert metrics.auroc([3, 2], [1, 0]) == 1
    assert metrics.auroc([0], [1]) == 0
    assert metrics.auroc([1, 1], [1, 1, 1]) == 0.5
    assert metrics.auroc([2, 1], [1, 0]) == pytest.approx(3.5 / 4)
    assert math.isnan(metrics.auroc([], [1]))


@pytest.mark.parametrize("levels", [4, 10_000])
def test_auroc_and_fpr_agree_with_scikit_learn(random: np.random.Generator, levels: int) -> None:
    positive, negative = random.integers(0, levels, 300) + levels // 4, random.integers(0, levels, 200)
    truth, score = np.repeat([1, 0], [300, 200]), np.concatenate([positive, negative])
    assert metrics.auroc(positive, negative) == pytest.approx(sklearn.metrics.roc_auc_score(truth, score))
    fpr, tpr, _ = sklearn.metrics.roc_curve(truth, score, drop_intermediate=False)
    for target in (0.5, 0.9, 0.95, 0.99, 1.0):
        assert metrics.fpr_at_tpr(positive, negative, target) == pytest.approx(fpr[tpr >= target - 1e-12].min())


def test_fpr_at_tpr_by_hand() -> None:
    positive = np.arange(1, 101)
    assert metrics.fpr_at_tpr(positive, [0, 2, 93, 94, 95], 0.07) == pytest.approx(2 / 5)  # keeps 94 … 100
    assert metrics.fpr_at_tpr(positive, [0.5, 1.5, 2.0], 0.99) == pytest.approx(1 / 3)  # keeps 2 … 100
    assert math.isnan(metrics.fpr_at_tpr([1.0], []))
    with pytest.raises(ValueError, match="rate"):
        metrics.fpr_at_tpr([1.0], [0.0], 0)


def test_the_interval_of_the_ece_by_hand() -> None:
    """Ten pictures in one bin at 0.9, k of them right in a draw: the ECE is |k / 10 − 0.9|, and k is binomial."""
    correct = np.arange(10) < 8
    low, high = metrics.ece_interval(np.full(10, 0.9), correct, resamples=4000)
    draws = np.abs(np.random.default_rng(1).binomial(10, 0.8, 100_000) / 10 - 0.9)
    assert [low, high] == pytest.approx(np.quantile(draws, [0.025, 0.975]).tolist(), abs=1e-6)


def test_the_interval_of_the_ece_agrees_with_measuring_each_draw(random: np.random.Generator) -> None:
    confidence = random.uniform(0.2, 1, 300)
    correct = random.random(300) < confidence**2
    low, high = metrics.ece_interval(confidence, correct, resamples=2000)
    draws = random.integers(0, 300, (2000, 300))
    values = [metrics.ece(confidence[draw], correct[draw]) for draw in draws]
    assert [low, high] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=0.01)
    assert low < metrics.ece(confidence, correct) < high


def test_the_interval_of_the_ece_is_the_same_each_time_and_narrows(random: np.random.Generator) -> None:
    confidence = random.uniform(0.5, 1, 8000)
    correct = random.random(8000) < confidence - 0.1
    low, high = metrics.ece_interval(confidence, correct)
    assert (low, high) == metrics.ece_interval(confidence, correct)
    assert (low, high) != metrics.ece_interval(confidence, correct, seed=1)
    few = metrics.ece_interval(confidence[:500], correct[:500])
    assert 0.085 < low < 0.1 < high < 0.12
    assert few[1] - few[0] > 2 * (high - low)
    assert all(math.isnan(end) for end in metrics.ece_interval([], []))
