"""What can be said of a set of digit pictures without a model: pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Ink:
    """Per picture, float64 `[N]`: `mass` in full-bright pixels; `width`, `height` of the box around all ink, in pixels;
    `x`, `y`, the centre of mass as a place among the pixels, counted from 0. All 0 where there is no ink.
    """

    mass: Floats
    width: Floats
    height: Floats
    x: Floats
    y: Floats


@dataclass(frozen=True)
class Components:
    """Principal components: `mean` float32 `[D]`, `axes` float32 `[D, K]`, `kept` = the share of variance they hold."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    kept: float

    def project(self, images: Images) -> NDArray[np.float32]:
        """uint8 `[N, 28, 28]` → float32 `[N, K]`, in grey values from 0 to 1."""
        return np.asarray((_flat(images) - self.mean) @ self.axes, np.float32)


@dataclass(frozen=True)
class Pair:
    """A picture, the one most like it in another set, and their Euclidean distance in grey values from 0 to 1."""

    index: int
    nearest: int
    distance: float


def measure_ink(images: Images) -> Ink:
    """Mass, box and centre of the ink of uint8 `[N, 28, 28]`; any value above 0 is ink."""
    grey = images.astype(np.float64) / 255
    columns, rows = grey.sum(axis=1), grey.sum(axis=2)
    mass = rows.sum(axis=1)
    safe = np.where(mass > 0, mass, 1.0)
    return Ink(
        mass=mass,
        width=_extent(columns > 0),
        height=_extent(rows > 0),
        x=columns @ np.arange(images.shape[2]) / safe,
        y=rows @ np.arange(images.shape[1]) / safe,
    )


def mean_and_variance(images: Images) -> tuple[Floats, Floats]:
    """Per pixel over the pictures, float64 `[28, 28]` each, of grey values from 0 to 1."""
    grey = images.astype(np.float32) / np.float32(255)
    return grey.mean(axis=0, dtype=np.float64), grey.var(axis=0, dtype=np.float64)


def principal_components(images: Images, count: int) -> Components:
    """The `count` directions in which pictures differ most, from the eigenvectors of their covariance."""
    flat = _flat(images)
    mean = flat.mean(axis=0)
    flat -= mean
    values, vectors = np.linalg.eigh((flat.T @ flat).astype(np.float64) / len(flat))
    kept = float(values[-count:].sum() / max(values.sum(), np.finfo(np.float64).tiny))
    return Components(mean, vectors[:, ::-1][:, :count].astype(np.float32), kept)


def strangeness(points: NDArray[np.float32], labels: Indices) -> Floats:
    """Mahalanobis distance of each point `[N, K]` to its own class, float64 `[N]`: 0 is the class's very middle.

    Source: P. C. Mahalanobis, Proc. National Institute of Sciences of India 2 (1936). A thousandth of the mean variance
    is added along every axis, so that a class of few pictures can be measured too.
    """
    distance = np.zeros(len(points))
    for label in np.unique(labels):
        own = labels == label
        centred = points[own].astype(np.float64) - points[own].mean(axis=0)
        covariance = centred.T @ centred / len(centred)
        ridge = max(1e-3 * float(np.trace(covariance)) / len(covariance), 1e-12)
        solved = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), centred.T)
        distance[own] = np.sqrt(np.einsum("nk,kn->n", centred, solved))
    return distance


def nearest(points: NDArray[np.float32], others: NDArray[np.float32], chunk: int = 500) -> Indices:
    """For each point `[N, K]` the index of the nearest of `others` `[M, K]`, int64 `[N]`; holds `chunk` × M floats."""
    found = np.empty(len(points), np.int64)
    half_norms = 0.5 * np.einsum("mk,mk->m", others, others)
    for start in range(0, len(points), chunk):
        part = slice(start, start + chunk)
        found[part] = np.argmin(half_norms - points[part] @ others.T, axis=1)
    return found


def closest_pairs(images: Images, others: Images, space: Components) -> list[Pair]:
    """Each picture with the one of `others` most like it, the closest first.

    Candidates are found among the principal components, which only ever shorten distances, so that no near-duplicate is
    missed; the distance given is that of the pictures themselves.
    """
    index = nearest(space.project(images), space.project(others))
    distance = np.linalg.norm(_flat(images) - _flat(others)[index], axis=1)
    return [Pair(int(i), int(index[i]), float(distance[i])) for i in np.argsort(distance, kind="stable")]


def repeated(images: Images) -> int:
    """How many pictures are equal, byte for byte, to an earlier one of the same set."""
    return len(images) - len({image.tobytes() for image in images})


def _flat(images: Images) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _extent(inked: NDArray[np.bool_]) -> Floats:
    """From the first to the last True of each row, both counted; 0 where there is none."""
    first, last = inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return np.where(inked.any(axis=1), last - first, 0).astype(np.float64)
