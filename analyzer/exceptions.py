"""Which exception ended a span, what it said, and where in the application it was raised. Pure.

OpenTelemetry records one as an event, and also those that were handled: of several the last one is
told that goes with the error that the span ended with.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from analyzer import conventions
from analyzer.body_facts import error_of
from analyzer.exceptions_python import raised_at
from analyzer.places import place
from analyzer.service import ExceptionFacts, FailedStage
from analyzer.span import Event, Kind, Span, Status
from analyzer.trace import Node

_EVENT = "exception"
_TYPE, _MESSAGE, _TRACE = "exception.type", "exception.message", "exception.stacktrace"
_SERVER_ERROR = 500


class Ending(NamedTuple):
    """The exception of a span that failed; *is_certain* is whether the span failed by it."""

    exception: ExceptionFacts | None
    is_certain: bool = True


def ending(span: Span) -> Ending:
    """Return the exception that *span* ended with, if it failed and one is recorded on it.

    Where the span names an error, it is one of that type. Where it names none, or a status only,
    it is the last one, and a conclusion unless the span's own message tells of it.
    """
    if not _failed(span):
        return Ending(None)
    error, events = error_of(span), [event for event in span.events if event.name == _EVENT]
    if error is not None:
        events = [event for event in events if _tail(_text(event, _TYPE)) == _tail(error)]
    if not events:
        return Ending(None)
    last = events[-1]
    return Ending(_facts(last), error is not None or _is_told(last, span.status_message))


def error_name(span: Span) -> str:
    """Return the bare name of the error that *span* failed by; empty where none is known."""
    if span.status is not Status.ERROR:
        return ""
    return _tail(error_of(span) or "") or next(
        (_tail(_text(event, _TYPE)) for event in reversed(span.events) if event.name == _EVENT), ""
    )


def failed_stages(service: Node, background: Collection[Node]) -> tuple[FailedStage, ...]:
    """Return the stages of *service* that an exception ended, in order of time.

    One that went through several is told of the innermost: there it came from. *background* are
    those of its children that came after the answer: they are told elsewhere.
    """
    late = frozenset(background)
    found: dict[str, tuple[int, FailedStage]] = {}
    passed: set[str] = set()
    waiting: list[tuple[Node, FailedStage | None]] = [
        (child, None) for child in service.children if child not in late
    ]
    while waiting:
        node, outer = waiting.pop()
        if node.span.kind is Kind.SERVER:
            continue
        stage = _failed_stage(node.span)
        if stage is not None:
            found[stage.span_id] = node.start, stage
            if outer is not None and outer.exception == stage.exception:
                passed.add(outer.span_id)
        waiting += [(child, stage or outer) for child in node.children]
    told = sorted((found[key] for key in found.keys() - passed), key=lambda one: one[0])
    return tuple(stage for _, stage in told)


def _failed_stage(span: Span) -> FailedStage | None:
    exception = ending(span).exception if span.kind is Kind.INTERNAL else None
    return None if exception is None else FailedStage(span.span_id, span.name, exception)


def _failed(span: Span) -> bool:
    is_answered_so = (conventions.status_code(span) or 0) >= _SERVER_ERROR
    return span.status is Status.ERROR or error_of(span) is not None or is_answered_so


def _facts(event: Event) -> ExceptionFacts:
    kind, message = _text(event, _TYPE) or "exception", _text(event, _MESSAGE)
    frame = raised_at(_text(event, _TRACE), kind, message)
    return ExceptionFacts(
        type=kind,
        message=next((line.strip() for line in message.split("\n") if line.strip()), None),
        at=None if frame is None else place(*frame),
    )


def _is_told(event: Event, status_message: str) -> bool:
    """Tell whether a span's own *status_message* is that of the exception in *event*."""
    message = _text(event, _MESSAGE)
    if not status_message:
        return False
    return status_message in (message, f"{_tail(_text(event, _TYPE))}: {message}")


def _text(event: Event, name: str) -> str:
    return conventions.text(event.attributes, name) or ""


def _tail(kind: str) -> str:
    return kind.rpartition(".")[2]
