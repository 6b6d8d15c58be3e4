"""Temperature, Platt scaling and thresholds, on answers whose truth is known."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainer.calibrate import fit_platt, fit_temperature, lowest_threshold, sigmoid, softmax

RNG = np.random.default_rng(0)


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
