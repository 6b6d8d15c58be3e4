"""Who may ask: API keys, checked before anything of a request but its headers is looked at."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import RateUsedUp, Unauthorized
from service.keys import Keys
from service.limits import path_of
from service.problems import respond_to
from service.telemetry.logging import key_name

OPEN = frozenset({"/", "/docs", "/redoc", "/openapi.json", "/healthz", "/readyz"})
OPEN_BELOW = ("/static/", "/static-offline-docs/")
"""What needs no key; everything else does, also what is added one day, and what is not there."""

_BEARER = b"bearer "


class Guard:
    """Answers 401 to who sends no key or a wrong one, and 429 to who has used up the key's rate."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http" or needs_no_key(path_of(scope)):
            await self.app(scope, receive, send)
            return
        given = _given(scope)
        if not given:
            error = Unauthorized("Send an API key as Authorization: Bearer KEY, or as X-API-Key.")
            await respond_to(error, scope["path"])(scope, receive, send)
            return
        key = self._keys.find(given.pop()) if len(given) == 1 else None
        if key is None:
            error = Unauthorized("This API key is not known.", wrong=True)
            await respond_to(error, scope["path"])(scope, receive, send)
            return
        key_name.set(key.name)
        if seconds := self._keys.wait(key):
            detail = f"This key may ask {key.per_minute} times a minute. Try again in {seconds} s."
            await respond_to(RateUsedUp(detail, seconds), scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)


def needs_no_key(path: str) -> bool:
    """Whether this path, without the prefix of a proxy, is open to everybody."""
    return path in OPEN or path.startswith(OPEN_BELOW)


def _given(scope: Scope) -> set[bytes]:
    """The keys that were sent; another way of logging in, which may be for a proxy, is none of them."""
    given = set()
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            given.add(value.strip())
        elif name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            given.add(value[len(_BEARER) :].strip())
    return given - {b""}
