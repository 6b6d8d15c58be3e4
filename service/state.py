"""What the routes share: one object per app, made by `create_app` and handed down."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from service.door import Door
from service.model.registry import Registry
from service.settings import Settings
from service.telemetry.metrics import Metrics


@dataclass(slots=True)
class State:
    """`draining` is set by the server on the first SIGTERM: the process is about to end and should get no new work.

    `door`: whom the server may ask before it calls the app; None where the app has more to say, such as who has a key.
    """

    settings: Settings
    registry: Registry
    metrics: Metrics
    door: Door | None = None
    draining: bool = False


def state_of(request: Request) -> State:
    """The app's state."""
    state: State = request.app.state.digits
    return state
