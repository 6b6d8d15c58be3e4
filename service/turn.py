"""What comes in one turn of an event loop, at once at its end: much of what is done for each of a crowd is quicker in one go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turn(Generic[T]):
    """Collects what it is given until the loop's turn is over, and calls `end` with all of it, in order."""

    def __init__(self, end: Callable[[list[T]], None]) -> None:
        self._end = end
        self._thread = threading.local()  # its `loop`, and what has been `given` in this turn

    def add(self, item: T) -> None:
        """Takes one more. Called from a loop; each has turns of its own."""
        loop = asyncio.get_running_loop()
        here = self._thread
        if getattr(here, "loop", None) is not loop:
            here.loop, here.given = loop, []
        given: list[T] = here.given
        if not given:
            loop.call_soon(self._over, given)
        given.append(item)

    def _over(self, given: list[T]) -> None:
        items = given.copy()
        given.clear()
        self._end(items)
