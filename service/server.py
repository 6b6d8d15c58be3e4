"""Our uvicorn server: it drains before it ends, and then answers all that it has read."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from service.errors import SettingsError
from service.express import Express
from service.model.memory import keep
from service.model.version import Model
from service.protocol import Protocol
from service.settings import Settings
from service.state import State

log = logging.getLogger(__name__)

ACCEPTED = 16
"""Connections that a lone process lets in at a turn of its event loop."""

COLLECT_AFTER = 5_000, 20, 50
"""Python's thresholds for looking for cycles. Requests leave hardly any, and a crowd of them makes thousands of objects."""

MAX_TURNS = 100
"""Of the event loop, at the end, for those who still come."""


class Server(uvicorn.Server):
    """Drains on the first SIGTERM: not ready, but serving, for a while; then ends when what is in flight is answered."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state
        self._drained_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: drain. SIGINT, or a second signal while draining: end. One more: leave what is in flight."""
        if self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGTERM and self._drained_at is None and self._state.settings.drain_seconds > 0:
            self._state.draining = True
            self._drained_at = time.monotonic() + self._state.settings.drain_seconds
        else:
            self._state.draining = True
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        self._state.metrics.count()
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes the listener, lets what is in flight end, and then the app."""
        self._state.draining = True  # every answer says that it is the connection's last
        # Closing a listener resets the connections that wait in it. They are let in first, and no queue forms anew.
        for listening in sockets or ():
            listening.listen(0)
            for _ in range(MAX_TURNS):
                await _turn()
                if not _readable(listening):
                    break
            listening.close()
        for server in self.servers:
            server.close()
        await _turn()
        await super().shutdown(sockets)
        self._state.metrics.count()  # other workers' scrapes tell it still


async def _turn() -> None:
    """Lets the event loop look at all sockets once, and call whom that concerns."""
    for _ in range(3):
        await asyncio.sleep(0)


def _readable(listening: socket.socket) -> bool:
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    return bool(poll.poll(0))


def bind(settings: Settings) -> socket.socket:
    """A listening socket. Raises `SettingsError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from None


def url_of(listening: socket.socket) -> str:
    """Where to point a browser."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}"


def holds(listening: socket.socket, workers: int) -> list[socket.socket]:
    """The listener, several times over: libuv, which turns the loop, lets in one connection a turn by each, however many wait.

    When thousands come at once they would wait for seconds, where nobody sees them who could refuse them. Several workers have
    fewer each, so that none takes more than its share.

    Whether a socket blocks is shared with whoever else has it, and Python's `dup` sets it anew: were it not set here, a worker
    that starts would make those that serve wait in `accept`, and answer nobody.
    """
    listening.setblocking(False)
    return [listening, *(listening.dup() for _ in range(ACCEPTED // workers**2 - 1))]


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Serves until a signal ends it. Blocks."""
    gc.set_threshold(*COLLECT_AFTER)
    keep()
    make_server(app).run(holds(listening, app.state.digits.settings.workers))


def end_process(status: int = 0) -> None:
    """Ends the process at once if pictures are still being decoded: the interpreter would wait for their threads."""
    others = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    if any(not thread.daemon for thread in others):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(status)


def make_server(app: FastAPI) -> Server:
    """A server for the app, by the app's settings."""
    state: State = app.state.digits
    settings = state.settings
    express = None if state.door is None else Express(state, state.door)
    config = uvicorn.Config(
        app,
        http=cast(Any, functools.partial(Protocol, state, express)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        backlog=2048,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return Server(config, state)


def announce(settings: Settings, listening: socket.socket) -> Callable[[Model], None]:
    """Says in one line where the service is, once it can read pictures: to a person, or in the log where that is JSON."""
    say = log.info if settings.log_format == "json" else functools.partial(print, flush=True)
    return lambda model: say(f"Digits is ready: {url_of(listening)} (model version {model.manifest.version})")
