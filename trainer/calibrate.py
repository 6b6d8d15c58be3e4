"""Calibration and thresholds, fitted on the validation split, plain and distorted, so that they hold on bad pictures too.

Temperature scaling after C. Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017); for `digit_probability` the scaling
of J. Platt, "Probabilistic Outputs for Support Vector Machines" (1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.augment import augment
from trainer.fit import DISTORTED, Pool, logits
from trainer.recipe import Recipe

_HIGHEST = 0.995  # a threshold of confidence above this would call nearly every digit uncertain


@dataclass(frozen=True)
class Calibration:
    """probabilities = softmax(logits / temperature), digit_probability = sigmoid(slope · logit + offset), thresholds."""

    temperature: float
    slope: float
    offset: float
    confidence: float
    digit_probability: float


def calibrate(model: Any, pool: Pool, recipe: Recipe) -> Calibration:
    """Fits on the pool's validation digits, plain and distorted, and its held-out outliers."""
    distorted = augment(pool.validation_images, recipe, [recipe.seed, DISTORTED])
    digits, is_digit = logits(model, np.concatenate([pool.validation_images, distorted]))
    labels = np.concatenate([pool.validation_labels, pool.validation_labels])
    _, outlier = logits(model, pool.validation_outliers)
    temperature = fit_temperature(digits, labels)
    slope, offset = fit_platt(
        np.concatenate([is_digit, outlier]), np.arange(len(is_digit) + len(outlier)) < len(is_digit)
    )
    probabilities = softmax(digits / temperature)
    plain = slope * is_digit[: len(pool.validation_images)] + offset
    return Calibration(
        temperature=temperature,
        slope=slope,
        offset=offset,
        confidence=lowest_threshold(probabilities.max(1), probabilities.argmax(1) == labels, recipe.wrong_of_ok),
        digit_probability=float(min(0.5, sigmoid(np.quantile(plain, 1 - recipe.kept_digits)))),
    )


def fit_temperature(values: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature of the least negative log-likelihood of `labels` `[N]` under logits `[N, C]`, by golden-section search."""

    def loss(log_temperature: float) -> float:
        scaled = values / np.exp(log_temperature)
        top = scaled.max(1)
        return float(
            (np.log(np.exp(scaled - top[:, None]).sum(1)) + top - scaled[np.arange(len(labels)), labels]).mean()
        )

    low, high, ratio = np.log(0.05), np.log(20.0), (np.sqrt(5) - 1) / 2
    while high - low > 1e-5:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def fit_platt(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of a logistic regression on one logit `[N]`, by Newton's method with a light ridge.

    The targets are Platt's, drawn in from 0 and 1, so that classes without overlap have a finite answer.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    targets = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    weights = np.array([1.0, 0.0])
    design = np.stack([values, np.ones_like(values)], 1)
    for _ in range(50):
        p = sigmoid(design @ weights)
        gradient = design.T @ (p - targets) + 1e-3 * (weights - [1.0, 0.0])
        curvature = design.T @ (design * (p * (1 - p))[:, None]) + 1e-3 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def lowest_threshold(confidence: NDArray[np.float64], right: NDArray[np.bool_], wrong_share: float) -> float:
    """The lowest confidence at or above which at most `wrong_share` of the answers are wrong; bounded by 0.5 and 0.995.

    Where no threshold keeps that promise it is 0.995, as near as can be had.
    """
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)  # a threshold takes all equals or none
    fits = np.flatnonzero((share <= wrong_share) & last)
    lowest = float(confidence[order[fits[-1]]]) if len(fits) else _HIGHEST
    return float(np.clip(lowest, 0.5, _HIGHEST))


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis."""
    e = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def sigmoid(values: Any) -> Any:
    """Of a number or an array, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(values)))
