"""Tie the record of a call to the span it is written on."""

from __future__ import annotations

import functools
from time import perf_counter_ns

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names
from tracekit import clock, garbage, in_loop, loop_lag, propagation
from tracekit.clients import callsite
from tracekit.clients.observing import observer
from tracekit.clients.registry import Connection
from tracekit.lean_spans import LeanSpan, put
from tracekit.lean_tracer import LeanTracer
from tracekit.loop_lag import Watched
from tracekit.phase_attributes import attributes_of, body_attributes_of
from tracekit.phases import ConnectionPhases

SCOPE = "tracekit.clients"
"""The instrumentation scope of the spans made here."""
_SECOND = 1_000_000_000
_ERROR = Status(StatusCode.ERROR)
_LEFT = ("CancelledError", "Cancelled", "GeneratorExit")
"""What ends a call that its own caller gave up: named, and no failure."""
_FIRST_ERROR_STATUS = 400
_OF_A_LATER = (names.HTTP_STATUS, names.HTTP_RESEND_COUNT, names.REDIRECT, names.ERROR_TYPE)
"""What a further request says on a span that tells of the first one's connection already."""


class Call:
    """One outgoing request on its way: its record, its span, and what is still to be done.

    Make it with ``start`` (a span of our own, open until the last byte) or ``join`` (another
    instrumentation's span, which may end before the body does).
    """

    __slots__ = (
        "_around",
        "again",
        "carrier",
        "collected",
        "connection",
        "done",
        "mark",
        "owned",
        "queue",
        "record",
        "span",
        "tracer",
        "unix_start",
        "watched",
    )

    def __init__(
        self, tracer: LeanTracer, record: ConnectionPhases, span: Span, context: Context, unix: int
    ) -> None:
        self.tracer = tracer
        self.record = record
        self.span = span
        self._around = context
        self.unix_start = unix
        self.owned = False
        self.again = False
        self.done = False
        self.collected = garbage.collected()
        self.mark = in_loop.mark()
        """How late the event loop of this thread has run so far, where there is one."""
        self.watched: Watched | None = None
        """Who counts the lags of the event loop, for an asynchronous call."""
        self.connection: Connection | None = None
        self.carrier: dict[str, str] | None = None
        """Headers that are still to be written to the connection."""
        self.queue: object = None
        """What the call waits in for a connection."""

    @property
    def context(self) -> Context:
        """The caller's context with the call's span in it."""
        return trace.set_span_in_context(self.span, self._around)

    def carried(self) -> dict[str, str]:
        """Return the headers to be sent along with the request."""
        return propagation.carried(self.span, self._around)

    @classmethod
    def start(
        cls,
        tracer: LeanTracer,
        library: str,
        name: str,
        target: dict[str, AttributeValue],
        context: Context | None = None,
        at: int | None = None,
    ) -> Call:
        """Open a client span of our own.

        It starts *at* that reading of ``perf_counter_ns``, and in *context*; now and in the current
        one if there is none.
        """
        now = perf_counter_ns() if at is None else at
        unix = clock.from_perf(now)
        around = otel_context.get_current() if context is None else context
        span = tracer.start_span(name, around, SpanKind.CLIENT, target, start_time=unix)
        call = cls(tracer, ConnectionPhases(library, now), span, around, unix)
        call.owned = True
        return call

    @classmethod
    def join(
        cls,
        tracer: LeanTracer,
        library: str,
        span: Span,
        target: dict[str, AttributeValue],
        *,
        again: bool = False,
    ) -> Call:
        """Write on *span*, which another instrumentation has opened and will end.

        If an earlier request is written there (*again*), this one adds only how it came out.
        """
        now = perf_counter_ns()
        unix = getattr(span, "start_time", None) or clock.from_perf(now)
        elapsed = clock.now() - unix
        # The foreign span counts by the wall clock: if that was just set, its start means nothing.
        origin = now - elapsed if 0 <= elapsed < _SECOND else now
        record = ConnectionPhases(library, origin)
        call = cls(tracer, record, span, otel_context.get_current(), unix)
        call.again = again
        if not again:
            put(span, target)
        return call

    def fail(self, error: BaseException) -> None:
        """Note what the call ended with; ``finish`` writes it."""
        cause = getattr(error, "reason", None)
        self.record.error = type(cause if isinstance(cause, Exception) else error).__qualname__
        callsite.note(self.record)

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
        self.carrier = None
        self.record.close(at)
        if self.connection is not None:
            self.connection.last_used = at
            self.connection.busy -= 1
        if self.owned:
            self._end(at)
        elif self.span.is_recording():
            self.publish(at)
        else:
            self._add_late_body(at)

    def _end(self, at: int) -> None:
        span, record = self.span, self.record
        self._round_off()
        if record.error is not None and record.error not in _LEFT:
            span.set_status(_ERROR)
        if isinstance(span, LeanSpan):
            span.put_later(functools.partial(_described, record, at))
        else:
            put(span, attributes_of(record, at))
        span.end(self._unix(at))

    def _describe(self, at: int) -> None:
        self._round_off()
        told = attributes_of(self.record, at)
        if self.again:
            told = {name: told[name] for name in _OF_A_LATER if name in told}
        put(self.span, told)

    def _round_off(self) -> None:
        record = self.record
        record.collecting = garbage.collected() - self.collected
        if self.watched is not None:
            record.lag = loop_lag.leave(self.watched)
        elif self.mark is not None:
            record.in_loop = in_loop.since(self.mark)
        if record.error is None and (record.status or 0) >= _FIRST_ERROR_STATUS:
            record.error = str(record.status)

    def _add_late_body(self, at: int) -> None:
        mark = self.record.marks.get("receive")
        if mark is None:
            return
        attributes = body_attributes_of(self.record, mark[0])
        attributes[names.BODY_OF] = format(self.span.get_span_context().span_id, "016x")
        child = self.tracer.add("receive", self.context, attributes, self._unix(mark[0]))
        # An error of the status is told by the call's own span; the body is sound.
        if self.record.error not in (None, str(self.record.status)):
            child.set_attribute(names.ERROR_TYPE, str(self.record.error))
            if self.record.error not in _LEFT:
                child.set_status(_ERROR)
        child.end(self._unix(at))

    def _unix(self, perf: int) -> int:
        return self.unix_start + perf - self.record.start


def _described(record: ConnectionPhases, at: int) -> dict[str, AttributeValue]:
    return _attributes(record, at) or {}


@observer("clients.describe")
def _attributes(record: ConnectionPhases, at: int) -> dict[str, AttributeValue]:
    return attributes_of(record, at)
