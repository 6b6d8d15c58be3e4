"""The data set as it is: `python -m trainer explore` writes a report with pictures, which stays where it was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer import data as datasets
from trainer import figures, html, survey
from trainer.data import Mnist
from trainer.survey import Images, Indices

_DIGITS = range(10)
_COMPONENTS = 40  # hold about 80 % of MNIST's variance; more would measure the noise of single pixels
_SAMPLES = 20
_EXTREMES = 12
_PAIRS = 10


def run(data: Path | None, out: Path, seed: int = 1) -> Path:
    """`explore [--data DIR] [--out DIR]`: loads and checks MNIST and writes `out`/index.html; returns its path.

    `seed` chooses the validation pictures, as in training, and the sample. Raises `DataError`, or `OSError` when the
    report cannot be written.
    """
    mnist = datasets.load_mnist(data)
    path = html.write(out / "index.html", report(mnist, seed))
    print(f"{len(mnist.train_images):,} training and {len(mnist.test_images):,} test pictures, checksums right")
    return path


def report(mnist: Mnist, seed: int, held_out: int = datasets.VALIDATION_PICTURES) -> str:
    """The page. Every digit must occur in the training and in the test set; `held_out` pictures are for validation."""
    train, validation = datasets.split(mnist.train_labels, seed, held_out)
    images, labels = mnist.train_images, mnist.train_labels
    space = survey.principal_components(images, _COMPONENTS)
    sections = [
        html.section("Files", _files(mnist)),
        html.section("Digits per split", _counts(labels[train], labels[validation], mnist.test_labels)),
        html.section("A sample", _sample(images, labels, seed)),
        html.section("Mean and variance", _means(images, labels)),
        html.section("Ink", _ink(images, labels)),
        html.section("Most typical and strangest", _extremes(images, labels, space)),
        html.section("Test pictures and their nearest in the training set", _neighbours(mnist, space)),
    ]
    lead = f"{len(labels):,} training pictures, of which {len(validation):,} are held out by seed {seed}; "
    return html.page("The data: MNIST", f"{lead}{len(mnist.test_labels):,} test pictures", sections)


def _files(mnist: Mnist) -> str:
    rows = [(datasets.KNOWN[field][0], mnist.sha256[field]) for field in datasets.KNOWN]
    return html.table(
        ["file", "sha256, uncompressed"], rows, "Equal to the known checksums of the canonical files.", text=[1]
    )


def _counts(train: Indices, validation: Indices, test: Indices) -> str:
    counts = {
        name: np.bincount(labels, minlength=10)
        for name, labels in (("training", train), ("validation", validation), ("test", test))
    }
    rows: list[list[str]] = [
        [str(digit), *(f"{count[digit]:,} ({count[digit] / count.sum():.1%})" for count in counts.values())]
        for digit in _DIGITS
    ]
    rows.append(["all", *(f"{count.sum():,}" for count in counts.values())])
    chart = figures.bars(
        "counts", counts, "digit", "pictures", "Pictures per digit and split; the numbers are in the table"
    )
    caption = "The validation pictures are drawn at random, so their shares are nearly those of the rest."
    return f'<div class="row">{html.table(["digit", *counts], rows)}{html.figure(chart, caption)}</div>'


def _sample(images: Images, labels: Indices, seed: int) -> str:
    random = np.random.default_rng(seed)
    chosen = [random.choice(np.flatnonzero(labels == digit), _SAMPLES) for digit in _DIGITS]
    return _grid(images[np.stack(chosen)], "Twenty training pictures of each digit", "Chosen at random, a digit a row.")


def _means(images: Images, labels: Indices) -> str:
    pairs = [survey.mean_and_variance(images[labels == digit]) for digit in _DIGITS]
    mean, variance = np.stack([m for m, _ in pairs]), np.stack([v for _, v in pairs])
    shown = np.stack([mean, variance / max(float(variance.max()), 1e-9)])
    caption = (
        "Above: the mean of each digit. Below: its variance, scaled to the highest; bright is where writers differ."
    )
    return _grid(np.round(255 * shown).astype(np.uint8), "Mean and variance picture of each digit", caption)


def _ink(images: Images, labels: Indices) -> str:
    ink = survey.measure_ink(images)
    columns = {"mass": ink.mass, "width": ink.width, "height": ink.height, "centre x": ink.x, "centre y": ink.y}
    rows = [
        [digit, *(f"{v[labels == digit].mean():.2f} ± {v[labels == digit].std():.2f}" for v in columns.values())]
        for digit in _DIGITS
    ]
    rows.append(["all", *(f"{values.mean():.2f} ± {values.std():.2f}" for values in columns.values())])
    table = html.table(
        ["digit", *columns],
        rows,
        "Mean ± standard deviation. Mass in full-bright pixels, box in pixels, centre of mass as a place from 0 to 27.",
    )
    longer = np.maximum(ink.width, ink.height)
    centred = np.maximum(abs(ink.x - 14), abs(ink.y - 14)) <= 0.75
    text = html.paragraph(
        f"The longer side of the ink's box is 20 pixels in {(longer == 20).mean():.1%} of the pictures and at most "
        f"{longer.max():.0f}; the centre of mass is within 0.75 pixels of pixel (14, 14) in {centred.mean():.1%}. "
        f"{survey.repeated(images)} pictures repeat another."
    )
    charts = [
        html.figure(
            figures.boxes(name, _quantiles(values, labels), "digit", axis, f"{axis} of each digit"),
            f"{axis.capitalize()}: median, quartiles, and the middle 98%.",
        )
        for name, axis, values in (
            ("mass", "ink, full-bright pixels", ink.mass),
            ("width", "width of the ink, pixels", ink.width),
            ("height", "height of the ink, pixels", ink.height),
        )
    ]
    return f'{text}{table}<div class="row">{"".join(charts)}</div>'


def _extremes(images: Images, labels: Indices, space: survey.Components) -> str:
    distance = survey.strangeness(space.project(images), labels)
    order = [own[np.argsort(distance[own], kind="stable")] for own in (np.flatnonzero(labels == d) for d in _DIGITS)]
    # `resize` repeats pictures where a digit has fewer than the grid has columns.
    typical = np.stack([np.resize(own, _EXTREMES) for own in order])
    strange = np.stack([np.resize(own[::-1], _EXTREMES) for own in order])
    rows = [
        [digit, f"{distance[own[0]]:.2f}", f"{np.median(distance[own]):.2f}", f"{distance[own[-1]]:.2f}", str(own[-1])]
        for digit, own in zip(_DIGITS, order, strict=True)
    ]
    text = html.paragraph(
        f"By Mahalanobis distance to the digit's own mean among the first {_COMPONENTS} principal components, "
        f"which hold {space.kept:.0%} of the variance. Wrong labels and broken digits gather at the far end."
    )
    left = _grid(images[typical], "The most typical pictures of each digit", "Most typical, from the left.")
    right = _grid(images[strange], "The strangest pictures of each digit", "Strangest, from the left.")
    head = ["digit", "nearest", "median", "farthest", "the farthest's place in the file"]
    return (
        f'{text}<div class="row">{left}{right}</div>{html.table(head, rows, "Distances; places are counted from 0.")}'
    )


def _neighbours(mnist: Mnist, space: survey.Components) -> str:
    pairs = survey.closest_pairs(mnist.test_images, mnist.train_images, space)
    distances = np.array([pair.distance for pair in pairs])
    unlike = [p for p in pairs if mnist.test_labels[p.index] != mnist.train_labels[p.nearest]]
    closest = [next(p for p in pairs if mnist.test_labels[p.index] == digit) for digit in _DIGITS]
    text = html.paragraph(
        f"Each test picture beside the training picture most like it (Euclidean distance, grey values from 0 to 1). "
        f"{int((distances == 0).sum())} are equal, {int((distances < 2).sum())} are nearer than 2; the median is "
        f"{np.median(distances):.2f}. Reading each as its neighbour gets {len(unlike)} of {len(pairs):,} wrong."
    )
    parts = [text, "<h3>The closest of each digit</h3>", _pairs(mnist, closest)]
    if unlike:
        parts += ["<h3>The closest that are labelled differently</h3>", _pairs(mnist, unlike[:_PAIRS])]
    return "\n".join(parts)


def _pairs(mnist: Mnist, pairs: list[survey.Pair]) -> str:
    cards = []
    for p in pairs:
        test, train = mnist.test_labels[p.index], mnist.train_labels[p.nearest]
        both = np.stack([mnist.test_images[p.index], mnist.train_images[p.nearest]])[None]
        image = html.picture(html.montage(both), f"A test {test} beside a training {train}")
        note = f"<b>{test} | {train}</b> at {p.distance:.2f}<br>test {p.index}<br>training {p.nearest}"
        cards.append(f"<figure>{image}<figcaption>{note}</figcaption></figure>")
    return f'<div class="pictures">{"".join(cards)}</div>'


def _grid(images: Images, alt: str, caption: str) -> str:
    sheet = html.montage(images)
    return html.figure(html.picture(sheet, alt, width=2 * sheet.shape[1]), caption)


def _quantiles(values: NDArray[np.float64], labels: Indices) -> NDArray[np.float64]:
    return np.stack([np.quantile(values[labels == digit], (0.01, 0.25, 0.5, 0.75, 0.99)) for digit in _DIGITS])
