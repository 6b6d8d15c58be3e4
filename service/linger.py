"""Good manners towards callers who are answered before they have sent their whole body."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_SECONDS = 10.0
REFUSED = "refused"
"""The server sets it in the scope's `state` to the error for a body that will not be whole: the app gets it from `receive`."""

WHOLE = "whole"
"""The server sets it in the scope's `state` when all of the body is here: the app gets it from `receive` without waiting."""


class Linger:
    """Whoever is answered before the body is read gets `Connection: close`, and is listened to for a while.

    Closing a socket on unread bytes makes the kernel reset the connection, and the answer is lost with it (RFC 9112,
    section 9.6). The outermost middleware: for all others the request is over when its answer is out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http" or not has_body(scope):
            await self.app(scope, receive, send)
            return
        state = scope.get("state", {})
        complete = answered = False

        async def receive_and_note() -> Message:
            nonlocal complete
            message = await receive()
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def receive_or_raise() -> Message:
            message = await receive_and_note()
            refused: Exception | None = state.pop(REFUSED, None)
            if refused is not None:
                raise refused
            return message

        async def send_but_end(message: Message) -> None:
            nonlocal answered
            if complete:
                await send(message)
            elif message["type"] == "http.response.start":
                await send({**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]})
            else:
                answered = not message.get("more_body", False)
                await send({**message, "more_body": True})

        await self.app(scope, receive_or_raise, send_but_end)
        if answered:
            # Cancelled: the caller has left, or the server ends. Either way there is nothing to undo.
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while not complete:
                        await receive_and_note()
            await send({"type": "http.response.body", "body": b""})


class Lingering:
    """Instead of the transport of an answer that is a connection's last, while the caller may still be sending."""

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = linger


def has_body(scope: Scope) -> bool:
    """Whether the request says that it has a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
