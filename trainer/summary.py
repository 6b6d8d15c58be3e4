"""What `evaluate` prints."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.measure import Evaluation, SetScore, Survey, mean_error
from trainer.metrics import Proportion


def test_set(evaluation: Evaluation) -> str:
    """The figures of MNIST's test set, then a line per class with its row of the confusion matrix."""
    e = evaluation
    low, high = e.ece_interval
    lines = [
        f"pictures         {e.accuracy.trials:8}  {e.accuracy.failures} wrong",
        f"accuracy         {_with_interval(e.accuracy)}",
        f"ECE              {e.ece:8.4f}  ({low:.4f} to {high:.4f}, 15 bins)",
        f"taken for digits {_with_interval(e.kept)}  digit_probability ≥ {e.thresholds.digit_probability:.4g}",
        f"coverage of ok   {_with_interval(e.coverage)}  and confidence ≥ {e.thresholds.confidence:.4g}",
        f"accuracy of ok   {_with_interval(e.accuracy_of_ok)}  {e.accuracy_of_ok.failures} wrong",
        "",
        f"{'digit':>5} {'precision':>9} {'recall':>9}   read as " + "".join(f"{digit:6}" for digit in range(10)),
    ]
    for digit, row in enumerate(e.confusion):
        cells = "".join(f"{count or '·':>6}" for count in row)
        lines.append(f"{digit:5} {_share(e.precision[digit])} {_share(e.recall[digit])}           {cells}")
    return "\n".join(lines)


def sets(scores: Sequence[SetScore]) -> str:
    """A table of the sets' digits and a table of their pictures without one, as far as there are such."""
    lines: list[str] = []
    digits = [(score.name, score.digits) for score in scores if score.digits]
    if digits:
        lines.append(
            f"{'digits':24} {'pictures':>8} {'accuracy':>8} {'95 % interval':>20} {'ECE':>7} {'95 % interval':>18} "
            f"{'refused':>8} {'ok':>8} {'right of ok':>11}"
        )
    for name, e in digits:
        low, high = e.ece_interval
        lines.append(
            f"{name:24} {e.accuracy.trials:8} {e.accuracy.value:8.2%} {_interval(e.accuracy):>20} {e.ece:7.4f} "
            f"{f'{low:.4f} to {high:.4f}':>18} {e.refused.value:8.2%} {e.coverage.value:8.2%} {_share(e.accuracy_of_ok, 11)}"
        )
    others = [(score.name, score.others) for score in scores if score.others]
    if digits and others:
        lines.append("")
    if others:
        lines.append(
            f"{'no digits':24} {'pictures':>8} {'refused':>8} {'95 % interval':>20} {'ok':>8} {'AUROC':>7} "
            f"{'FPR at 99 % TPR':>15}"
        )
    lines += [
        f"{name:24} {r.refused.trials:8} {r.refused.value:8.2%} {_interval(r.refused):>20} {r.ok.value:8.2%} "
        f"{r.auroc:7.4f} {r.fpr:15.2%}"
        for name, r in others
    ]
    return "\n".join(lines)


def corruptions(survey: Survey) -> str:
    """MNIST's test set under each corruption, and the mean error."""
    rows = {"none": survey.test, **survey.corruptions}
    lines = [f"{'corruption':14} {'error':>8} {'refused':>8} {'ok':>8} {'right of ok':>11} {'ECE':>7}"]
    lines += [
        f"{kind:14} {1 - e.accuracy.value:8.2%} {e.refused.value:8.2%} {e.coverage.value:8.2%} "
        f"{_share(e.accuracy_of_ok, 11)} {e.ece:7.4f}"
        for kind, e in rows.items()
    ]
    lines.append(f"{'mean error':14} {mean_error(list(survey.corruptions.values())):8.2%}")
    return "\n".join(lines)


def _share(p: Proportion, width: int = 9) -> str:
    return f"{p.value:{width}.2%}" if p.trials else f"{'–':>{width}}"


def _interval(p: Proportion) -> str:
    return f"{p.low:.2%} to {p.high:.2%}"


def _with_interval(p: Proportion) -> str:
    return f"{p.value:8.2%}  ({_interval(p)})" if p.trials else "       –"
