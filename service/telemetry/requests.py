"""Around every request, as pure ASGI: its id and its trace, one line in the log, its metrics, and the last resort when it fails."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
import urllib.parse

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import DigitsError, Draining, Overloaded
from service.problems import respond_to
from service.state import State
from service.telemetry import access, traces
from service.telemetry.logging import key_name, request_id, trace
from service.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

CLIENT_LEFT = 499
"""The status that logs and metrics show when there was nobody left to answer (nginx' custom)."""
LEFT = "caller_left"
"""The server sets it in the scope's `state` when the connection is lost."""
FOLLOWED = "followed"
"""The server sets it in the scope's `state` when another request waits behind this one on the connection."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def new_request_id() -> str:
    """A fresh id. It need not be hard to guess, and asking the system for such a one would cost as much as the rest."""
    return f"{random.getrandbits(64):016x}"


class Requests:
    """Nothing that is raised inside gets past it, so the server never answers by itself."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = time.perf_counter()
        identity = _given_id(scope) or new_request_id()
        traced = traces.begin(scope, identity)
        token, key_token, trace_token = request_id.set(identity), key_name.set(""), trace.set(traced)
        method: str = scope["method"]
        if method == "HEAD":  # every GET can be asked so; the answer goes without its body
            scope = dict(scope, method="GET")
        root = self._state.settings.root_path
        if root:  # a proxy may have stripped it off, and ASGI wants it there
            path = scope["path"]
            scope = dict(scope, root_path=root, path=path if path.startswith(root + "/") else root + path)
        if any(name == b"range" for name, _ in scope["headers"]):
            # It may be ignored (RFC 9110, section 14.2), and our files are small. The framework would answer a bad one in text.
            scope = dict(scope, headers=[header for header in scope["headers"] if header[0] != b"range"])
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                headers.append((b"x-request-id", identity.encode()))
                if traced is not None:
                    headers.append((b"traceresponse", traced.response.encode()))
                if self._state.draining and not scope.get("state", {}).get(FOLLOWED, False):
                    headers.append((b"connection", b"close"))
            elif method == "HEAD":
                message = {"type": "http.response.body", "more_body": message.get("more_body", False)}
            await send(message)

        metrics = self._state.metrics
        metrics.in_flight.inc()
        try:
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:
            # The caller has left, or the server will wait no longer.
            if not status and not scope.get("state", {}).get(LEFT, False):
                await respond_to(Draining("The service is shutting down."), scope["path"])(
                    scope, receive, send_with_headers
                )
        except Exception:
            log.exception("%s %s failed", method, _path(scope))
            if not status:
                await respond_to(DigitsError(""), scope["path"])(scope, receive, send_with_headers)
            else:
                raise  # half an answer is out; only closing the connection tells the caller that it is no more than that
        finally:
            status = status or CLIENT_LEFT
            seconds = time.perf_counter() - started
            metrics.in_flight.dec()
            metrics.request(getattr(scope.get("route"), "path", "none"), method, status, seconds)
            access.note(method, _path(scope), status, seconds)
            request_id.reset(token)
            key_name.reset(key_token)
            trace.reset(trace_token)


def note_refused(metrics: Metrics, status: int, seconds: float) -> None:
    """Logs and counts what the server has answered by itself: a request whose method and path are not known for sure."""
    metrics.request("none", "-", status, seconds)
    access.note("-", "-", status, seconds)


def note_busy(metrics: Metrics, path: str, identity: str, seconds: float) -> None:
    """Logs and counts a POST to the path of a route that the server has refused, for overload."""
    metrics.request(path, "POST", Overloaded.status, seconds)
    token = request_id.set(identity)
    access.note("POST", path, Overloaded.status, seconds)
    request_id.reset(token)


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode("ascii") if _ID.fullmatch(value) else None
    return None


def _path(scope: Scope) -> str:
    """The path as it was sent, still quoted: nothing in it can break a line."""
    raw: bytes | None = scope.get("raw_path")
    return raw.decode("ascii", "backslashreplace") if raw else urllib.parse.quote(scope["path"])
