"""The parts of a page about pictures unlike MNIST's: other sets, pictures without a digit, corrupted pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer import figures, html
from trainer.measure import Evaluation, Refusals, SetScore, mean_error
from trainer.sections import calibration, interval, percent, selective
from trainer.served import Served

_DIGITS = ["set", "pictures", "accuracy", "95% interval", "ECE", "95% interval", "refused", "ok", "accuracy of ok"]
_OTHERS = ["set", "pictures", "refused", "95% interval", "answered ok", "AUROC", f"FPR at {Refusals.TPR:.0%} TPR"]
_SERVED = ["set", "pictures", "error", "refused", "answered ok", "accuracy of ok", "ECE", "AUROC"]
_KINDS = ["corruption", "error", "refused", "answered ok", "accuracy of ok", "ECE"]


def sets(scores: Sequence[SetScore]) -> list[str]:
    """The tables of other sets: those of digits, those of none; empty where there is nothing to tell."""
    digits = [
        [
            score.name,
            f"{e.accuracy.trials:,}",
            percent(e.accuracy),
            interval(e.accuracy),
            f"{e.ece:.4f}",
            "{:.4f} to {:.4f}".format(*e.ece_interval),
            percent(e.refused),
            percent(e.coverage),
            percent(e.accuracy_of_ok),
        ]
        for score in scores
        if (e := score.digits)
    ]
    others = [
        [
            score.name,
            f"{r.refused.trials:,}",
            percent(r.refused),
            interval(r.refused),
            percent(r.ok),
            f"{r.auroc:.4f}",
            f"{r.fpr:.2%}",
        ]
        for score in scores
        if (r := score.others)
    ]
    parts: list[str] = []
    if digits:
        caption = (
            "Normalised by the service. Accuracy and ECE are of the best digit, whatever the status; refused: below the "
            "threshold of digit_probability. The ECE's interval is a percentile bootstrap of 1,000 draws (Efron 1979)."
        )
        parts += ["<h3>Digits of other sets</h3>", html.table(_DIGITS, digits, caption)]
    if others:
        caption = (
            "AUROC: the chance that a digit of MNIST's test set has a higher digit_probability than one of these. FPR: the "
            f"share of these above the threshold that would keep {Refusals.TPR:.0%} of that test set. noise: evenly "
            "distributed grey values; shuffled_digits: pictures of the test set with their pixels in random order. What the "
            "service calls blank before it asks the model is in none of the sets."
        )
        parts += ["<h3>Pictures without a digit</h3>", html.table(_OTHERS, others, caption)]
    return parts


def corruptions(test: Evaluation, spoilt: Mapping[str, Evaluation]) -> list[str]:
    """The test set under each corruption, {kind: evaluation}, as a chart and a table; empty where there is none."""
    if not spoilt:
        return []
    mean = mean_error(list(spoilt.values()))
    rows = [
        [
            kind.replace("_", " "),
            f"{1 - e.accuracy.value:.2%}",
            percent(e.refused),
            percent(e.coverage),
            percent(e.accuracy_of_ok),
            f"{e.ece:.4f}",
        ]
        for kind, e in [("none", test), *spoilt.items()]
    ]
    rows.append(["mean of the corruptions", f"{mean:.2%}", "", "", "", ""])
    text = html.paragraph(
        f"Mean error {mean:.2%} over the {len(spoilt)} corruptions of MNIST-C (Mu & Gilmer 2019), made anew at the published "
        "severities from MNIST's test set. The model is shown them as they are; the service would first look for the ink and "
        "take a grey ground away. None of these pictures was trained on; training's own distortions overlap with some kinds."
    )
    errors = {kind.replace("_", " "): 100 * (1 - e.accuracy.value) for kind, e in spoilt.items()}
    chart = html.figure(
        figures.ranked("corruptions", errors, "read wrong, %", "Error by corruption; the numbers are in the table"),
        "Error of the best digit, whatever the status.",
    )
    table = html.table(_KINDS, rows, "Shares of all pictures; the accuracy of ok is among those answered ok.")
    return ["<h3>Corrupted digits</h3>", text, f'<div class="row">{chart}{table}</div>']


def served(found: Served | None) -> list[str]:
    """The tables of what a running service answered; empty where it was not measured."""
    if found is None:
        return []
    parts: list[str] = ["<h3>Through the service</h3>"]
    for rows, caption in (
        (
            found.sets,
            "Pictures sent to the service as they are, whatever their form; groups that were trained on left out.",
        ),
        (found.corruptions, "MNIST's test set under each corruption, sent to the service as pictures of 28×28."),
    ):
        if rows:
            cells = [
                [
                    row.name.replace("_", " "),
                    f"{row.pictures:,}",
                    f"{row.error:.2%}",
                    f"{row.refused:.2%}",
                    f"{row.ok:.2%}",
                    "–" if row.right_of_ok is None else f"{row.right_of_ok:.2%}",
                    "–" if row.ece is None else f"{row.ece:.4f}",
                    "–" if row.auroc is None else f"{row.auroc:.4f}",
                ]
                for row in rows
            ]
            if rows is found.corruptions:
                mean = sum(row.error for row in rows) / len(rows)
                cells.append(["mean of the corruptions", "", f"{mean:.2%}", "", "", "", "", ""])
            what = "Error: another digit or, of a digit, a refusal; of pictures without a digit, an answer."
            parts.append(html.table(_SERVED, cells, f"{caption} {what}"))
    return parts


def details(scores: Sequence[SetScore]) -> list[str]:
    """Reliability, risk and coverage of each set of digits."""
    parts: list[str] = []
    for place, score in enumerate(scores):
        if score.digits:
            parts += [
                f"<h3>{html.escape(score.name)}</h3>",
                calibration(score.digits, f"reliability{place}"),
                selective(score.digits, f"risk{place}"),
            ]
    return parts
