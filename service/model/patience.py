"""How long newcomers may be let wait: a burst for longer than a queue that stands."""

from __future__ import annotations

import math

SHORT = 0.25
"""Of the standing wait: a queue that is no longer has drained."""
BURST_SECONDS = 0.05
"""How long ago a queue may have drained for what is in it to be a burst."""
CALM_SECONDS = 1.0
"""How long ago the last refusal must be for there to be bursts again: what is refused now would only ask again then."""


class Patience:
    """The limit on the wait in one queue.

    A burst is over by itself, and whoever is in it may wait for `burst` seconds. A queue that has not drained for
    `BURST_SECONDS` stands: it would be as long as it may be for as long as the overload lasts, all who come would wait in it,
    and nothing would be read any sooner. It is held to `standing` seconds. So the delay of a queue is told from its length's
    minimum over a while, as in K. Nichols and V. Jacobson, "Controlling queue delay" (ACM Queue 10(5), 2012); B. Maurer, "Fail
    at scale" (ACM Queue 13(8), 2015), has it for servers.
    """

    def __init__(self, burst: float, standing: float) -> None:
        self._burst = burst
        self._standing = min(standing, burst)
        self._drained_at = -math.inf
        self._refused_at = -math.inf

    def refuses(self, now: float, wait: float, least: float = 0.0) -> bool:
        """Whether a newcomer at `now` is refused who would wait for so long. All in seconds.

        Nobody is for a wait of `least` seconds, if that is within a burst's: whoever does the work must have the next at hand
        when it is done.
        """
        if wait <= SHORT * self._standing:
            self._drained_at = now
        stands = now - self._drained_at > BURST_SECONDS or now - self._refused_at < CALM_SECONDS
        refused = wait > (max(self._standing, min(least, self._burst)) if stands else self._burst)
        if refused:
            self._refused_at = now
        return refused
