"""What a person sees while a model trains: a bar with loss, accuracy and time left, and a line for each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


def say(line: str) -> None:
    """A line for the person at the terminal or the log."""
    Console(highlight=False, soft_wrap=True).print(line, markup=False)


class Progress:
    """A bar over all batches of the run. Use it as a context."""

    def __init__(self, steps: Sequence[int], done: int = 0) -> None:
        """`steps`: how many batches each epoch has; `done`: how many epochs are through."""
        self._before = [0, *accumulate(steps)]
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[figures]}"),
            console=Console(highlight=False, soft_wrap=True),
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=self._before[-1], completed=self._before[done], figures="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def batch_done(self, epoch: int, done: int, loss: float, accuracy: float) -> None:
        """Moves the bar: `done` batches of epoch number `epoch` (from 0) are through."""
        if done % 10 == 0:
            figures = f"loss {loss:.4f}  accuracy {accuracy:.4f}"
            self._bar.update(self._task, completed=self._before[epoch] + done, figures=figures)

    def epoch_done(self, row: dict[str, Any]) -> None:
        """Prints the epoch's line."""
        self._bar.update(self._task, completed=self._before[row["epoch"]])
        each = " ".join(f"{share:.4f}" for share in row["val_accuracies"])
        epochs = len(self._before) - 1
        self._bar.console.print(
            f"epoch {row['epoch']:>3}/{epochs} {row['phase']}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
            f"validation {each}  together {row['val_together']:.4f}  {row['seconds']:.0f} s  "
            f"order {row['order_sha256'][:12]}  pictures {row['pictures_sha256'][:12]}"
        )
