from __future__ import annotations

import gzip
import http.client
import json

import pytest
from collecting import collector
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otlp_building import otlp_json, otlp_protobuf, otlp_span

JSON, PROTOBUF = "application/json", "application/x-protobuf"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with collector(tmp_path_factory.mktemp("home")) as started:
        yield started


def a_trace(number: int) -> bytes:
    return otlp_json(otlp_span(traceId=f"{number:032x}"))


def stored(running, number: int) -> int:
    return len(running.query("load_spans", request=f"{number:032x}"))


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_opentelemetrys_own_exporter_is_understood(running, compression):
    provider = TracerProvider(resource=Resource({"service.name": "elsewhere"}))
    exporter = OTLPSpanExporter(f"{running.url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    name = f"req-{compression.value}"
    with provider.get_tracer("t").start_as_current_span("outer", attributes={"request_id": name}):
        provider.get_tracer("t").start_span("inner").end()
    provider.shutdown()

    rows = running.query("load_spans", request=name)

    assert [(row["service"], row["name"]) for row in rows] == [
        ("elsewhere", "inner"),
        ("elsewhere", "outer"),
    ]


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", "APPLICATION/json"]
)
def test_json_is_answered_in_json(running, content_type):
    answer = running.traces(b"{}", content_type)

    assert (answer.status, answer.headers["content-type"], answer.data) == (200, JSON, b"{}")


@pytest.mark.parametrize("body", [b"", otlp_protobuf()])
def test_protobuf_is_answered_in_protobuf(running, body):
    answer = running.traces(body, PROTOBUF)

    assert (answer.status, answer.headers["content-type"]) == (200, PROTOBUF)
    assert not ExportTraceServiceResponse.FromString(answer.data).HasField("partial_success")


def test_the_spans_are_there_when_the_answer_comes(running):
    assert running.traces(a_trace(1)).status == 200

    assert stored(running, 1) == 1


def test_a_body_sent_again_changes_nothing(running):
    for headers in ({}, {}, {"content_encoding": "gzip"}):
        body = gzip.compress(a_trace(2)) if headers else a_trace(2)
        assert running.traces(body, **headers).status == 200

    assert stored(running, 2) == 1


def test_what_is_rejected_is_counted_and_the_rest_is_kept(running):
    good = otlp_span(traceId=f"{3:032x}")
    body = otlp_json(good, otlp_span(traceId="0" * 32), otlp_span(endTimeUnixNano="1"))

    partial = running.traces(body).json()["partialSuccess"]

    assert partial["rejectedSpans"] == "2"
    assert "trace id" in partial["errorMessage"]
    assert "ends before it starts" in partial["errorMessage"]
    assert stored(running, 3) == 1


def test_a_rejection_is_counted_in_protobuf_too(running):
    answer = running.traces(otlp_protobuf(span_id=bytes(8)), PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.data).partial_success
    assert (answer.status, partial.rejected_spans) == (200, 1)
    assert "span id" in partial.error_message


def test_hostile_names_are_kept_without_harm(running):
    hostile = {
        "name": "\x1b[31m<script>\0\ud800",
        "attributes": [{"key": "k" * 1000, "value": {"stringValue": "x" * 1_000_000}}]
        + [{"key": f"k{number}", "value": {"intValue": "1"}} for number in range(1000)],
    }

    assert running.traces(otlp_json(otlp_span(traceId=f"{4:032x}", **hostile))).data == b"{}"

    (row,) = running.query("load_spans", request=f"{4:032x}")
    assert row["name"] == "\x1b[31m<script>\0?"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b'{"resourceSpans": 1}', {}, 400),
        (b"\xff\xff", {"content_type": PROTOBUF}, 400),
        (b"no gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"{}")[:-4], {"content_encoding": "gzip"}, 400),
        (b"{}", {"content_encoding": "br"}, 415),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"content_type": ""}, 415),
        (gzip.compress(bytes(65 << 20)), {"content_encoding": "gzip"}, 413),
        (bytes(65 << 20), {}, 413),
    ],
)
def test_a_refusal_has_its_status_and_says_why(running, body, headers, status):
    answer = running.traces(body, **{"content_type": JSON, **headers})

    assert answer.status == status
    message = (
        Status.FromString(answer.data).message
        if answer.headers["content-type"] == PROTOBUF
        else answer.json()["message"]
    )
    assert message


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_allowed(running, method):
    answer = running.send(method, "/v1/traces", content_type=PROTOBUF)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert Status.FromString(answer.data).code == 12


def test_a_body_over_the_limit_in_chunks_is_refused_without_its_length(running):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    headers = {"Content-Type": JSON, "Transfer-Encoding": "chunked"}
    chunks = (bytes(1 << 20) for _ in range(66))
    try:
        connection.request("POST", "/v1/traces", chunks, headers, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the answer may come before the body is sent
    else:
        assert connection.getresponse().status == 413
    connection.close()

    assert running.send("GET", "/healthz").status == 200


def test_a_client_that_leaves_in_the_middle_is_no_error(running):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", JSON)
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"{")
    connection.close()

    assert running.traces(b"{}").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4318", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/query/extent", "/healthz"])
def test_a_name_that_a_web_page_chose_is_refused(running, host, path):
    assert running.send("POST", path, b"{}", host=host).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4318", "127.0.0.1:1", "[::1]:4318"])
def test_a_local_name_is_let_in(running, host):
    assert running.send("GET", "/healthz", host=host).status == 200


def test_only_reading_queries_can_be_asked(running):
    for name in ("insert_body", "nothing", "..%2Fviews"):
        assert running.send("POST", f"/v1/query/{name}", b"{}").status in (400, 404)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"request": 1, "more": 2}', b"{}"])
def test_bad_parameters_are_an_error_in_words(running, body):
    answer = running.send("POST", "/v1/query/load_spans", body)

    assert answer.status in (400, 503)
    assert "\n" not in answer.json()["error"]


def test_every_number_of_json_arrives_exactly(running):
    value = {"key": "n", "value": {"intValue": 9007199254740993}}
    running.traces(otlp_json(otlp_span(traceId=f"{5:032x}", attributes=[value])))

    (row,) = running.query("load_spans", request=f"{5:032x}")

    assert json.loads(row["attributes"]) == {"n": 9007199254740993}
