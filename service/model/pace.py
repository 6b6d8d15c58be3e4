"""How long work takes, as lately measured."""

from __future__ import annotations

_SHARE = 0.2
"""Of a new measurement in the average: it follows a change within some ten of them."""


class Pace:
    """Seconds that a unit of work takes: an exponentially weighted average."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def note(self, units: float, seconds: float) -> None:
        """So many units took so long."""
        if units > 0:
            self.seconds += _SHARE * (seconds / units - self.seconds)

    def note_alone(self, units: float, seconds: float) -> None:
        """As `note`, of work that was done in a smaller portion than a crowd's: a crowd's units take no longer than these."""
        if units > 0:
            self.seconds = min(self.seconds, seconds / units)
