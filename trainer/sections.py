"""The measured parts that the model card and the evaluation report share, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainer import figures, html
from trainer.measure import Evaluation
from trainer.metrics import Proportion


def percent(p: Proportion) -> str:
    """A share, or a dash where there is nothing to take a share of."""
    return f"{p.value:.2%}" if p.trials else "–"


def interval(p: Proportion) -> str:
    """A share's 95% interval."""
    return f"{100 * p.low:.2f} to {p.high:.2%}" if p.trials else "–"


def headline(evaluation: Evaluation) -> str:
    """The figures that everything else explains."""
    e = evaluation
    low, high = e.ece_interval
    return html.tiles(
        [
            ("Accuracy", percent(e.accuracy), f"95% interval {interval(e.accuracy)}"),
            ("Wrong", f"{e.accuracy.failures}", f"of {e.accuracy.trials:,} pictures"),
            ("Answered ok", percent(e.coverage), f"95% interval {interval(e.coverage)}"),
            (
                "Accuracy of ok",
                percent(e.accuracy_of_ok),
                f"{e.accuracy_of_ok.failures} of {e.coverage.successes:,} wrong",
            ),
            ("Expected calibration error", f"{e.ece:.4f}", f"95% interval {low:.4f} to {high:.4f}"),
            ("Taken for a digit", percent(e.kept), f"{e.kept.failures} of {e.kept.trials:,} refused"),
        ]
    )


def statuses(evaluation: Evaluation) -> str:
    """What the thresholds make of the pictures."""
    e = evaluation
    right = e.predicted == e.labels
    kept = e.digit_probability >= e.thresholds.digit_probability
    sure = e.confidence >= e.thresholds.confidence
    rows: list[Sequence[object]] = []
    for name, mask in (("ok", kept & sure), ("uncertain", kept & ~sure), ("not_a_digit", ~kept)):
        wrong = int((mask & ~right).sum())
        rows.append([name, f"{mask.sum():,}", f"{mask.mean():.2%}", wrong])
    t = e.thresholds
    return html.table(
        ["status", "pictures", "share", "wrong digit"],
        rows,
        f"ok: digit_probability ≥ {t.digit_probability:.4g} and confidence ≥ {t.confidence:.4g}. "
        "uncertain: only the first holds.",
    )


def per_class(evaluation: Evaluation) -> str:
    """Precision and recall of each digit, with intervals."""
    counts = evaluation.confusion.sum(axis=1)
    rows = [
        [digit, f"{counts[digit]:,}", percent(precision), interval(precision), percent(recall), interval(recall)]
        for digit, (precision, recall) in enumerate(zip(evaluation.precision, evaluation.recall, strict=True))
    ]
    head = ["digit", "pictures", "precision", "95% interval", "recall", "95% interval"]
    caption = (
        "Precision: of what was read as this digit, the share that was. Recall: of this digit, the share read as it."
    )
    return html.table(head, rows, caption)


def confusion(evaluation: Evaluation) -> str:
    """The confusion matrix; the tint of a mistake's cell grows with its count."""
    matrix = evaluation.confusion
    most = max(1, int((matrix - np.diag(np.diagonal(matrix))).max()))

    def cell(row: int, column: int) -> str:
        count = int(matrix[row, column])
        if not count:
            return '<td class="zero">·</td>'
        tint = "var(--good) / .16" if row == column else f"var(--bad) / {0.12 + 0.5 * count / most:.2f}"
        return f'<td style="background: rgb({tint})">{count}</td>'

    head = "".join(f'<th scope="col">{digit}</th>' for digit in range(10))
    body = "\n".join(
        f'<tr><th scope="row">{row}</th>{"".join(cell(row, column) for column in range(10))}</tr>' for row in range(10)
    )
    return (
        '<div class="scroll"><table class="confusion"><caption>Row: as labelled. Column: as read.</caption>\n'
        f'<thead><tr><th scope="col">label</th>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def calibration(evaluation: Evaluation, name: str = "reliability") -> str:
    """Reliability diagram and its numbers; one call per data set, each with a `name` of its own."""
    points, (low, high) = evaluation.reliability, evaluation.ece_interval
    rows = [
        [f"{high:.3f}", f"{count:,}", f"{sure:.4f}", f"{right:.4f}", f"{right - sure:+.4f}"]
        for high, count, sure, right in zip(
            points.edges[1:], points.count, points.confidence, points.accuracy, strict=True
        )
        if count
    ]
    table = html.table(
        ["up to", "pictures", "confidence", "accuracy", "gap"],
        rows,
        "Means of each bin; bins without pictures are left out.",
    )
    diagram = html.figure(
        figures.reliability_diagram(name, points),
        "Bars show 95% Wilson intervals: bins of few pictures say little. Above the diagonal: better than it claims.",
    )
    text = html.paragraph(
        f"Expected calibration error {evaluation.ece:.4f}: how far, on average over pictures, the stated confidence is from "
        f"the share that was right (15 bins of equal width, Guo et al. 2017); 95% interval {low:.4f} to {high:.4f}, by a "
        "percentile bootstrap (Efron 1979), which lies rather high."
    )
    return text + f'\n<div class="row">{diagram}{table}</div>'


def selective(evaluation: Evaluation, name: str = "risk") -> str:
    """Risk over coverage: what refusing the least sure pictures buys; each `name` once a page."""
    coverage, risk = evaluation.curve
    total = evaluation.accuracy.trials
    rows: list[Sequence[object]] = []
    for share in (0.9, 0.95, 0.98, 0.99, 0.995, 1.0):
        at = min(int(np.searchsorted(coverage, share - 1e-12)), len(coverage) - 1)
        level = float(np.sort(evaluation.confidence)[::-1][round(coverage[at] * total) - 1])
        wrong = round(risk[at] * coverage[at] * total)
        rows.append([f"{coverage[at]:.2%}", f"{level:.4f}", wrong, f"{risk[at]:.3%}"])
    ok = evaluation.coverage.value, 1 - evaluation.accuracy_of_ok.value
    chosen = ok if evaluation.accuracy_of_ok.trials else None
    chart = html.figure(
        figures.risk_coverage_curve(name, coverage, risk, chosen),
        "Pictures ordered by confidence alone (El-Yaniv & Wiener 2010). The point also asks for digit_probability.",
    )
    table = html.table(
        ["coverage", "confidence ≥", "wrong", "risk"], rows, "Risk: share wrong among the pictures covered."
    )
    return f'<div class="row">{chart}{table}</div>'


def students(manifest: Mapping[str, Any]) -> list[str]:
    """What the accuracy owes to chance: the networks that were trained alike."""
    students = manifest.get("students")
    if not students or len(students["losses"]) < 2:
        return []
    accuracies = np.array(students["test_accuracies"])
    rows = [
        [f"{i + 1}{' (released)' if i == students['released'] else ''}", f"{loss:.5f}", f"{accuracy:.2%}"]
        for i, (loss, accuracy) in enumerate(zip(students["losses"], accuracies, strict=True))
    ]
    rows.append(["mean ± standard deviation", "", f"{accuracies.mean():.3%} ± {100 * accuracies.std(ddof=1):.3f}"])
    caption = (
        "Networks trained alike from other random starts. The one with the least loss on the validation pictures, plain and "
        "distorted, was released; the test set was measured afterwards."
    )
    return ["<h3>Students</h3>", html.table(["student", "validation loss", "accuracy, mnist_test"], rows, caption)]
