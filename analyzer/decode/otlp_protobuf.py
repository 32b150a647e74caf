"""OTLP in protobuf."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from analyzer.decode.otlp_json import KINDS, STATUSES
from analyzer.decode.spans import Draft, Rejection, finish
from analyzer.errors import BadInput
from analyzer.span import Attributes, AttributeValue, Event, Kind, Link, Span, Status


def read_protobuf(body: bytes) -> Iterator[Span | Rejection]:
    """Yield the spans of one TracesData, on the wire the same as ExportTraceServiceRequest."""
    try:
        traces = trace_pb2.TracesData.FromString(body)
    except DecodeError as error:
        raise BadInput("not OTLP protobuf") from error
    for resource_spans in traces.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _span(span, resource, scope_spans.scope.name)


def _span(span: trace_pb2.Span, resource: Attributes, scope: str) -> Span | Rejection:
    return finish(
        Draft(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            name=span.name,
            kind=KINDS.get(span.kind, Kind.UNSPECIFIED),
            start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano,
            attributes=_attributes(span.attributes),
            resource=resource,
            status=STATUSES.get(span.status.code, Status.UNSET),
            status_message=span.status.message,
            scope=scope,
            events=tuple(
                Event(event.name, event.time_unix_nano, _attributes(event.attributes))
                for event in span.events
            ),
            links=tuple(
                Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
                for link in span.links
            ),
        )
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> AttributeValue:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    plain: AttributeValue = getattr(value, which)
    return plain
