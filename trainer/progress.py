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

    def callback(self, epoch: int) -> Any:
        """A Keras callback that moves the bar through epoch number `epoch` (from 0)."""
        import keras

        bar, task, done = self._bar, self._task, epoch * self._steps

        class Move(keras.callbacks.Callback):  # type: ignore[misc]
            def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
                if batch % 10 == 0 and logs:
                    figures = f"loss {float(logs['loss']):.4f}  accuracy {float(logs['digits_accuracy']):.4f}"
                    bar.update(task, completed=done + batch + 1, figures=figures)

        return Move()

    def epoch_done(self, epoch: int, figures: dict[str, float], hashes: dict[str, str]) -> None:
        """Prints the epoch's line; `epoch` counts from 1."""
        self._bar.update(self._task, completed=epoch * self._steps)
        self._bar.console.print(
            f"epoch {epoch:>3}/{self._epochs}  loss {figures['loss']:.4f}  accuracy {figures['accuracy']:.4f}  "
            f"validation {figures['val_accuracy']:.4f}  {figures['seconds']:.0f} s  "
            f"order {hashes['order_sha256'][:12]}  pictures {hashes['pictures_sha256'][:12]}"
        )
