"""What comes in one turn of an event loop, at once at its end: much of what is done for each of a crowd is quicker in one go."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turn(Generic[T]):
    """Collects what it is given until the loop's turn is over, and calls `end` with all of it, in order."""

    def __init__(self, end: Callable[[list[T]], None]) -> None:
        self._end = end
        self._given: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[T]] = weakref.WeakKeyDictionary()

    def add(self, item: T) -> None:
        """Takes one more. Called from a loop; each has turns of its own."""
        loop = asyncio.get_running_loop()
        given = self._given.setdefault(loop, [])
        if not given:
            loop.call_soon(self._over, given)
        given.append(item)

    def _over(self, given: list[T]) -> None:
        items = given.copy()
        given.clear()
        self._end(items)
