"""What a person sees while a model trains: a bar with loss, accuracy and time left, and a line for each epoch."""

from __future__ import annotations

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

    def __init__(self, epochs: int, steps: int, done: int = 0) -> None:
        self._epochs, self._steps = epochs, steps
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[figures]}"),
            console=Console(highlight=False, soft_wrap=True),
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=epochs * steps, completed=done * steps, figures="")

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
            self._bar.update(self._task, completed=epoch * self._steps + done, figures=figures)

    def epoch_done(self, row: dict[str, Any]) -> None:
        """Prints the epoch's line."""
        self._bar.update(self._task, completed=row["epoch"] * self._steps)
        each = " ".join(f"{share:.4f}" for share in row["val_accuracies"])
        self._bar.console.print(
            f"epoch {row['epoch']:>3}/{self._epochs} {row['phase']}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
            f"validation {each}  together {row['val_together']:.4f}  {row['seconds']:.0f} s  "
            f"order {row['order_sha256'][:12]}  pictures {row['pictures_sha256'][:12]}"
        )
