"""The way past the framework for what is asked all the time: a picture sent to a route that reads it, with nothing else to see to.

What the framework does around a route (finding it, errors of its own, files to close) takes as long as all of ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import DigitsError
from service.limits import path_of

OnError = Callable[[Request, DigitsError], Awaitable[Response]]

_TRACED = "fastapi.telemetry"
"""The framework sets it in the scope of a request that it makes a span of, which is told the route by the router alone."""


class Shortcut:
    """Calls `app`, the framework's whole stack, or the route itself within the same `middleware`."""

    def __init__(
        self, app: ASGIApp, middleware: Sequence[Middleware], routes: Iterable[APIRoute], on_error: OnError
    ) -> None:
        self.app = app
        self._routes = {route.path: route for route in routes}
        self._on_error = on_error
        short: ASGIApp = self._read
        for each in reversed(middleware):
            short = each.cls(short, *each.args, **each.kwargs)
        self._short = short

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        plain = (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"] in self._routes
            and not scope["query_string"]
            and _TRACED not in scope
        )
        await (self._short if plain else self.app)(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the router does."""
        route = self._routes[path_of(scope)]
        scope["route"] = route
        try:
            await route.app(scope, receive, send)
        except DigitsError as error:
            response = await self._on_error(Request(scope, receive), error)
            await response(scope, receive, send)
