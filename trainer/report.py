"""The model card that travels in the artifact, and the report that `evaluate` writes where it runs.

Laid out after M. Mitchell et al., "Model cards for model reporting", FAT* 2019. The card holds figures and numbers
only, no picture from a data set, so that it can be committed and handed on under the project's own licence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import curves, html, robustness, sections
from trainer.measure import Evaluation, SetScore
from trainer.served import Served

_MNIST_CREDIT = (
    "<p>MNIST: by Yann LeCun and Corinna Cortes, derived from NIST Special Databases 1 and 3; licence "
    '<a href="https://creativecommons.org/licenses/by-sa/3.0/">Creative Commons Attribution-ShareAlike 3.0</a>. '
    "Described in Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, “Gradient-based learning applied to document "
    'recognition”, Proceedings of the IEEE 86 (1998), <a href="https://doi.org/10.1109/5.726791">doi:10.1109/5.726791</a>.</p>'
)
_USE = [
    "Reading one handwritten Arabic digit (0 to 9) at a time, in any picture brought to the input form below.",
    "Deciding which readings a person should look at: the status and the confidence are made for that.",
]
_NOT_USE = [
    "Several digits in one picture as one: that is what the reader of lines is for, where the version has one.",
    "Letters and other numeral systems: digit_probability refuses many of them, not all.",
    "Printed type: the model is made for handwriting, and knows of print at most what Data lists.",
    "Decisions of consequence on a reading alone, such as paying a cheque: check the number by other means too.",
    "Telling who wrote something.",
]
_BEYOND = "Pictures unlike MNIST's"
_LIMITS = [
    "The accuracy holds for digits like MNIST's: by US census staff and high-school students, cut out and centred.",
    "Other hands, pens, cameras and cuts are read less well: measure on your own pictures before relying on a figure.",
    "Styles rare among those writers (the 1 with a long upstroke, the barred 7) are known mostly from drawn digits.",
    "Confidence is calibrated on pictures like those it was fitted on. On others, expect it to claim too much.",
    "digit_probability learned from drawn outliers (scribbles, signs, letters, cut or touching digits, textures).",
    "Where Data lists outliers of other data sets, it learned from those, too. What is like none can pass for a digit.",
    "Some test labels are open to dispute, so the last mistakes are partly matters of opinion.",
    "No figures by age, origin or handedness of the writers exist: MNIST does not record them.",
]


def model_card(
    manifest: Mapping[str, Any],
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    *,
    sets: Sequence[SetScore] = (),
    corruptions: Mapping[str, Evaluation] | None = None,
    served: Served | None = None,
) -> str:
    """The artifact's `report/index.html`: HTML without pictures from any data set.

    `manifest` as in docs/artifact.md (as JSON: `model_dump(mode="json")`); `evaluation` of the test set; `history` one
    record per epoch with `loss`, `accuracy`, `val_accuracy`, `learning_rate`, `seconds`, `phase`, where known; `sets` and
    `corruptions` as in `measure.Survey`; `served` is what a running service answered. The same input gives the same bytes.
    """
    beyond = [
        *robustness.sets(sets),
        *robustness.corruptions(evaluation, corruptions or {}),
        *robustness.served(served),
    ]
    parts = [
        sections.headline(evaluation),
        html.section("Use", "<h3>Meant for</h3>", html.bullets(_USE), "<h3>Not meant for</h3>", html.bullets(_NOT_USE)),
        html.section("What it takes and gives", _interface(manifest)),
        html.section("Measured", _data_sets(manifest, sets), *sections.students(manifest), *_measured(evaluation)),
        *([html.section(_BEYOND, *beyond)] if beyond else []),
        *([html.section("Training", curves.training(history))] if history else []),
        html.section("Data", *_data(manifest)),
        html.section("Limits", html.bullets(_LIMITS)),
        html.section("How to make it again", *_reproduce(manifest)),
    ]
    return html.page(f"{_title(manifest)}: model card", _made(manifest), parts)


def evaluation_report(
    manifest: Mapping[str, Any],
    evaluation: Evaluation,
    images: NDArray[np.uint8],
    sha256: str,
    *,
    name: str = "mnist_test",
    mistakes: int = 60,
    sets: Sequence[SetScore] = (),
    corruptions: Mapping[str, Evaluation] | None = None,
    served: Served | None = None,
) -> str:
    """What `evaluate` writes: the measures, and the worst `mistakes` as pictures, so it stays where it was made.

    `images` uint8 `[N, 28, 28]` are the evaluated ones, `sha256` is of their file; `sets` and `corruptions` as in
    `measure.Survey`.
    """
    beyond = [*robustness.sets(sets), *robustness.corruptions(evaluation, corruptions or {})]
    beyond += [*robustness.served(served), *robustness.details(sets)]
    files = [[name, f"{len(images):,}", sha256]]
    files += [[e["name"], f"{e['pictures']:,}", e["sha256"]] for score in sets for e in score.as_metrics()]
    parts = [
        sections.headline(evaluation),
        html.section("Worst mistakes", _mistakes(evaluation, images, mistakes)),
        html.section("Measured", *_measured(evaluation)),
        *([html.section(_BEYOND, *beyond)] if beyond else []),
        html.section("Data", html.table(["data set", "pictures", "sha256"], files, text=[2])),
        html.section("The artifact", *_reproduce(manifest)),
        *([html.section("Credit", _MNIST_CREDIT)] if name.startswith("mnist") else []),
    ]
    return html.page(f"{_title(manifest)}: evaluation on {name}", _made(manifest), parts)


def _title(manifest: Mapping[str, Any]) -> str:
    return f"{str(manifest.get('name', 'model')).capitalize()}, version {manifest.get('version', '?')}"


def _made(manifest: Mapping[str, Any]) -> str:
    return (
        f"Made {manifest.get('created', 'at an unknown time')} from source {manifest.get('source_commit', 'unknown')}"
    )


def _interface(manifest: Mapping[str, Any]) -> str:
    form = manifest.get("input", {})
    rows = [
        [
            "images",
            "in",
            f"uint8 [N, {form.get('canvas', 28)}, {form.get('canvas', 28)}]",
            "grey pictures, ink bright on dark",
        ],
        ["probabilities", "out", "float32 [N, 10]", "calibrated; each row sums to 1; its highest is the confidence"],
        ["digit_probability", "out", "float32 [N]", "how surely the picture is one whole digit"],
    ]
    form_text = (
        f"The ink is scaled to fit a box of {form.get('box', 20)} pixels and centred by its "
        f"{form.get('centering', 'mass')} on a canvas of {form.get('canvas', 28)}. The signature is serving_default; "
        "scaling and calibration are in the graph."
    )
    size, work = manifest.get("parameters"), manifest.get("multiply_adds")
    model = f" The model has {size:,} parameters." if isinstance(size, int) else ""
    model += f" A picture takes it {work / 1e6:.1f} million multiply-adds." if isinstance(work, int) else ""
    return html.table(["name", "", "type", "meaning"], rows, text=[1, 2, 3]) + html.paragraph(form_text + model)


def _data_sets(manifest: Mapping[str, Any], sets: Sequence[SetScore]) -> str:
    """The manifest's figures of digits, but for those of `sets`, which have a table of their own."""
    told = {entry["name"] for score in sets for entry in score.as_metrics()}
    rows = [
        [
            entry["name"],
            f"{entry['pictures']:,}",
            f"{entry['accuracy']:.2%}",
            f"{100 * entry['accuracy_low']:.2f} to {entry['accuracy_high']:.2%}",
            f"{entry['ece']:.4f}",
            f"{entry['coverage']:.2%}",
            f"{entry['accuracy_of_ok']:.2%}",
        ]
        for entry in manifest.get("metrics", [])
        if entry.get("accuracy") is not None and entry["name"] not in told
    ]
    head = ["data set", "pictures", "accuracy", "95% interval", "ECE", "answered ok", "accuracy of ok"]
    used = [entry["name"] for entry in _fitted_on(manifest)]
    fitted = (
        f"Calibration and thresholds were fitted on {', '.join(used)}: figures of these lean to the good side."
        if used
        else "Calibration and thresholds were fitted on the validation pictures, plain and distorted, and on outliers."
    )
    caption = f"{fitted} What follows is of the test set."
    return html.table(head, rows, caption) if rows else ""


def _fitted_on(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((manifest.get("calibration") or {}).get("data", []))


def _measured(evaluation: Evaluation) -> list[str]:
    return [
        "<h3>Status</h3>",
        sections.statuses(evaluation),
        "<h3>By digit</h3>",
        sections.per_class(evaluation),
        "<h3>Confusion matrix</h3>",
        sections.confusion(evaluation),
        "<h3>Calibration</h3>",
        sections.calibration(evaluation),
        "<h3>Risk and coverage</h3>",
        sections.selective(evaluation),
    ]


def _data(manifest: Mapping[str, Any]) -> list[str]:
    uses = {
        "training": manifest.get("training_data", []),
        "calibration": _fitted_on(manifest),
        "measuring": manifest.get("metrics", []),
    }
    rows = [[e["name"], use, f"{e['pictures']:,}", e["sha256"]] for use, entries in uses.items() for e in entries]
    caption = (
        "sha256 of the uncompressed picture file; of what the project draws itself, of its first thousand pictures; of other "
        "sets, of the normalised pictures."
    )
    table = html.table(["data set", "used for", "pictures", "sha256"], rows, caption, text=[1, 3])
    choice = html.paragraph(
        "The recipe was chosen on pictures held out from the training set; MNIST's test set was measured after training. Other "
        "sets, where there are such, may have been looked at while the recipe was made."
    )
    credit = [_MNIST_CREDIT] if any(str(row[0]).startswith("mnist") for row in rows) else []
    return [table, choice, *credit]


def _reproduce(manifest: Mapping[str, Any]) -> list[str]:
    libraries = manifest.get("libraries", {})
    rows = [[name, version] for name, version in libraries.items()]
    parent = manifest.get("parent")
    origin = f"The network is that of version {parent}, calibrated anew. " if parent else ""
    facts = f"{origin}Seed {manifest.get('seed', 'unknown')}, source {manifest.get('source_commit', 'unknown')}."
    return [
        f"<pre><code>{html.escape(manifest.get('command', 'unknown'))}</code></pre>",
        html.paragraph(
            facts + " Other processors and library versions round differently, so figures may move a little."
        ),
        html.table(["library", "version"], rows),
    ]


def _mistakes(evaluation: Evaluation, images: NDArray[np.uint8], limit: int) -> str:
    cards = []
    for index in evaluation.worst(limit):
        label, read = evaluation.labels[index], evaluation.predicted[index]
        sure, digit = evaluation.confidence[index], evaluation.digit_probability[index]
        own = evaluation.probabilities[index, label]
        note = (
            f"<b>{label} read as {read}</b><br>{read}: {sure:.1%}, {label}: {own:.1%}<br>"
            f"a digit: {digit:.1%}<br>no. {index}"
        )
        image = html.picture(images[index], f"A handwritten {label} that was read as {read}")
        cards.append(f"<figure>{image}<figcaption>{note}</figcaption></figure>")
    wrong = evaluation.accuracy.failures
    if not cards:
        return html.paragraph("None: every picture was read right.")
    first = f"The {len(cards)} surest of {wrong} mistakes" if wrong > len(cards) else f"All {wrong} mistakes"
    text = html.paragraph(
        f"{first}, the most confident first: the label and what was read, the probability of each, digit_probability, "
        "and the picture's place in the file, counted from 0."
    )
    return text + f'\n<div class="pictures">\n{"".join(cards)}\n</div>'
