"""Tie the record of a call to the span it is written on."""

from __future__ import annotations

import time
from time import perf_counter_ns
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names
from tracekit import clock, garbage
from tracekit.clients.observing import observer
from tracekit.clients.registry import Connection
from tracekit.phase_attributes import attributes_of, body_attributes_of
from tracekit.phases import ConnectionPhases

SCOPE = "tracekit.clients"
"""The instrumentation scope of the spans made here."""
_SECOND = 1_000_000_000
_FIRST_ERROR_STATUS = 400


class Call:
    """One outgoing request on its way: its record, its span, and what is still to be done.

    Make it with ``start`` (a span of our own, open until the last byte) or ``join`` (another
    instrumentation's span, which may end before the body does).
    """

    __slots__ = (
        "collected",
        "connection",
        "context",
        "done",
        "owned",
        "queue",
        "record",
        "span",
        "tracer",
        "unix_start",
    )

    def __init__(
        self, tracer: Tracer, record: ConnectionPhases, span: Span, context: Context, unix: int
    ) -> None:
        self.tracer = tracer
        self.record = record
        self.span = span
        self.context = context
        self.unix_start = unix
        self.owned = False
        self.done = False
        self.collected = garbage.collected()
        self.connection: Connection | None = None
        self.queue: object = None
        """What the call waits in for a connection."""

    @classmethod
    def start(
        cls, tracer: Tracer, library: str, name: str, target: dict[str, AttributeValue]
    ) -> Call:
        """Open a client span of our own; ``context`` is what goes out with the request."""
        now = perf_counter_ns()
        unix = clock.from_perf(now)
        span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=target, start_time=unix)
        context = trace.set_span_in_context(span)
        call = cls(tracer, ConnectionPhases(library, now), span, context, unix)
        call.owned = True
        return call

    @classmethod
    def join(
        cls, tracer: Tracer, library: str, span: Span, target: dict[str, AttributeValue]
    ) -> Call:
        """Write on *span*, which another instrumentation has opened and will end."""
        now = perf_counter_ns()
        unix = getattr(span, "start_time", None) or clock.from_perf(now)
        elapsed = time.time_ns() - unix
        # The foreign span counts by the wall clock: if that was just set, its start means nothing.
        origin = now - elapsed if 0 <= elapsed < _SECOND else now
        span.set_attributes(target)
        record = ConnectionPhases(library, origin)
        return cls(tracer, record, span, otel_context.get_current(), unix)

    def fail(self, error: BaseException) -> None:
        """Note what the call ended with; ``finish`` writes it."""
        cause = getattr(error, "reason", None)
        self.record.error = type(cause if isinstance(cause, Exception) else error).__qualname__

    def publish(self, at: int) -> None:
        """Write what is known so far, for a span that may end at any moment."""
        if self.span.is_recording():
            self._describe(at)

    @observer("clients.finish")
    def finish(self, at: int) -> None:
        """Write everything down; the call is over at *at*. A second time does nothing."""
        if self.done:
            return
        self.done = True
        self.record.close(at)
        if self.connection is not None:
            self.connection.last_used = at
        if self.owned:
            self._end(at)
        elif self.span.is_recording():
            self.publish(at)
        else:
            self._add_late_body(at)

    def _end(self, at: int) -> None:
        self._describe(at)
        if self.record.error is not None:
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.end(self._unix(at))

    def _describe(self, at: int) -> None:
        self._note_status()
        self.record.collecting = garbage.collected() - self.collected
        self.span.set_attributes(attributes_of(self.record, at))

    def _note_status(self) -> None:
        status = self.record.status
        if self.record.error is None and status is not None and status >= _FIRST_ERROR_STATUS:
            self.record.error = str(status)

    def _add_late_body(self, at: int) -> None:
        mark = self.record.marks.get("receive")
        if mark is None:
            return
        attributes = body_attributes_of(self.record, mark[0])
        attributes[names.BODY_OF] = format(self.span.get_span_context().span_id, "016x")
        child = self.tracer.start_span(
            "receive", self.context, attributes=attributes, start_time=self._unix(mark[0])
        )
        # An error of the status is told by the call's own span; the body is sound.
        if self.record.error not in (None, str(self.record.status)):
            child.set_attribute(names.ERROR_TYPE, str(self.record.error))
            child.set_status(Status(StatusCode.ERROR))
        child.end(self._unix(at))

    def _unix(self, perf: int) -> int:
        return self.unix_start + perf - self.record.start


def foreign_client_span(scopes: tuple[str, ...]) -> Span | None:
    """Return the current span if it is a recording client span of one of *scopes*."""
    span: Any = trace.get_current_span()
    if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.CLIENT:
        return None
    scope = getattr(span, "instrumentation_scope", None)
    return span if getattr(scope, "name", None) in scopes else None
