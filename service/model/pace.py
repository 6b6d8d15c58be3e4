"""How long work takes, as lately measured."""

from __future__ import annotations

_SHARE = 0.2
"""Of a new measurement in the averages: they follow a change within some ten of them."""


class Pace:
    """Seconds that a unit of work takes: the average time of a portion by its average size, each exponentially weighted.

    So a large portion counts for more than a small one, which takes long for what it is.
    """

    def __init__(self, seconds: float) -> None:
        self._units = 1.0
        self._seconds = seconds

    @property
    def seconds(self) -> float:
        """Of one unit."""
        return self._seconds / self._units

    @property
    def portion(self) -> float:
        """Seconds that a portion takes."""
        return self._seconds

    def note(self, units: float, seconds: float) -> None:
        """So many units took so long."""
        if units > 0:
            self._units += _SHARE * (units - self._units)
            self._seconds += _SHARE * (seconds - self._seconds)

    def note_alone(self, units: float, seconds: float) -> None:
        """As `note`, of work that was done in a smaller portion than a crowd's: a crowd's units take no longer than these."""
        if units > 0:
            self._seconds = min(self._seconds, self._units * seconds / units)
