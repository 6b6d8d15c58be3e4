"""Drift: how far what is read of late is from what the model was validated on."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge

from service.model.artifact import Manifest
from service.model.reference import Distribution, Reference
from service.reading.types import DigitReading

WINDOW = 1000
"""Readings that are compared with the reference: the last so many."""
LEAST = 200
"""Fewer are not compared: of so many that have not drifted the index of ten bins is 0.05, by chance alone."""
EVERY = 20
"""The index is computed once in so many readings."""


def stability_index(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The population stability index of N ≥ 1 values, counted in bins, against the bins' `shares`: 0 where they agree.

    Σ (p − q) ln(p / q), the symmetric Kullback-Leibler divergence. Below 0.1 counts as no drift, above 0.25 as much, by the rule
    of thumb in N. Siddiqi, "Credit Risk Scorecards" (Wiley, 2006), which is where it is used most; B. Yurdakul and J. Naranjo,
    "Statistical properties of the population stability index" (Journal of Risk Model Validation 14(4), 2020), show that by
    chance it is about (bins − 1) · (1 / N + 1 / M), M being the reference's pictures. Half a value is added to each bin, as the
    trainer does, so that an empty one does not make it infinite.
    """
    total = sum(counts) + len(counts) / 2
    live = [(count + 0.5) / total for count in counts]
    return sum((p - q) * math.log(p / q) for p, q in zip(live, shares, strict=True))


class Window:
    """The last `WINDOW` readings, counted in the bins of a reference. A reading costs the same however many there are."""

    def __init__(self, reference: Reference) -> None:
        self._of: dict[str, Distribution] = {
            "confidence": reference.confidence,
            "digit_probability": reference.digit_probability,
            "digit": reference.digit,
        }
        self._counts = [[0] * len(distribution.shares) for distribution in self._of.values()]
        self._edges = [distribution.edges for distribution in self._of.values()]
        self._last: deque[list[int]] = deque()

    def __len__(self) -> int:
        return len(self._last)

    def add(self, confidence: float, digit_probability: float, digit: int) -> None:
        """Takes a reading in, and the oldest out where there are too many."""
        values = (confidence, digit_probability, digit)
        bins = [bisect_right(edges, value) for edges, value in zip(self._edges, values, strict=True)]
        for counts, index in zip(self._counts, bins, strict=True):
            counts[index] += 1
        self._last.append(bins)
        if len(self._last) > WINDOW:
            for counts, index in zip(self._counts, self._last.popleft(), strict=True):
                counts[index] -= 1

    def indices(self) -> dict[str, float]:
        """The population stability index of each: `confidence`, `digit_probability` and `digit`."""
        return {
            name: stability_index(counts, distribution.shares)
            for (name, distribution), counts in zip(self._of.items(), self._counts, strict=True)
        }


class Drift:
    """The drift of the version that serves by default, as metrics. Each worker has a window of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._index = Gauge(
            "digits_drift_psi",
            "Population stability index of the last readings against the model's reference; NaN: not known.",
            ["of"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._filled = Gauge(
            "digits_drift_readings",
            "Readings that it is of; 0 where the version has no reference.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._lock = threading.Lock()
        self._version: int | None = None
        self._reference: Reference | None = None
        self._window: Window | None = None
        self._seen = 0
        self._shown: tuple[str, ...] = ()

    def follow(self, manifest: Manifest) -> None:
        """Begins anew with the version that has come to be the default. Called by the registry's thread."""
        with self._lock:
            if (manifest.version, manifest.reference) == (self._version, self._reference):
                return
            self._version, self._reference = manifest.version, manifest.reference
            self._window = None if manifest.reference is None else Window(manifest.reference)
            self._seen = 0
            self._filled.set(0)
            for name in self._shown:
                self._index.labels(name).set(math.nan)

    def reading(self, reading: DigitReading, version: int) -> None:
        """Takes in a reading that the version gave. One without ink says nothing of the model."""
        probabilities, whole = reading.probabilities, reading.digit_probability
        if self._window is None or version != self._version or probabilities is None or whole is None:
            return
        best = max(probabilities)
        with self._lock:
            window = self._window
            if window is None or version != self._version:
                return
            window.add(best, whole, probabilities.index(best))
            self._seen += 1
            if self._seen % EVERY:
                return
            self._filled.set(len(window))
            if len(window) >= LEAST:
                indices = window.indices()
                for name, value in indices.items():
                    self._index.labels(name).set(value)
                self._shown = tuple(indices)
