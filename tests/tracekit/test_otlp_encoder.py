from __future__ import annotations

import base64
import enum
import json
import math
from typing import Any

from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from tracekit import otlp
from tracekit.redaction import redacted


def context(trace_id: int = 1, span_id: int = 2, **extra: Any) -> SpanContext:
    return SpanContext(trace_id, span_id, extra.pop("is_remote", False), **extra)


def span(**fields: Any) -> ReadableSpan:
    defaults = {
        "name": "n",
        "context": context(trace_flags=TraceFlags(1)),
        "resource": Resource({"service.name": "stt"}),
        "start_time": 1,
        "end_time": 2,
    }
    return ReadableSpan(**{**defaults, **fields})


def encoded(*spans: ReadableSpan) -> dict[str, Any]:
    body, lost = otlp.encode(spans, lambda theirs: theirs)
    assert lost == 0
    assert b"\n" not in body
    decoded: dict[str, Any] = json.loads(body)
    return decoded


def only_span(*spans: ReadableSpan) -> dict[str, Any]:
    (resource,) = encoded(*spans)["resourceSpans"]
    ((one,),) = (scope["spans"] for scope in resource["scopeSpans"])
    return dict(one)


def as_protobuf(traces: Any) -> TracesData:
    """Parse by Google's own JSON rules, which want ids in base64 where OTLP has hex."""

    def rewrite(node: Any) -> Any:
        if isinstance(node, list):
            return [rewrite(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode()
            if key in ("traceId", "spanId", "parentSpanId")
            else rewrite(value)
            for key, value in node.items()
        }

    return json_format.ParseDict(rewrite(traces), TracesData())


def plain(value: Any) -> Any:
    """Return what a protobuf AnyValue holds."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind)


# Hypothesis finds the names of URLs in our source, and those do not come back as they were.
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda key: redacted({key: "?"}) == {key: "?"}
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_every_attribute_comes_back_from_protobuf_as_it_was(attributes: dict[str, Any]) -> None:
    parsed = as_protobuf(encoded(span(attributes=attributes)))
    one = parsed.resource_spans[0].scope_spans[0].spans[0]
    assert {pair.key: plain(pair.value) for pair in one.attributes} == attributes


@given(
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)
def test_ids_and_times_keep_every_bit(trace: int, own: int, start: int, end: int) -> None:
    parsed = as_protobuf(encoded(span(context=context(trace, own), start_time=start, end_time=end)))
    one = parsed.resource_spans[0].scope_spans[0].spans[0]
    assert int.from_bytes(one.trace_id, "big") == trace
    assert int.from_bytes(one.span_id, "big") == own
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (start, end)


@given(st.text())
def test_any_name_is_valid_utf8_json_lone_surrogates_replaced(name: str) -> None:
    sent = only_span(span(name=name))["name"]
    assert sent == name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    sent.encode("utf-8")


def test_a_whole_span_reads_as_the_specification_says() -> None:
    parent = context(1, 3, is_remote=True, trace_flags=TraceFlags(1))
    full = span(
        context=context(1, 2, trace_flags=TraceFlags(3), trace_state=TraceState([("vendor", "1")])),
        parent=parent,
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR, "broken"),
        events=[Event("mark", {"tracekit.milestone": True}, timestamp=5)],
        links=[Link(context(7, 8), {"why": "batch"})],
        instrumentation_scope=InstrumentationScope("tracekit", "0.1"),
    )
    assert only_span(full) == {
        "traceId": "00000000000000000000000000000001",
        "spanId": "0000000000000002",
        "traceState": "vendor=1",
        "parentSpanId": "0000000000000003",
        "flags": 0x303,
        "name": "n",
        "kind": 2,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "events": [
            {
                "timeUnixNano": "5",
                "name": "mark",
                "attributes": [{"key": "tracekit.milestone", "value": {"boolValue": True}}],
            }
        ],
        "links": [
            {
                "traceId": "00000000000000000000000000000007",
                "spanId": "0000000000000008",
                "attributes": [{"key": "why", "value": {"stringValue": "batch"}}],
            }
        ],
        "status": {"message": "broken", "code": 2},
    }


def test_values_without_a_json_form_are_spelled_as_otlp_says() -> None:
    assert json.loads(otlp.value(math.inf)) == {"doubleValue": "Infinity"}
    assert json.loads(otlp.value(-math.inf)) == {"doubleValue": "-Infinity"}
    assert json.loads(otlp.value(math.nan)) == {"doubleValue": "NaN"}
    assert json.loads(otlp.value(2**53 + 1)) == {"intValue": "9007199254740993"}
    assert json.loads(otlp.value(2**63)) == {"stringValue": str(2**63)}
    assert json.loads(otlp.value(SpanKind.SERVER)) == {"stringValue": "SpanKind.SERVER"}


def test_spans_are_grouped_by_resource_and_scope() -> None:
    ours, theirs = InstrumentationScope("tracekit"), InstrumentationScope("httpx")
    one, other = Resource({"service.name": "a"}), Resource({"service.name": "b"})
    traces = encoded(
        span(resource=one, instrumentation_scope=ours),
        span(resource=other, instrumentation_scope=ours),
        span(resource=one, instrumentation_scope=theirs),
        span(resource=one, instrumentation_scope=ours),
    )
    assert [
        [(scope["scope"]["name"], len(scope["spans"])) for scope in group["scopeSpans"]]
        for group in traces["resourceSpans"]
    ] == [[("tracekit", 2), ("httpx", 1)], [("tracekit", 1)]]


def test_a_key_that_is_no_string_does_not_cost_the_span() -> None:
    told = only_span(span(attributes={5: "x", "n": 1}))["attributes"]
    assert [pair["key"] for pair in told] == ["5", "n"]


def test_a_span_that_cannot_be_encoded_does_not_take_its_batch_with_it() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    bad = span(attributes={"x": Unprintable()})
    body, lost = otlp.encode([bad, span(name="good")], lambda theirs: theirs)
    assert lost == 1
    assert b'"good"' in body


def test_a_key_that_only_equals_a_name_renames_nothing() -> None:
    class Names(str, enum.Enum):
        ROUTE = "http.route"

    odd = only_span(span(attributes={Names.ROUTE: "/x", 1: 2}))
    plain = only_span(span(attributes={"http.route": "/y", "n": 4}))
    assert {one["key"] for one in plain["attributes"]} == {"http.route", "n"}
    assert all(isinstance(one["key"], str) for one in odd["attributes"])
