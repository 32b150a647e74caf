from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from otlp_building import SPAN, otlp_json, otlp_protobuf
from store_building import START, TRACE

from analyzer.decode import collect, parse_json, read_json, read_protobuf
from analyzer.errors import BadInput
from analyzer.span import Kind


def test_both_encodings_make_the_same_span():
    from_json = collect(read_json(parse_json(otlp_json()))).spans[0]
    (from_protobuf,) = collect(read_protobuf(otlp_protobuf())).spans

    assert from_protobuf.service == "unknown_service"
    for field in ("trace_id", "span_id", "parent_id", "name", "kind", "start_ns", "end_ns"):
        assert getattr(from_protobuf, field) == getattr(from_json, field)


def test_attributes_events_and_links_keep_their_types():
    traces = TracesData.FromString(otlp_protobuf())
    span = traces.resource_spans[0].scope_spans[0].spans[0]
    for key, field, value in [
        ("text", "string_value", "1"),
        ("int", "int_value", 1),
        ("float", "double_value", 1.0),
        ("bool", "bool_value", True),
        ("bytes", "bytes_value", b"\0\1"),
    ]:
        setattr(span.attributes.add(key=key).value, field, value)
    span.attributes.add(key="none")
    span.attributes.add(key="list").value.array_value.values.add(int_value=1)
    span.attributes.add(key="map").value.kvlist_value.values.add(key="a").value.int_value = 2
    span.events.add(name="mark", time_unix_nano=START)
    span.links.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN))

    (found,) = collect(read_protobuf(traces.SerializeToString())).spans

    assert repr(found.attributes) == repr(
        {
            "text": "1", "int": 1, "float": 1.0, "bool": True, "bytes": "AAE=",
            "none": None, "list": [1], "map": {"a": 2},
        }
    )  # fmt: skip
    assert (found.events[0].name, found.events[0].time_ns) == ("mark", START)
    assert (found.links[0].trace_id, found.links[0].span_id) == (TRACE, SPAN)
    assert found.kind is Kind.SERVER


@pytest.mark.parametrize(
    "changed",
    [
        {"trace_id": bytes(16)},
        {"trace_id": b"short"},
        {"span_id": b""},
        {"end_time_unix_nano": START - 1},
        {"end_time_unix_nano": 2**64 - 1},
    ],
)
def test_an_impossible_span_is_rejected(changed):
    decoded = collect(read_protobuf(otlp_protobuf(**changed)))

    assert (decoded.spans, decoded.rejected) == ((), 1)


def test_no_bytes_are_no_spans():
    assert collect(read_protobuf(b"")).spans == ()


@pytest.mark.parametrize("body", [b"\xff\xff", b"\n\x7f", otlp_protobuf()[:-3], b"hello"])
def test_what_is_no_protobuf_is_refused(body):
    with pytest.raises(BadInput, match="not OTLP protobuf"):
        collect(read_protobuf(body))
