"""What every answer tells the browser: trust nothing but this, keep nothing, and let nobody else show it."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""No page uses the camera: on a phone, its own camera program takes the photo."""

NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of whatever is no page: were it shown as one, it could do nothing."""

_POLICY = (b"content-security-policy", NO_PAGE.encode())
_KEEP_NOTHING = (b"cache-control", b"no-store")


def policy(**sources: str) -> str:
    """A Content-Security-Policy that allows these and nothing else: `policy(script_src="'self'")`."""
    return "; ".join([NO_PAGE, *(f"{name.replace('_', '-')} {value}" for name, value in sources.items())])


def complete(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's headers and these. A policy that the answer has stays, and so does `Cache-Control`."""
    found = [*headers, *ALWAYS]
    names = {name for name, _ in found}
    if b"content-security-policy" not in names:
        found.append(_POLICY)
    if b"cache-control" not in names and b"etag" not in names:  # an ETag is there to be asked for again
        found.append(_KEEP_NOTHING)
    return found


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they are sent, each with its line's end."""
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


class SecurityHeaders:
    """Puts them on every answer, errors and files too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": complete(message.get("headers", ()))}
            await send(message)

        await self.app(scope, receive, send_with_headers)
