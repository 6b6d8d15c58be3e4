"""Calibration and thresholds, fitted on answers to pictures that were not trained on: pure functions of arrays.

Temperature scaling after C. Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), with a temperature that depends on
`digit_probability`: no single one is right for neat digits and for spoilt ones. For `digit_probability` the scaling of J. Platt,
"Probabilistic Outputs for Support Vector Machines" (1999).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUREST_LOGIT = 4.0
"""Beyond ± this the logit of `digit_probability`, 0.018 and 0.982, no longer changes the temperature."""

_MOST_TRUST = 0.5
_ROUNDING = 1e-5
_HIGHEST = 0.995  # a threshold of confidence above this would call nearly every digit uncertain
_SUREST = 0.9  # and one of digit_probability would refuse what is only drawn a little differently


@dataclass(frozen=True)
class Rates:
    """Shares that the thresholds were asked for, or attained: of the digits, those taken for one and those answered `ok`
    (`coverage`); of what is answered `ok`, those that are wrong.
    """

    kept_digits: float
    wrong_of_ok: float
    coverage: float


@dataclass(frozen=True)
class Scales:
    """Logits to probabilities. The order of the digits is always the network's.

    z = slope · is_digit + offset; digit_probability = sigmoid(z);
    probabilities = softmax(digits / temperature · exp(trust · clip(z, ±SUREST_LOGIT))).
    """

    temperature: float
    trust: float
    slope: float
    offset: float

    def probabilities(self, digits: NDArray[np.float64], is_digit: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[N, 10]` of logits `[N, 10]` and `[N]`."""
        return softmax(digits / self.temperature * np.exp(self.trust * _clipped(self._logit(is_digit)))[:, None])

    def digit_probability(self, is_digit: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[N]` of logits `[N]`."""
        return np.asarray(sigmoid(self._logit(is_digit)))

    def _logit(self, is_digit: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.slope * is_digit + self.offset


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities, and the thresholds.

    `attained` is of the plain digits that they were fitted on; `loss` of all of them: the mean negative log-likelihood, in nats,
    of their labels under `probabilities`.
    """

    scales: Scales
    confidence: float
    digit_probability: float
    asked: Rates
    attained: Rates
    loss: float


def fit(
    digits: NDArray[np.float64],
    labels: NDArray[np.int64],
    is_digit: NDArray[np.float64],
    outliers: NDArray[np.float64],
    asked: Rates,
    plain: int | None = None,
) -> Calibration:
    """Fits on N ≥ 1 digits and M ≥ 1 pictures of none, by the network's logits; the first `plain` digits (None: all) are plain.

    `digits` `[N, 10]`, `labels` 0 to 9 `[N]`, `is_digit` `[N]`; `outliers` `[M]` is what `is_digit` is of the others. The scales
    are fitted on all digits, the bad pictures among them, so that confidence holds for those too; the thresholds are for the
    plain ones. `asked.wrong_of_ok` yields to `asked.coverage` where both cannot be had.
    """
    scales = fit_scales(digits, labels, is_digit, outliers)
    probabilities = scales.probabilities(digits, is_digit)
    loss = float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
    best, right = probabilities[:plain].max(1), probabilities[:plain].argmax(1) == labels[:plain]
    digit_probability = scales.digit_probability(is_digit[:plain])
    sure = float(min(_SUREST, _highest_that_keeps(digit_probability, asked.kept_digits * len(best))))
    kept = digit_probability >= sure
    confidence = min(
        max(0.5, _just_below(lowest_threshold(best[kept], right[kept], asked.wrong_of_ok), best)),
        max(0.5, _highest_that_keeps(best[kept], asked.coverage * len(best))),
    )
    ok = kept & (best >= confidence)
    wrong = float((~right[ok]).mean()) if ok.any() else 0.0
    attained = Rates(float(kept.mean()), wrong, float(ok.mean()))
    return Calibration(scales, float(confidence), sure, asked, attained, loss)


def fit_scales(
    digits: NDArray[np.float64], labels: NDArray[np.int64], is_digit: NDArray[np.float64], outliers: NDArray[np.float64]
) -> Scales:
    """Platt's scaling of `is_digit`, then the temperature and its dependence on that, of least loss; shapes as in `fit`."""
    positive = np.arange(len(is_digit) + len(outliers)) < len(is_digit)
    slope, offset = fit_platt(np.concatenate([is_digit, outliers]), positive)
    clipped = _clipped(slope * is_digit + offset)[:, None]

    def loss(trust: float) -> float:
        scaled = digits * np.exp(trust * clipped)
        ridge = 1e-3 * trust**2  # light: where `digit_probability` tells nothing, it is the temperature's own to scale
        return _negative_log_likelihood(scaled / fit_temperature(scaled, labels), labels) + ridge

    trust = _lowest(loss, 0.0, _MOST_TRUST, 1e-3)
    return Scales(fit_temperature(digits * np.exp(trust * clipped), labels), trust, slope, offset)


def _highest_that_keeps(values: NDArray[np.float64], count: float) -> float:
    """The highest threshold that at least `count` of `values` reach; 1 where none must, 0 where even all are fewer."""
    least = int(np.ceil(count - 1e-9))
    if least > len(values):
        return 0.0
    return _just_below(float(np.sort(values)[len(values) - least]), values) if least > 0 else 1.0


def _just_below(threshold: float, values: NDArray[np.float64]) -> float:
    """A threshold that takes the same of `values`, and takes them still where the graph rounds otherwise in float32."""
    lower = values[values < threshold]
    return float(threshold - min(_ROUNDING, (threshold - lower.max(initial=-1.0)) / 2))


def fit_temperature(values: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature of the least negative log-likelihood of `labels` `[N]` under logits `[N, C]`, from 0.05 to 20."""

    def loss(log_temperature: float) -> float:
        return _negative_log_likelihood(values / np.exp(log_temperature), labels)

    return float(np.exp(_lowest(loss, np.log(0.05), np.log(20.0), 1e-5)))


def _negative_log_likelihood(values: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    top = values.max(1)
    return float((np.log(np.exp(values - top[:, None]).sum(1)) + top - values[np.arange(len(labels)), labels]).mean())


def _lowest(loss: Callable[[float], float], low: float, high: float, width: float) -> float:
    """Where `loss`, of one valley, is lowest between `low` and `high`: golden-section search, to within `width`."""
    ratio = (np.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > width:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return float((low + high) / 2)


def _clipped(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(logit, -SUREST_LOGIT, SUREST_LOGIT)


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
