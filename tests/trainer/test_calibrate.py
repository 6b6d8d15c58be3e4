"""Temperature, Platt scaling and thresholds, on answers whose truth is known."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from trainer.calibrate import (
    Rates,
    Scales,
    fit,
    fit_platt,
    fit_scales,
    fit_temperature,
    lowest_threshold,
    sigmoid,
    softmax,
)

RNG = np.random.default_rng(0)
EASY = Rates(kept_digits=0.998, wrong_of_ok=0.001, coverage=0.0)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    logits = RNG.normal(0, 3, (20_000, 10))
    chances = softmax(logits / temperature).cumsum(1)
    labels = (RNG.random((20_000, 1)) > chances).sum(1).clip(0, 9)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_platt_scaling_agrees_with_logistic_regression() -> None:
    positive = np.arange(4_000) < 3_000
    values = np.where(positive, RNG.normal(2, 1.5, 4_000), RNG.normal(-1, 1.5, 4_000))
    slope, offset = fit_platt(values, positive)
    reference = LogisticRegression(C=1e6).fit(values[:, None], positive)
    assert slope == pytest.approx(float(reference.coef_[0, 0]), rel=0.02)
    assert offset == pytest.approx(float(reference.intercept_[0]), abs=0.02)


def test_platt_scaling_of_classes_without_overlap_is_finite() -> None:
    slope, offset = fit_platt(np.array([-5.0, -4, 4, 5]), np.array([False, False, True, True]))
    assert 0 < slope < 10
    assert abs(offset) < 10


def test_the_threshold_is_the_lowest_that_keeps_the_promise() -> None:
    confidence = np.array([0.99, 0.98, 0.97, 0.9, 0.8, 0.7])
    right = np.array([True, True, True, True, False, True])
    assert lowest_threshold(confidence, right, 0.0) == 0.9
    assert lowest_threshold(confidence, right, 0.25) == 0.7
    assert lowest_threshold(confidence, ~right, 0.0) == 0.995
    assert lowest_threshold(np.array([0.9, 0.9]), np.array([True, False]), 0.4) == 0.995


def test_softmax_and_sigmoid_bear_large_values() -> None:
    assert softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


def answers(count: int, sharpness: float = 6.0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Logits `[count, 10]` and labels that are drawn from their very softmax, so that their temperature is 1."""
    logits = RNG.normal(0, 1, (count, 10))
    logits[np.arange(count), RNG.integers(0, 10, count)] += RNG.gamma(6, sharpness / 6 * 2, count)
    labels = (RNG.random((count, 1)) > softmax(logits).cumsum(1)).sum(1).clip(0, 9)
    return logits, labels


def test_a_calibration_attains_what_it_was_asked_for() -> None:
    digits, labels = answers(10_000)
    found = fit(2 * digits, labels, RNG.normal(4, 2, 10_000), RNG.normal(-4, 2, 5_000), EASY)
    assert found.scales.temperature == pytest.approx(2, rel=0.1)
    assert found.scales.trust < 0.05
    assert found.asked == EASY
    assert 0.998 <= found.attained.kept_digits < 0.9985
    assert found.attained.wrong_of_ok <= 0.001
    assert 0.5 < found.attained.coverage < 0.998


def test_a_temperature_that_depends_on_digit_probability_is_found() -> None:
    true = Scales(temperature=1.5, trust=0.2, slope=1.0, offset=0.0)
    digits, _ = answers(20_000)
    is_digit = RNG.normal(2, 2, 20_000)
    labels = (RNG.random((20_000, 1)) > true.probabilities(digits, is_digit).cumsum(1)).sum(1).clip(0, 9)
    found = fit_scales(digits, labels, is_digit, RNG.normal(-2, 2, 20_000))  # of equal spread: Platt's slope is 1
    assert found.slope == pytest.approx(1, rel=0.05)
    assert found.trust == pytest.approx(0.2, abs=0.02)
    assert found.temperature == pytest.approx(1.5, rel=0.05)
    assert (found.probabilities(digits, is_digit).argmax(1) == digits.argmax(1)).all()


def test_coverage_goes_before_the_share_of_wrong_answers() -> None:
    digits, labels = answers(10_000)
    is_digit, outliers = RNG.normal(4, 2, 10_000), RNG.normal(-4, 2, 5_000)
    strict = fit(digits, labels, is_digit, outliers, EASY)
    wide = fit(digits, labels, is_digit, outliers, Rates(0.998, 0.001, strict.attained.coverage + 0.01))
    assert wide.confidence < strict.confidence
    assert wide.attained.coverage == pytest.approx(strict.attained.coverage + 0.01, abs=1e-4)
    assert wide.attained.wrong_of_ok > 0.001
    narrow = fit(digits, labels, is_digit, outliers, Rates(0.998, 0.001, strict.attained.coverage - 0.01))
    assert narrow == fit(digits, labels, is_digit, outliers, narrow.asked)
    assert narrow.confidence == strict.confidence


def test_thresholds_are_for_the_plain_digits_and_the_scales_for_all() -> None:
    digits, labels = answers(10_000)
    is_digit, outliers = RNG.normal(4, 1, 10_000), RNG.normal(-4, 2, 5_000)
    plain = fit(digits, labels, is_digit, outliers, EASY)
    spoilt = np.where(RNG.random(10_000) < 0.3, RNG.integers(0, 10, 10_000), labels)
    both = fit(
        np.concatenate([digits, digits]),
        np.concatenate([labels, spoilt]),
        np.concatenate([is_digit, is_digit - 4]),
        outliers,
        EASY,
        plain=10_000,
    )
    assert both.scales.temperature > 1.5 * plain.scales.temperature
    assert both.scales.trust > 0.1 > plain.scales.trust
    assert both.loss > plain.loss
    assert both.attained.kept_digits >= 0.998
    assert both.attained.wrong_of_ok <= 0.001


def test_digits_that_are_far_from_all_others_leave_room_for_stranger_ones() -> None:
    digits, labels = answers(1_000)
    found = fit(digits, labels, np.full(1_000, 9.0), np.full(1_000, -9.0), EASY)
    assert found.digit_probability == 0.9
    assert found.attained.kept_digits == 1


def test_more_coverage_than_there_are_digits_left_is_as_much_as_can_be_had() -> None:
    digits, labels = answers(1_000)
    found = fit(digits, labels, RNG.normal(1, 1, 1_000), RNG.normal(-1, 1, 500), Rates(0.9, 0.0, 1.0))
    assert found.confidence == 0.5
    assert found.attained.coverage <= found.attained.kept_digits < 0.92
