"""What every decoder shares: the checks that make a span, and the split into kept and rejected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.span import Attributes, Event, Kind, Link, Span, Status
from tracekit import attributes as names

UNKNOWN_SERVICE = "unknown_service"
LATEST_NS = 2**63 - 1
"""What the store's BIGINT holds: the year 2262."""
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Rejection:
    """A span that cannot be kept, and why, in words for whoever sent it."""

    reason: str


@dataclass(frozen=True)
class Decoded:
    """The spans of one body; *reasons* says, each once, why others of it were rejected."""

    spans: tuple[Span, ...]
    rejected: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A span as it was sent, before any check. Ids are hex in either case."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    attributes: Attributes
    resource: Attributes
    status: Status = Status.UNSET
    status_message: str = ""
    scope: str = ""
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()


def collect(found: Iterable[Span | Rejection]) -> Decoded:
    """Split what a decoder found into the spans and what was rejected."""
    spans: list[Span] = []
    reasons: list[str] = []
    for item in found:
        if isinstance(item, Span):
            spans.append(item)
        else:
            reasons.append(item.reason)
    return Decoded(tuple(spans), len(reasons), tuple(dict.fromkeys(reasons)))


def join(parts: Iterable[Decoded]) -> Decoded:
    """Return several bodies' results as one."""
    done = list(parts)
    return Decoded(
        tuple(span for part in done for span in part.spans),
        sum(part.rejected for part in done),
        tuple(dict.fromkeys(reason for part in done for reason in part.reasons)),
    )


def finish(draft: Draft) -> Span | Rejection:
    """Return the span, or why it cannot be one: ids of zeros, impossible times."""
    trace_id, span_id, parent_id = (
        text.lower() for text in (draft.trace_id, draft.span_id, draft.parent_id)
    )
    reason = _fault_of_ids(trace_id, span_id, parent_id) or _fault_of_times(draft)
    if reason:
        return Rejection(reason)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id if parent_id.strip("0") else None,
        name=draft.name,
        kind=draft.kind,
        start_ns=draft.start_ns,
        end_ns=draft.end_ns,
        service=_service(draft.resource),
        request_id=request_id_of(draft.attributes),
        status=draft.status,
        status_message=draft.status_message,
        scope=draft.scope,
        attributes=draft.attributes,
        resource=draft.resource,
        events=tuple(e for e in draft.events if 0 <= e.time_ns <= LATEST_NS),
        links=draft.links,
    )


def request_id_of(attributes: Attributes) -> str | None:
    """Return the request ID that a span carries, ours or another instrumentation's."""
    for key in (names.REQUEST_ID, *names.FOREIGN_REQUEST_IDS):
        value = attributes.get(key)
        if isinstance(value, (list, tuple)):
            value = value[0] if value else None
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def _service(resource: Attributes) -> str:
    name = resource.get(names.SERVICE_NAME)
    return str(name) if name not in (None, "") else UNKNOWN_SERVICE


def _fault_of_ids(trace_id: str, span_id: str, parent_id: str) -> str | None:
    if not _is_id(trace_id, 32):
        return "a trace id is not 16 bytes, or all zeros"
    if not _is_id(span_id, 16):
        return "a span id is not 8 bytes, or all zeros"
    if parent_id.strip("0") and not _is_id(parent_id, 16):
        return "a parent span id is not 8 bytes"
    return None


def _fault_of_times(draft: Draft) -> str | None:
    if draft.end_ns == 0:
        return "a span has no end time"
    if draft.end_ns < draft.start_ns:
        return "a span ends before it starts"
    if not 0 <= draft.start_ns <= draft.end_ns <= LATEST_NS:
        return "a span's time is outside 1970 to 2262"
    return None


def _is_id(text: str, length: int) -> bool:
    return len(text) == length and HEX.issuperset(text) and bool(text.strip("0"))
