"""The access log: one line a request. Those of one turn of the event loop are made and written together, at its end."""

from __future__ import annotations

import contextvars
import logging
from dataclasses import dataclass

from service.telemetry.logging import together
from service.turn import Turn

log = logging.getLogger("service.access")


@dataclass(frozen=True, slots=True)
class _Line:
    """What there is to say, and the context of the request: its id, its key's name, its trace."""

    context: contextvars.Context
    method: str
    path: str
    status: int
    seconds: float


def note(method: str, path: str, status: int, seconds: float) -> None:
    """Logs the request that this code runs for. Called from its event loop."""
    if not log.isEnabledFor(logging.INFO):
        return
    line = _Line(contextvars.copy_context(), method, path, status, seconds)
    try:
        _turn.add(line)
    except RuntimeError:  # the loop has ended, and with it the request
        _write([line])


def _write(lines: list[_Line]) -> None:
    with together():
        for line in lines:
            line.context.run(_say, line)


def _say(line: _Line) -> None:
    ms = line.seconds * 1000
    extra = {"method": line.method, "path": line.path, "status": line.status, "ms": round(ms, 2)}
    log.info("%s %s %d %.1f ms", line.method, line.path, line.status, ms, extra=extra)


_turn = Turn(_write)
