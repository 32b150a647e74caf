"""Jaeger's JSON, as its UI and its query API give it; microseconds become nanoseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from analyzer.decode.spans import Draft, Rejection, finish
from analyzer.errors import BadInput
from analyzer.span import Attributes, AttributeValue, Event, Kind, Link, Span, Status
from tracekit import attributes as names

Json = Mapping[str, Any]

HOST_TAGS = {"hostname": names.HOST_NAME, "ip": names.HOST_IP}
"""What Jaeger's own clients call the host."""
NUMBERS: Mapping[str, Callable[[Any], int | float]] = {"int64": int, "float64": float}


def is_trace(document: Any) -> bool:
    """Return whether this is one Jaeger trace."""
    return isinstance(document, dict) and "spans" in document and "processes" in document


def read_jaeger(trace: Json) -> Iterator[Span | Rejection]:
    """Yield the spans of one trace, an object with ``spans`` and ``processes``."""
    try:
        resources = {key: _resource(process) for key, process in trace["processes"].items()}
        for span in trace["spans"] or ():
            own = span.get("process")
            resource = _resource(own) if own else resources.get(span.get("processID"), {})
            yield finish(_draft(span, resource))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"not Jaeger JSON ({type(error).__name__}: {error})") from error


def _resource(process: Json) -> Attributes:
    tags = _tags(process.get("tags"))
    hosts = {name: tags[tag] for tag, name in HOST_TAGS.items() if tag in tags}
    return {**hosts, **tags, names.SERVICE_NAME: process.get("serviceName", "")}


def _draft(span: Json, resource: Attributes) -> Draft:
    tags = _tags(span.get("tags"))
    start_ns = int(span["startTime"]) * 1000
    trace_id = span["traceID"].lower().zfill(32)
    links = [_link(reference) for reference in span.get("references") or ()]
    own = [link for link in links if link.trace_id == trace_id]
    child_of, follows = (_first(own, how) for how in ("CHILD_OF", "FOLLOWS_FROM"))
    # Whoever only follows has a place in the tree too; whether it was waited for its times tell.
    parent_id = child_of.span_id if child_of else span.get("parentSpanID")
    return Draft(
        trace_id=trace_id,
        span_id=span["spanID"].zfill(16),
        parent_id=(parent_id or (follows.span_id if follows else "")).zfill(16),
        name=span["operationName"],
        kind=_kind(tags),
        start_ns=start_ns,
        end_ns=start_ns + int(span["duration"]) * 1000,
        attributes=tags,
        resource=resource,
        status=_status(tags),
        status_message=str(tags.get("otel.status_description", "")),
        scope=str(tags.get("otel.scope.name", tags.get("otel.library.name", ""))),
        events=tuple(_event(log) for log in span.get("logs") or ()),
        links=tuple(link for link in links if link is not child_of),
    )


def _link(reference: Json) -> Link:
    return Link(
        reference["traceID"].lower().zfill(32),
        reference["spanID"].lower().zfill(16),
        {"ref_type": reference["refType"]},
    )


def _first(links: Sequence[Link], how: str) -> Link | None:
    return next((link for link in links if link.attributes["ref_type"] == how), None)


def _event(log: Json) -> Event:
    fields = _tags(log.get("fields"))
    name = fields.pop("event", fields.pop("message", "log"))
    return Event(str(name), int(log["timestamp"]) * 1000, fields)


def _kind(tags: Attributes) -> Kind:
    spelled = str(tags.get("span.kind", "")).lower()
    return Kind(spelled) if spelled in set(Kind) else Kind.UNSPECIFIED


def _status(tags: Attributes) -> Status:
    code = str(tags.get("otel.status_code", "")).lower()
    if code == "error" or tags.get("error") in (True, "true"):
        return Status.ERROR
    return Status.OK if code == "ok" else Status.UNSET


def _tags(tags: Sequence[Json] | None) -> dict[str, AttributeValue]:
    return {tag["key"]: _typed(tag.get("type"), tag.get("value")) for tag in tags or ()}


def _typed(kind: str | None, value: Any) -> AttributeValue:
    """Return a tag's value by its declared type: some exporters write numbers as text."""
    if kind == "bool" and isinstance(value, str):
        return value.lower() == "true"
    number = NUMBERS.get(kind or "")
    kept: AttributeValue = value
    return number(value) if number and isinstance(value, (str, int, float)) else kept
