"""Reading a number in steps: what the model is asked between them, by whoever has it at hand, at once or when its turn comes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from service.reading.types import NumberReading


@dataclass(frozen=True, slots=True)
class Questions:
    """Tiles of a number's lines, as the model is shown them: uint8 `[N, 32, W]`."""

    tiles: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Digits of a number, to be looked at by themselves: uint8 `[M, 28, 28]`."""

    pictures: NDArray[np.uint8]


Steps = Generator[Questions | Doubtful, Any, NumberReading]
"""Yields what the model is asked, is sent the answers, and returns the reading."""


def step(steps: Steps, answer: Any = None) -> Questions | Doubtful | NumberReading:
    """What is asked next, given the `answer` to what was asked before; at last the reading. Raises what a step raises."""
    try:
        return steps.send(answer)
    except StopIteration as done:
        return cast(NumberReading, done.value)
