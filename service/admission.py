"""Overload is answered by the headers alone, and bodies are counted while they are in memory."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import DigitsError, Overloaded
from service.limits import length_of
from service.linger import WHOLE
from service.model.cost import SMALL_BYTES
from service.model.gate import Gate
from service.problems import respond_to

TURN_SHARE = 0.25
"""Of the last turn of the event loop in the average: one that was long by chance keeps nobody out."""
TURN_FORGOTTEN = 1.0
"""Seconds without a request after which the turns before count no more."""

DRAIN_SECONDS = 0.02
"""How long a refusal waits for the rest of a small body, which is mostly here already: the connection can be kept then."""

_ONE_LARGE = frozenset({"/v1/digit", "/v1/number"})
"""What has one picture as its body, so that the body's length says whether it is large."""


class Admission:
    """Asks the gate before a body is read. The innermost middleware: keys and the limit on bodies go before it.

    What the routes judge by the headers goes before it, too (404, 405, 415, 422 for the query). So a request that is beyond
    doubt is refused here, where it costs least, and any other when its route asks for the body.
    """

    def __init__(self, app: ASGIApp, gate: Gate, routes: Iterable[BaseRoute]) -> None:
        self.app = app
        self._gate = gate
        self._turns = Turns()
        self._routes = {
            route.path: (route, frozenset((route.openapi_extra or {})["requestBody"]["content"]))
            for route in routes
            if isinstance(route, APIRoute) and "readings" in route.tags
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        path = scope["path"].removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else ""
        if path not in self._routes or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        route, media_types = self._routes[path]
        length = length_of(scope)
        large = path in _ONE_LARGE and (length or 0) > SMALL_BYTES

        async def refusal() -> DigitsError | None:
            try:
                self._gate.check(length or 0, large=large, late=self._turns.late())
            except Overloaded as error:
                return await _drained(scope, receive, length) or error
            return None

        checked = not scope["query_string"] and _media_type(scope) in media_types
        if checked and (error := await refusal()):
            scope["route"] = route  # the metrics tell it by that
            await respond_to(error, scope["path"])(scope, receive, send)
            return
        held = 0

        async def receive_and_count() -> Message:
            nonlocal checked, held
            if not checked:
                checked = True
                if error := await refusal():
                    raise error
            message = await receive()
            size = len(message.get("body", b""))
            self._gate.hold(size, held)
            held += size
            return message

        try:
            await self.app(scope, receive_and_count, send)
        finally:
            self._gate.let_go(held)


class Turns:
    """How long the event loop's turns are lately. What comes during one waits, unseen, until it is over."""

    def __init__(self) -> None:
        self._average = 0.0
        self._begun: float | None = None
        self._ended = 0.0

    def late(self) -> float:
        """Seconds that a request of this turn has waited, about."""
        if self._begun is None:
            self._begun = time.perf_counter()
            if self._begun - self._ended > TURN_FORGOTTEN:
                self._average = 0.0
            asyncio.get_running_loop().call_soon(self._end, self._begun)
        return self._average

    def _end(self, begun: float) -> None:
        self._ended, self._begun = time.perf_counter(), None
        self._average += TURN_SHARE * (self._ended - begun - self._average)


async def _drained(scope: Scope, receive: Receive, length: int | None) -> DigitsError | None:
    """Reads and forgets a small body. What is wrong with it, if anything, is the answer that its sender should get."""
    if not length or length > SMALL_BYTES or any(name == b"expect" for name, _ in scope["headers"]):
        return None
    whole = scope.get("state", {}).get(WHOLE, False)  # a clock takes as long as all else here
    try:
        with contextlib.suppress(TimeoutError):
            async with contextlib.nullcontext() if whole else asyncio.timeout(DRAIN_SECONDS):
                while (await receive()).get("more_body", False):
                    pass
    except DigitsError as error:
        return error
    return None


def _media_type(scope: Scope) -> str:
    """As the routes declare it; empty where it is not said, or not once."""
    given = [value for name, value in scope["headers"] if name == b"content-type"]
    media_type = given[0].partition(b";")[0].strip().lower().decode("latin-1") if len(given) == 1 else ""
    return "image/*" if media_type.startswith("image/") else media_type
