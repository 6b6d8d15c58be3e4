"""The limit on a request's body, and good manners towards callers who are answered before they have sent it all."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge
from service.problems import respond_to

LINGER_SECONDS = 10.0


class BodyLimit:
    """Answers 413 to a body above the limit: at once when its length is given, else as soon as it has grown too long.

    Whoever is answered before the body is read gets `Connection: close`, and is listened to for a while: closing a socket
    on unread bytes makes the kernel reset the connection, and the answer is lost with it (RFC 9112, section 9.6).
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = _length(scope)
        if length == 0:
            await self.app(scope, receive, send)
            return

        received = 0
        complete = False

        async def receive_within_limit() -> Message:
            nonlocal received, complete
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if received > self._max_bytes:
                    raise self._too_large()
            else:
                complete = True
            return message

        async def send_and_linger(message: Message) -> None:
            if complete:
                await send(message)
            elif message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
                await send(message)
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await _linger(receive)
                await send({"type": "http.response.body", "body": b""})

        if length is not None and length > self._max_bytes:
            await respond_to(self._too_large(), scope["path"])(scope, receive, send_and_linger)
        else:
            await self.app(scope, receive_within_limit, send_and_linger)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body may have {self._max_bytes} bytes.")


async def _linger(receive: Receive) -> None:
    """Reads what still comes, and forgets it."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        pass


def _length(scope: Scope) -> int | None:
    """The body's length in bytes; None: in chunks, known at its end."""
    length: int | None = 0
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            # The server has checked it; an app that is called without one (tests) may be given anything.
            length = int(value) if value.isdigit() else None
    return length
