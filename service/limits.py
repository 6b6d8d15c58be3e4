"""The limit on a request's body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge
from service.problems import respond_to


class BodyLimit:
    """Answers 413 to a body above the limit: at once when its length is given, else as soon as it has grown too long."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        length = length_of(scope) if scope["type"] == "http" else 0
        if length is not None and length > self._max_bytes:
            await respond_to(self._too_large(), scope["path"])(scope, receive, send)
            return
        if length is not None:  # the server sees to it that no more comes
            await self.app(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._too_large()
            return message

        await self.app(scope, receive_within_limit, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body may have {self._max_bytes} bytes.")


def path_of(scope: Scope) -> str:
    """The path, without the prefix of a proxy."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def length_of(scope: Scope) -> int | None:
    """The body's length in bytes; None: in chunks, known at its end."""
    length: int | None = 0
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            # The server has checked it; an app that is called without one (tests) may be given anything.
            length = int(value) if value.isdigit() else None
    return length
