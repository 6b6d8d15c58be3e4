"""What a classifier with a confidence is worth: pure functions of arrays, one figure each.

`correct` is bool `[N]`, `confidence` is float `[N]` in [0, 1], labels and predictions are integers `[N]`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True)
class Proportion:
    """`successes` of `trials` with a 95 % interval; of no trials `value` is NaN and the interval [0, 1]."""

    successes: int
    trials: int
    value: float
    low: float
    high: float

    @property
    def failures(self) -> int:
        """Trials without success."""
        return self.trials - self.successes


@dataclass(frozen=True)
class Reliability:
    """Bins of equal width over [0, 1], each `(edges[i], edges[i + 1]]`; means are NaN in an empty bin.

    `edges` float64 `[B + 1]`; mean `confidence` and `accuracy` float64 `[B]`; `count` int64 `[B]`.
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]


def wilson(successes: int, trials: int, z: float = Z_95) -> Proportion:
    """A proportion with its score interval, which stays inside [0, 1] and holds its level near both ends.

    Source: E. B. Wilson, JASA 22 (1927); recommended by L. Brown, T. Cai, A. DasGupta, Statistical Science 16 (2001).
    Raises `ValueError` unless 0 ≤ `successes` ≤ `trials`.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if trials == 0:
        return Proportion(0, 0, math.nan, 0.0, 1.0)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At the ends the interval touches 0 or 1 exactly; rounding must not push it past the share itself.
    low, high = max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
    return Proportion(successes, trials, share, low, high)


def accuracy(labels: ArrayLike, predicted: ArrayLike) -> Proportion:
    """The share of predictions that equal their label, with its 95 % Wilson interval."""
    right = np.asarray(labels) == np.asarray(predicted)
    return wilson(int(right.sum()), right.size)


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int = 10) -> NDArray[np.int64]:
    """int64 `[classes, classes]`: how many of class *row* were read as class *column*."""
    pairs = np.asarray(labels, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def precision_recall(confusion: NDArray[np.int64]) -> tuple[list[Proportion], list[Proportion]]:
    """Two proportions per class: of what was read as it, those that were it; of what was it, those read as it."""
    columns, rows = confusion.sum(axis=0), confusion.sum(axis=1)
    hits = np.diagonal(confusion)
    precision = [wilson(int(hit), int(total)) for hit, total in zip(hits, columns, strict=True)]
    recall = [wilson(int(hit), int(total)) for hit, total in zip(hits, rows, strict=True)]
    return precision, recall


def reliability(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Reliability:
    """The points of a reliability diagram.

    Source: A. Niculescu-Mizil, R. Caruana, ICML 2005; bins as in C. Guo et al., "On calibration of modern neural
    networks", ICML 2017.
    """
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    index = _bins(sure, bins)
    count = np.bincount(index, minlength=bins).astype(np.int64)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(index, sure, bins) / count
        mean_accuracy = np.bincount(index, right, bins) / count
    return Reliability(np.linspace(0.0, 1.0, bins + 1), mean_confidence, mean_accuracy, count)


def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: the mean over pictures of their bin's |accuracy − confidence|; NaN of nothing.

    Source: M. P. Naeini et al., AAAI 2015; C. Guo et al., ICML 2017 (15 bins of equal width).
    """
    parts = reliability(confidence, correct, bins)
    if not parts.count.sum():
        return math.nan
    gap = np.abs(parts.accuracy - parts.confidence)
    return float(np.nansum(gap * parts.count) / parts.count.sum())


def ece_interval(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 15, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of `ece` over `resamples` draws of N pictures with replacement; NaN of nothing.

    Chance alone moves a bin's accuracy away from its confidence, in a draw more than in the set it is drawn from. So the
    interval lies rather high, the most where pictures are few, and its lower end is not a claim that calibration is off.
    Source: B. Efron, Annals of Statistics 7 (1979); the percentile interval of B. Efron, R. Tibshirani, "An introduction to
    the bootstrap" (1993), chapter 13.
    """
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    if not sure.size:
        return math.nan, math.nan
    # A bin's share of the error is its pictures' |sum of right − sure|, so that a draw needs no means.
    gap, index = right - sure, _bins(sure, bins)
    random = np.random.default_rng(seed)
    values, at_a_time = np.empty(resamples), max(1, 1_000_000 // sure.size)
    for start in range(0, resamples, at_a_time):
        draws = min(at_a_time, resamples - start)
        drawn = random.integers(0, sure.size, (draws, sure.size), np.int32)
        places = index[drawn] + bins * np.arange(draws)[:, None]
        sums = np.bincount(places.ravel(), gap[drawn].ravel(), draws * bins).reshape(draws, bins)
        values[start : start + draws] = np.abs(sums).sum(axis=1) / sure.size
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _bins(sure: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The place of each confidence among the bins of `Reliability`."""
    return np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`coverage` and `risk`, float64 `[T]`: for each confidence that occurs, from the highest down, the share of
    pictures that are at least as sure, and the share of those that are wrong. Equal confidences are one point.

    Source: R. El-Yaniv, Y. Wiener, JMLR 11 (2010); Y. Geifman, R. El-Yaniv, NeurIPS 2017.
    """
    sure, wrong = np.asarray(confidence, np.float64), ~np.asarray(correct, bool)
    order = np.argsort(-sure, kind="stable")
    ends = np.flatnonzero(np.diff(sure[order], append=-np.inf))
    kept = ends + 1
    return kept / max(sure.size, 1), np.cumsum(wrong[order])[ends] / kept


def auroc(positive: ArrayLike, negative: ArrayLike) -> float:
    """The chance that a positive scores higher than a negative, ties counting half; NaN where either is missing.

    Source: J. A. Hanley, B. J. McNeil, Radiology 143 (1982): the Mann–Whitney statistic from mid-ranks.
    """
    high, low = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    if not high.size or not low.size:
        return math.nan
    _, place, count = np.unique(np.concatenate([high, low]), return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(count) - (count - 1) / 2
    u = middle_rank[place[: high.size]].sum() - high.size * (high.size + 1) / 2
    return float(u / (high.size * low.size))


def fpr_at_tpr(positive: ArrayLike, negative: ArrayLike, tpr: float = 0.99) -> float:
    """The share of negatives at or above the highest threshold that keeps at least `tpr` of the positives.

    Source: S. Liang, Y. Li, R. Srikant, ICLR 2018 (there at 95 %). NaN where either is missing.
    Raises `ValueError` unless 0 < `tpr` ≤ 1.
    """
    if not 0 < tpr <= 1:
        raise ValueError(f"a rate of {tpr}")
    high, low = np.sort(np.asarray(positive, np.float64))[::-1], np.asarray(negative, np.float64)
    if not high.size or not low.size:
        return math.nan
    needed = max(1, math.ceil(tpr * high.size - 1e-9))  # 0.07 × 100 is a little over 7 in binary
    return float(np.mean(low >= high[needed - 1]))
