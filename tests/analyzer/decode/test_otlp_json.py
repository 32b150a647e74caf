from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_building import SPAN, otlp, otlp_span
from store_building import START, TRACE, attributes, same

from analyzer.decode import collect, parse_json, read_json
from analyzer.errors import BadInput
from analyzer.span import Kind, Status


def decode(*spans: dict[str, Any], **options: Any):
    return collect(read_json(parse_json(json.dumps(otlp(*spans, **options)))))


def only(**changed: Any):
    (span,) = decode(otlp_span(**changed)).spans
    return span


def attribute(value: dict[str, Any]) -> Any:
    return only(attributes=[{"key": "k", "value": value}]).attributes["k"]


def any_value(value: Any) -> dict[str, Any]:
    """Encode as OTLP's JSON mapping says."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        named = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"doubleValue": value if math.isfinite(value) else named}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"arrayValue": {"values": [any_value(item) for item in value]}}


def pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


@settings(deadline=None)
@given(attributes)
def test_every_kind_of_attribute_keeps_its_type(kept):
    assert same(only(attributes=pairs(kept)).attributes, kept)


def test_a_span_is_read_whole():
    span = only(
        parentSpanId="00F067AA0BA902B7",
        status={"code": 2, "message": "refused"},
        events=[{"name": "mark", "timeUnixNano": str(START + 1)}],
        links=[{"traceId": TRACE.upper(), "spanId": SPAN.upper()}],
        attributes=pairs({"tracekit.request_id": "r-1"}),
    )

    assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, SPAN, "00f067aa0ba902b7")
    assert (span.kind, span.status, span.status_message) == (Kind.SERVER, Status.ERROR, "refused")
    assert (span.start_ns, span.end_ns) == (START, START + 5)
    assert (span.service, span.request_id) == ("shop", "r-1")
    assert [(event.name, event.time_ns) for event in span.events] == [("mark", START + 1)]
    assert [(link.trace_id, link.span_id) for link in span.links] == [(TRACE, SPAN)]


@pytest.mark.parametrize("number", ["9007199254740993", 9007199254740993])
def test_large_integers_lose_no_digit(number):
    assert attribute({"intValue": number}) == 9007199254740993
    assert only(startTimeUnixNano=number, endTimeUnixNano=number).start_ns == 9007199254740993


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"bytesValue": "AAEC"}, "AAEC"),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"doubleValue": 3}, 3.0),
        ({"doubleValue": "2.5"}, 2.5),
        ({"intValue": 1e3}, 1000),
        ({"intValue": str(2**63)}, str(2**63)),
        ({"stringValue": None, "intValue": "1"}, 1),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": None}}, {}),
        ({"string_value": "snake"}, None),
        ({"newKindOfValue": 1}, None),
    ],
)
def test_a_value_is_read_by_its_field(sent, kept):
    assert same(attribute(sent), kept)


def test_not_a_number_is_a_number():
    assert math.isnan(attribute({"doubleValue": "NaN"}))


def test_unknown_fields_are_ignored_at_any_depth():
    span = only(
        trace_id="ff" * 16,
        start_time_unix_nano="1",
        newField={"a": [1]},
        events=[{"name": "e", "timeUnixNano": "1", "more": {}}],
        attributes=[{"key": "k", "value": {"intValue": "1", "unit": "s"}, "extra": None}],
    )

    assert (span.trace_id, span.start_ns, span.attributes) == (TRACE, START, {"k": 1})


def test_null_is_the_default():
    span = only(name=None, kind=None, parentSpanId=None, attributes=None, events=None, status=None)

    assert (span.name, span.kind, span.parent_id) == ("", Kind.UNSPECIFIED, None)
    assert (span.attributes, span.events, span.status) == ({}, (), Status.UNSET)


def test_an_enum_value_of_the_future_is_unspecified():
    assert only(kind=77, status={"code": 9}).kind is Kind.UNSPECIFIED


@pytest.mark.parametrize("service", [None, ""])
def test_a_service_without_a_name_is_unknown(service):
    assert decode(otlp_span(), service=service).spans[0].service == "unknown_service"


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        ({"http.request.header.x-request-id": ["r-1", "r-2"]}, "r-1"),
        ({"http.request.header.x_request_id": "r-1"}, "r-1"),
        ({"request_id": "r-1"}, "r-1"),
        ({"correlation_id": 17}, "17"),
        ({"tracekit.request_id": "ours", "request_id": "other"}, "ours"),
        ({"request_id": "", "correlation_id": "r-1"}, "r-1"),
        ({"request_id": []}, None),
        ({"request_id": True}, None),
        ({"X-Request-ID": "r-1"}, None),
    ],
)
def test_a_request_id_is_found_where_others_keep_it(carried, expected):
    assert only(attributes=pairs(carried)).request_id == expected


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"traceId": "0" * 32}, "trace id"),
        ({"traceId": "ab"}, "trace id"),
        ({"traceId": "x" * 32}, "trace id"),
        ({"traceId": None}, "trace id"),
        ({"spanId": "0" * 16}, "span id"),
        ({"parentSpanId": "12"}, "parent"),
        ({"endTimeUnixNano": str(START - 1)}, "ends before it starts"),
        ({"endTimeUnixNano": "0"}, "no end"),
        ({"endTimeUnixNano": str(2**64 - 1)}, "outside"),
        ({"startTimeUnixNano": -5}, "outside"),
    ],
)
def test_an_impossible_span_is_rejected_and_the_others_are_kept(changed, reason):
    decoded = decode(otlp_span(**changed), otlp_span())

    assert (len(decoded.spans), decoded.rejected) == (1, 1)
    assert reason in decoded.reasons[0]


def test_a_reason_is_given_once_however_often_it_holds():
    decoded = decode(*[otlp_span(spanId="")] * 3)

    assert (decoded.rejected, len(decoded.reasons)) == (3, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "SPAN_KIND_SERVER"},
        {"kind": True},
        {"traceId": 5},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": "1_000"},
        {"startTimeUnixNano": 1.5},
        {"attributes": {"a": 1}},
        {"attributes": [{"key": "a", "value": 5}]},
        {"attributes": [{"key": "a", "value": {"boolValue": "true"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "much"}}]},
        {"events": ["x"]},
    ],
)
def test_a_field_of_the_wrong_type_makes_the_body_undecodable(changed):
    with pytest.raises(BadInput, match="not OTLP"):
        decode(otlp_span(**changed))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nope", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b"9" * 5_000, b"[1]", b"5"],
)
def test_what_is_no_otlp_json_is_refused_in_one_line(body):
    with pytest.raises(BadInput) as caught:
        collect(read_json(parse_json(body)))

    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(otlp_span(), json_values)))
def test_whatever_a_field_holds_the_answer_is_spans_or_bad_input(changed):
    try:
        decoded = collect(read_json(otlp(otlp_span(**changed))))
    except BadInput:
        return
    assert len(decoded.spans) + decoded.rejected == 1
