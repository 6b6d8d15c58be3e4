"""What a version answers to its validation pictures, in bins: the manifest's `reference`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from trainer.evaluate import Signature
from trainer.manifest import DataSet, Distribution, Reference
from trainer.npz import Pictures

PROBABILITIES = (0.5, 0.8, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999)
"""Edges of the bins of probabilities. Of MNIST's nine tenths are above 0.99, and trouble begins just below."""
DIGITS = tuple(float(digit) for digit in range(1, 10))


def reference(signature: Signature, sets: Sequence[Pictures]) -> dict[str, Reference]:
    """The manifest's entry `reference` of the digits in `sets`; no entry where there are none."""
    sets = [pictures for pictures in sets if pictures.digits.any()]
    if not sets:
        return {}
    probabilities, digit_probability = signature(
        np.concatenate([pictures.images[pictures.digits] for pictures in sets])
    )
    entry = Reference(
        data=tuple(DataSet(name=p.name, pictures=int(p.digits.sum()), sha256=p.sha256) for p in sets),
        confidence=distribution(probabilities.max(1), PROBABILITIES),
        digit_probability=distribution(digit_probability, PROBABILITIES),
        digit=distribution(probabilities.argmax(1), DIGITS),
    )
    return {"reference": entry}


def distribution(values: ArrayLike, edges: Sequence[float]) -> Distribution:
    """Shares of N ≥ 1 `values`. Half a value is added to each bin: the service takes logarithms, and no share may be 0."""
    # As float64: an edge of float32 would be another number than the one in the manifest.
    bins = np.searchsorted(edges, np.asarray(values, np.float64), side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1) + 0.5
    return Distribution(edges=tuple(edges), shares=tuple((counts / counts.sum()).tolist()))
