"""Traces (OpenTelemetry). The framework makes a span of each request once a provider is there; this is what of ours goes with it.

Without a provider a caller's `traceparent` still leads from their trace to our log.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

UNTRACED = frozenset({"healthz", "readyz", "metrics"})
"""The last part of paths that are asked every few seconds, and that nobody wants traces of."""

_W3C = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a request belongs to, and our span in it, in hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def response(self) -> str:
        """The header `traceresponse`: https://w3c.github.io/trace-context/#trace-context-http-response-headers-format."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


def telemetry() -> TelemetryConfig:
    """What the framework is to do: spans of requests, exported where OTEL_EXPORTER_OTLP_ENDPOINT says.

    Metrics and logs are ours, and stay where they are: the framework's would have messages of exceptions in them.
    """
    return {
        "tracing": True,
        "metrics": False,
        "logs": False,
        "operation_spans": False,  # of a route that does everything by itself they tell nothing more
        "auto_configure": True,
        "exclude": lambda scope: scope.get("path", "").rpartition("/")[2] in UNTRACED,
    }


def provided() -> bool:
    """Whether there is a provider, so that the framework makes spans."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def begin(scope: Scope, identity: str) -> Trace | None:
    """The trace of the request that has begun; None where nobody traces it. Its span gets the request's id."""
    span = trace.get_current_span()
    context = span.get_span_context()
    if context.is_valid:
        if span.is_recording():
            span.set_attribute("digits.request_id", identity)
            if scope["query_string"]:  # a key may have been put there by mistake
                span.set_attribute("url.query", "REDACTED")
        return Trace(format_trace_id(context.trace_id), format_span_id(context.span_id), context.trace_flags.sampled)
    asked = _asked(scope)
    if asked is None:
        return None
    return Trace(format_trace_id(asked.trace_id), f"{random.getrandbits(64) or 1:016x}", sampled=False)


def note(stages: Mapping[str, float], pictures: int, version: int) -> None:
    """Writes on the request's span how long each stage of its readings took, in seconds, and which version gave them."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attribute("digits.pictures", pictures)
        span.set_attribute("digits.model.version", version)
        for name, seconds in stages.items():
            span.set_attribute(f"digits.{name}_seconds", seconds)


def _asked(scope: Scope) -> SpanContext | None:
    """The caller's span, by the one header `traceparent` (https://www.w3.org/TR/trace-context/); None where it is no good."""
    given = [value for name, value in scope["headers"] if name == b"traceparent"]
    if len(given) != 1:
        return None
    context = trace.get_current_span(_W3C.extract({"traceparent": given[0].decode("latin-1")})).get_span_context()
    return context if context.is_valid else None
