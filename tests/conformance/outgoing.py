"""Read the spans of outgoing calls as a test wants to ask about them."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from tracekit import attributes as names
from tracekit.testing import Capture

MILLISECOND = 1_000_000


class Outgoing(NamedTuple):
    """A client span, and the late child that holds its body where it has one."""

    span: ReadableSpan
    body: ReadableSpan | None

    def __getitem__(self, name: Any) -> Any:
        return (self.span.attributes or {}).get(name)

    def phase(self, name: str) -> float:
        """Return the length of a phase in seconds; 0.0 without it."""
        if name == "receive" and self.body is not None:
            return _seconds(self.body.start_time, self.body.end_time)
        start, end = self[names.phase(name)] or (0, 0)
        return (end - start) / 1e9

    def bounds(self) -> dict[str, tuple[int, int]]:
        """Return the phases as nanoseconds from the span's start, a late body included."""
        seen = {name: self[names.phase(name)] for name in names.PHASES}
        if self.body is not None:
            origin = _moment(self.span.start_time)
            seen["receive"] = (
                _moment(self.body.start_time) - origin,
                _moment(self.body.end_time) - origin,
            )
        return {name: pair for name, pair in seen.items() if pair is not None}

    @property
    def wall(self) -> int:
        """The call's length in nanoseconds, a late body included."""
        ends = [_moment(one.end_time) for one in (self.span, self.body) if one is not None]
        return max(ends) - _moment(self.span.start_time)

    @property
    def path(self) -> str:
        return "/" + self[names.URL_FULL].split("/", 3)[3]

    @property
    def failed_in(self) -> str | None:
        """The phase of the error, if there was one."""
        if self.body is not None and (self.body.attributes or {}).get(names.ERROR_TYPE):
            return "receive"
        phase: str | None = self[names.ERROR_PHASE]
        return phase

    def of_body(self, name: str) -> Any:
        """Return an attribute of the body, wherever it is."""
        return ((self.body or self.span).attributes or {}).get(name)

    @property
    def attempts(self) -> list[tuple[str, str]]:
        pairs = zip(self[names.ATTEMPT_ADDRESSES], self[names.ATTEMPT_OUTCOMES], strict=True)
        return list(pairs)

    @property
    def duration(self) -> float:
        return _seconds(self.span.start_time, self.span.end_time)


def calls(captured: Capture) -> list[Outgoing]:
    """Return the client spans in the order of their starts, each with its body."""
    bodies = {
        span.attributes[names.BODY_OF]: span
        for span in captured.spans
        if span.attributes and names.BODY_OF in span.attributes
    }
    clients = [span for span in captured.spans if span.kind is SpanKind.CLIENT]
    clients.sort(key=lambda span: span.start_time or 0)
    return [Outgoing(span, bodies.get(format(span.context.span_id, "016x"))) for span in clients]


def only_call(captured: Capture) -> Outgoing:
    (call,) = calls(captured)
    return call


def _seconds(start: int | None, end: int | None) -> float:
    return (_moment(end) - _moment(start)) / 1e9


def _moment(time: int | None) -> int:
    assert time is not None
    return time
