"""The part of a page that shows how a run went, from one record per epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import figures, html

Record = Mapping[str, Any]
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
_FORMATS = {"loss": ".4f", "accuracy": ".4f", "val_accuracy": ".4f", "learning_rate": ".2e", "seconds": ".1f"}


def training(history: Sequence[Record]) -> str:
    """The curves of a run; what a record lacks is left out.

    Records may name their `phase` (a teacher, the student); then each phase has curves of its own, and its epochs are
    counted from its own beginning.
    """
    phases: dict[str, list[Record]] = {}
    for record in history:
        phases.setdefault(str(record.get("phase", "")), []).append(record)
    several = len(phases) > 1

    def curves(key: str, label: str, shown: Callable[[Any], Any] = lambda values: values) -> dict[str, Curve]:
        """By phase, or under `label` where there is only one."""
        return {
            phase if several else label: (np.arange(1.0, len(records) + 1), shown(values))
            for phase, records in phases.items()
            if not np.isnan(values := _column(records, key)).all()
        }

    def wrong(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return 100 * (1 - values)

    seen = {} if several else curves("accuracy", "training, distorted", wrong)
    error = {**seen, **curves("val_accuracy", "validation", wrong)}
    charts = [
        html.figure(
            figures.lines("error", error, "epoch", "wrong, %", "Error over epochs", log=True),
            "Error of the validation pictures, logarithmic." if several else "Error, logarithmic.",
        ),
        html.figure(
            figures.lines("loss", curves("loss", "training, distorted"), "epoch", "loss", "Loss over epochs"), "Loss."
        ),
        html.figure(
            figures.lines(
                "rate", curves("learning_rate", "learning rate"), "epoch", "learning rate", "Learning rate over epochs"
            ),
            "Learning rate.",
        ),
    ]
    rows = [
        [
            *([phase] if several else []),
            epoch,
            *(format(record[key], style) if key in record else "–" for key, style in _FORMATS.items()),
        ]
        for phase, records in phases.items()
        for epoch, record in enumerate(records, 1)
    ]
    head = ["epoch", "loss", "accuracy", "validation accuracy", "learning rate", "seconds"]
    seconds = float(np.nansum(_column(history, "seconds")))
    count = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    order = f", in these phases: {', '.join(phases)}; what the last of them trained is published" if several else ""
    text = html.paragraph(
        f"{count} in {seconds / 60:.1f} minutes{order}. Training figures are of distorted pictures, so they look worse than "
        "those of the untouched validation pictures."
    )
    table = html.table(["phase", *head] if several else head, rows)
    return f'{text}\n<div class="row">{"".join(charts)}</div>\n<details><summary>Every epoch</summary>{table}</details>'


def _column(records: Sequence[Record], key: str) -> NDArray[np.float64]:
    return np.array([record.get(key, np.nan) for record in records], np.float64)
