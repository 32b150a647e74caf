"""OTLP bodies for the tests of what reads them."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from store_building import START, TRACE

SPAN = "b7ad6b7169203331"


def otlp_span(**changed: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "work",
        "kind": 2,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 5),
        **changed,
    }


def otlp(*spans: dict[str, Any], service: str | None = "shop") -> dict[str, Any]:
    value = [{"key": "service.name", "value": {"stringValue": service}}] if service else []
    return {
        "resourceSpans": [
            {"resource": {"attributes": value}, "scopeSpans": [{"spans": list(spans)}]}
        ]
    }


def otlp_json(*spans: dict[str, Any]) -> bytes:
    return json.dumps(otlp(*(spans or (otlp_span(),)))).encode()


def otlp_protobuf(name: str = "work", **changed: Any) -> bytes:
    traces = TracesData()
    resource_spans = traces.resource_spans.add()
    span = resource_spans.scope_spans.add().spans.add()
    fields = {
        "trace_id": bytes.fromhex(TRACE),
        "span_id": bytes.fromhex(SPAN),
        "name": name,
        "kind": 2,
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 5,
        **changed,
    }
    for field, value in fields.items():
        setattr(span, field, value)
    return traces.SerializeToString()
