from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_building import otlp, otlp_json, otlp_protobuf, otlp_span

from analyzer.decode import TooLarge, decode_any, inflate, read_file
from analyzer.errors import BadInput
from analyzer.span import Kind, Status

JAEGER = Path(__file__).parents[2] / "data" / "jaeger.json"
TRACE = json.loads(JAEGER.read_text())["data"][0]
PRETTY = json.dumps(otlp(otlp_span()), indent=2).encode()

FORMATS = {
    "a line": (otlp_json(), 1),
    "lines": (otlp_json() + b"\n" + otlp_json() + b"\n", 2),
    "lines of Windows": (otlp_json() + b"\r\n\r\n" + otlp_json() + b"\r\n", 2),
    "a pretty document": (PRETTY, 1),
    "a document with a byte order mark": (b"\xef\xbb\xbf" + PRETTY, 1),
    "a list of documents": (b"[" + PRETTY + b"," + PRETTY + b"]", 2),
    "lines of several signals": (b'{"resourceLogs": []}\n' + otlp_json(), 1),
    "protobuf": (otlp_protobuf(), 1),
    "Jaeger's answer": (JAEGER.read_bytes(), 3),
    "one Jaeger trace": (json.dumps(TRACE).encode(), 3),
    "a list of Jaeger traces": (json.dumps([TRACE]).encode(), 3),
}


@pytest.mark.parametrize(("content", "spans"), FORMATS.values(), ids=FORMATS)
def test_a_format_is_known_from_its_content(content, spans):
    assert len(decode_any(content, "x").spans) == spans
    assert len(decode_any(gzip.compress(content), "x").spans) == spans


def test_protobuf_that_begins_like_json_is_known():
    for length in range(200):
        content = otlp_protobuf("x" * length)
        if content.startswith(b"\n{"):
            assert len(decode_any(content, "x").spans) == 1
            return
    pytest.fail("no such length")


def test_a_line_cut_off_at_the_end_is_left_out_and_said():
    decoded = decode_any(otlp_json() + b"\n" + otlp_json()[:50], "x")

    assert len(decoded.spans) == 1
    assert decoded.reasons == ("line 2 is cut off and was left out",)


BAD = {
    "nothing": (b" \n", "empty"),
    "text": (b"hello", "neither OTLP"),
    "another document": (b'{"name": "npm"}', "neither OTLP"),
    "a list of numbers": (b"[1, 2]", "neither OTLP"),
    "a damaged line": (otlp_json() + b"\n{oops}\n" + otlp_json() + b"\n", "line 2: not JSON"),
    "a wrong type": (b'{"resourceSpans": [5]}', "resourceSpans is not a list"),
    "a cut document": (PRETTY[:-5], "not JSON"),
    "a cut gzip": (gzip.compress(otlp_json())[:-9], "damaged gzip"),
    "a damaged gzip": (b"\x1f\x8b\x08" + bytes(20), "damaged gzip|neither|empty"),
    "a Jaeger trace without times": (
        json.dumps({"spans": [{"traceID": "1", "spanID": "2"}], "processes": {}}).encode(),
        "not Jaeger JSON",
    ),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named_with_its_reason_in_one_line(content, reason):
    with pytest.raises(BadInput, match=rf"^some\.file: .*({reason})") as caught:
        decode_any(content, "some.file")

    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_spans_or_bad_input(content):
    with contextlib.suppress(BadInput):
        decode_any(content, "x")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.json: No such file"):
        read_file(tmp_path / "nowhere.json")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(BadInput, match="Is a directory"):
        read_file(tmp_path)


@settings(deadline=None)
@given(st.binary(), st.binary())
def test_gzip_members_after_each_other_are_one_body(one, other):
    assert inflate(gzip.compress(one) + gzip.compress(other), 10_000) == one + other


def test_a_bomb_is_not_inflated():
    bomb = gzip.compress(bytes(5_000_000))

    with pytest.raises(TooLarge):
        inflate(bomb, 4_999_999)
    assert len(inflate(bomb, 5_000_000)) == 5_000_000


def test_a_jaeger_trace_is_read_as_it_was_meant():
    dispatch, select, publish = decode_any(JAEGER.read_bytes(), "x").spans

    assert dispatch.trace_id == "00000000000000005fe3e4bd65a7c1d2"
    assert (dispatch.kind, dispatch.service, dispatch.status) == (
        Kind.SERVER, "frontend", Status.UNSET,
    )  # fmt: skip
    assert (dispatch.start_ns, dispatch.duration_ns) == (1760000000000000000, 712345000)
    assert dispatch.resource["host.name"] == "box-1"
    assert dispatch.events[0].name == "HTTP request received"
    assert dispatch.events[0].time_ns == 1760000000000150000
    assert dispatch.events[0].attributes == {"method": "GET", "level": "info"}
    assert (select.span_id, select.parent_id) == ("01a2b3c4d5e6f708", "5fe3e4bd65a7c1d2")
    assert select.status is Status.ERROR
    assert select.attributes["sql.rows"] == 9007199254740993
    assert select.attributes["load"] == 0.25
    assert publish.parent_id == "01a2b3c4d5e6f708"
    assert [link.span_id for link in publish.links] == ["01a2b3c4d5e6f708"]


CHILD_OF = {"refType": "CHILD_OF", "traceID": "a", "spanID": "1"}
FOLLOWS_FROM = {"refType": "FOLLOWS_FROM", "traceID": "A", "spanID": "2"}
ELSEWHERE = {"refType": "FOLLOWS_FROM", "traceID": "b", "spanID": "3"}


@pytest.mark.parametrize(
    ("said", "parent", "links"),
    [
        ({"references": [FOLLOWS_FROM, CHILD_OF]}, "1", ["2"]),
        ({"references": [ELSEWHERE, FOLLOWS_FROM]}, "2", ["3", "2"]),
        ({"references": [FOLLOWS_FROM], "parentSpanID": "4"}, "4", ["2"]),
        ({"references": [ELSEWHERE]}, None, ["3"]),
        ({}, None, []),
    ],
)
def test_a_jaeger_span_hangs_below_the_best_reference_in_its_trace(said, parent, links):
    span = {"traceID": "a", "spanID": "9", "operationName": "x", "startTime": 1, "duration": 1}
    trace = {"spans": [{**span, **said}], "processes": {}}

    (found,) = decode_any(json.dumps(trace).encode(), "x").spans

    assert found.parent_id == (parent and parent.zfill(16))
    assert [link.span_id for link in found.links] == [link.zfill(16) for link in links]
