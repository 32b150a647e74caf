"""Ask what is going on around a call: whether it is to be traced, and whether somebody does so."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    Context,
)
from opentelemetry.trace import Span, SpanKind

_PLAIN_KEY = "suppress_instrumentation"


def is_suppressed(context: Context) -> bool:
    """Tell whether *context* wants no instrumentation at all.

    The same as OpenTelemetry's ``is_instrumentation_enabled``, with one look at the context.
    """
    return bool(context.get(_SUPPRESS_INSTRUMENTATION_KEY) or context.get(_PLAIN_KEY))


def is_http_suppressed(context: Context) -> bool:
    """Tell whether *context* wants no HTTP spans, because a library above makes them."""
    return bool(context.get(_SUPPRESS_HTTP_INSTRUMENTATION_KEY))


def foreign_client_span(scopes: tuple[str, ...], context: Context | None = None) -> Span | None:
    """Return the current span if it is a recording client span of one of *scopes*."""
    span: Any = trace.get_current_span(context)
    if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.CLIENT:
        return None
    scope = getattr(span, "instrumentation_scope", None)
    return span if getattr(scope, "name", None) in scopes else None
