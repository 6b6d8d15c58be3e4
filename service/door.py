"""Who is refused by the headers alone: the server asks before it calls the app, and the app for those who are not so plain."""

from __future__ import annotations

import asyncio
import functools
import math
import socket
import time
import weakref
from collections.abc import Iterable, Sequence

from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.routing import BaseRoute

from service.errors import Overloaded
from service.headers import complete, lines
from service.model.cost import SMALL_BYTES
from service.model.gate import Gate
from service.plain import Plain, kind_of
from service.problems import MEDIA_TYPE, problem_of

FORGOTTEN_SECONDS = 1.0
"""After so long without a request what was measured before counts no more."""

HOPS = 3
"""How often the event loop turns for a small picture that is let in, each time as late as when it came. A large one waits for the
decoders."""

PASSED = "passed"
"""The server sets it in the scope's `state` where the gate has been asked."""

_ONE_LARGE = frozenset({"/v1/digit", "/v1/number"})
"""What has one picture as its body, so that the body's length says whether it is large."""

_FIXED = lines(complete([(b"content-type", MEDIA_TYPE.encode("ascii"))]))


class Door:
    """Asks the gate for requests of which nothing is known but the headers.

    `routes`: those that read pictures. `max_bytes`: of a body.
    """

    def __init__(self, gate: Gate, routes: Iterable[BaseRoute], max_bytes: int) -> None:
        self.gate = gate
        self.lateness = Lateness()
        self.routes = {
            route.path: (route, frozenset((route.openapi_extra or {})["requestBody"]["content"]))
            for route in routes
            if isinstance(route, APIRoute) and "readings" in route.tags
        }
        self._max_bytes = max_bytes

    def check(self, path: str, length: int) -> None:
        """Raises `Overloaded` where a request with a body of so many bytes is refused."""
        large = path in _ONE_LARGE and length > SMALL_BYTES
        self.gate.check(length, large=large, late=(1 if large else HOPS) * self.lateness.late())

    def knows(self, asked: Plain) -> bool:
        """Whether a route reads what is sent: the app has other answers for all else."""
        route = self.routes.get(asked.path)
        return route is not None and asked.kind in route[1] and asked.length <= self._max_bytes


def refusal(error: Overloaded, path: str, identity: str) -> bytes:
    """What follows the status line and the server's own headers: the other headers and the body, as the app would give them."""
    return identity.encode("ascii").join(_pieces(error.detail, error.retry_after, path, len(identity)))


@functools.lru_cache(maxsize=256)
def _pieces(detail: str, retry_after: int, path: str, length: int) -> list[bytes]:
    """The refusal, cut where the id goes, which is so long."""
    error, identity = Overloaded(detail, retry_after), "?" * length
    body = to_json(problem_of(error, path) | {"request_id": identity})
    head = f"content-length: {len(body)}\r\nretry-after: {retry_after}\r\nx-request-id: {identity}\r\n\r\n"
    return (_FIXED + head.encode("ascii") + body).split(identity.encode("ascii"))


def media_type(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """As the routes declare it; empty where it is not said, or not once."""
    given = [value for name, value in headers if name == b"content-type"]
    return kind_of(given[0].decode("latin-1")) if len(given) == 1 else ""


class Lateness:
    """How long what comes waits, unseen, for the event loop: measured by a byte that is sent through it."""

    def __init__(self) -> None:
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._sent: float | None = None
        self._came = -math.inf
        self._took = 0.0

    def late(self) -> float:
        """Seconds that a request which is seen now has waited, about. Called from the loop."""
        now = time.perf_counter()
        if self._pair is None:
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)
                weakref.finalize(self, end.close)  # an app may be dropped without its end
            asyncio.get_running_loop().add_reader(self._pair[0], self._arrived)
        if self._sent is None:
            if now - self._came > FORGOTTEN_SECONDS:
                self._took = 0.0
            self._sent = now
            self._pair[1].send(b".")
        return max(self._took, now - self._sent)

    def close(self) -> None:
        """Ends the measurement. Called from the loop."""
        if self._pair is not None:
            asyncio.get_running_loop().remove_reader(self._pair[0])
            for end in self._pair:
                end.close()
            self._pair = None

    def _arrived(self) -> None:
        if self._pair is not None and self._sent is not None:
            self._pair[0].recv(1)
            self._came = time.perf_counter()
            self._took = self._came - self._sent
            self._sent = None
