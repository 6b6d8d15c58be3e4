"""Overload is answered by the headers alone, and bodies are counted while they are in memory."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.door import PASSED, Door, media_type
from service.errors import DigitsError, Overloaded
from service.limits import length_of, path_of
from service.linger import WHOLE
from service.model.cost import SMALL_BYTES
from service.problems import respond_to

DRAIN_SECONDS = 0.02
"""How long a refusal waits for the rest of a small body, which is mostly here already: the connection can be kept then."""


class Admission:
    """Asks the gate before a body is read. The innermost middleware: keys and the limit on bodies go before it.

    What the routes judge by the headers goes before it, too (404, 405, 415, 422 for the query). So a request that is beyond
    doubt is refused here, where it costs least, and any other when its route asks for the body.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        path = path_of(scope) if scope["type"] == "http" else ""
        if path not in self._door.routes or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        gate = self._door.gate
        route, media_types = self._door.routes[path]
        length = length_of(scope)

        async def refusal() -> DigitsError | None:
            try:
                self._door.check(path, length or 0)
            except Overloaded as error:
                return await _drained(scope, receive, length) or error
            return None

        checked = PASSED in scope.get("state", ())
        if not checked and not scope["query_string"] and media_type(scope["headers"]) in media_types:
            checked = True
            if error := await refusal():
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
            gate.hold(size, held)
            held += size
            return message

        try:
            await self.app(scope, receive_and_count, send)
        finally:
            gate.let_go(held)


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
