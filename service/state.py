"""What the routes share: one object per app, made by `create_app` and handed down."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from service.model.registry import Registry
from service.settings import Settings
from service.telemetry.metrics import Metrics


@dataclass(slots=True)
class State:
    """`draining` is set by the server on the first SIGTERM: the process is about to end and should get no new work."""

    settings: Settings
    registry: Registry
    metrics: Metrics
    draining: bool = False


def state_of(request: Request) -> State:
    """The app's state."""
    state: State = request.app.state.digits
    return state
