"""Spans as rows: which attributes get a column of their own, and the way back to a Span."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from analyzer.conventions import display_name, method, status_code, target
from analyzer.span import Attributes, AttributeValue, Event, Kind, Link, Span, Status
from tracekit import attributes as names

Row = dict[str, Any]

PHASE_COLUMNS = {
    "pool_wait_ns": ("pool",),
    "dns_ns": ("dns",),
    "connect_ns": ("connect", "proxy"),
    "tls_ns": ("tls",),
    "send_ns": ("send",),
    "wait_ns": ("wait",),
    "receive_ns": ("receive",),
}
"""By column the phases that it sums. A tunnel through a proxy is part of getting connected."""
HOST = (names.HOST_ID, names.HOST_IP, names.HOST_NAME)
"""What tells hosts apart, best first (R2)."""
INT32 = range(-(2**31), 2**31)
"""What the store's INTEGER holds."""


def to_line(span: Span) -> bytes:
    """Return the span as one line of JSON, in the shape that ``insert_spans.sql`` reads.

    A lone surrogate, which UTF-8 cannot carry, becomes "?".
    """
    row = to_row(span)
    try:
        return _dump(row)
    except UnicodeEncodeError:
        # Not on the bytes: two keys of a map may become the same.
        return _dump(harmless(row))


def _dump(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def to_row(span: Span) -> Row:
    """Return the span's columns by name."""
    found = span.attributes
    status = status_code(span)
    return {
        "request_id": span.request_id,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_id,
        "service": span.service,
        "service_version": _text(span.resource, names.SERVICE_VERSION),
        "label": _text(span.resource, names.LABEL),
        "host": _text(span.resource, *HOST),
        "name": span.name,
        "kind": span.kind.value,
        "start_ns": span.start_ns,
        "duration_ns": span.duration_ns,
        "status": span.status.value,
        "status_message": span.status_message,
        "scope": span.scope,
        "display_name": display_name(span),
        "http_method": method(span),
        "http_route": _text(found, names.HTTP_ROUTE),
        "http_status": None if status is None or status not in INT32 else status,
        "peer": target(span),
        "connection_state": _text(found, names.CONNECTION_STATE),
        **{column: phase_ns(found, *phases) for column, phases in PHASE_COLUMNS.items()},
        "attributes": found,
        "resource": span.resource,
        "events": [
            {"name": event.name, "time_ns": event.time_ns, "attributes": event.attributes}
            for event in span.events
        ],
        "links": [
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": link.attributes}
            for link in span.links
        ],
    }


def to_span(row: Mapping[str, Any]) -> Span:
    """Return the Span of a row of ``load_spans.sql``."""
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_id=row["parent_span_id"],
        name=row["name"],
        kind=Kind(row["kind"]),
        start_ns=row["start_ns"],
        end_ns=row["start_ns"] + row["duration_ns"],
        service=row["service"],
        request_id=row["request_id"],
        status=Status(row["status"]),
        status_message=row["status_message"],
        scope=row["scope"],
        attributes=json.loads(row["attributes"]),
        resource=json.loads(row["resource"]),
        events=tuple(Event(**event) for event in json.loads(row["events"])),
        links=tuple(Link(**link) for link in json.loads(row["links"])),
    )


def phase_ns(found: Attributes, *phases: str) -> int | None:
    """Return the length of these phases; None when none of them happened, or made sense."""
    lengths = [_length(found.get(names.phase(phase))) for phase in phases]
    known = [length for length in lengths if length is not None]
    return sum(known) if known else None


def _length(bounds: AttributeValue) -> int | None:
    match bounds:
        case [int(start), int(end)] if end >= start:
            return end - start
    return None


def _text(found: Attributes, *keys: str) -> str | None:
    for key in keys:
        value = found.get(key)
        if isinstance(value, (list, tuple)) and value:
            value = value[0]
        if isinstance(value, (str, int, float)) and value != "":
            return str(value)
    return None


def harmless(value: Any) -> Any:
    """Return *value*, nested or not, with "?" for every lone surrogate, as it is stored."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {harmless(key): harmless(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [harmless(inner) for inner in value]
    return value
