"""boto3, the real one, against a server in this process: its calls are urllib3's, held together."""

from __future__ import annotations

import json
import statistics
import sys
import threading
from datetime import datetime, timedelta, timezone

import lateness
import pytest
from conformance.outgoing import calls, only_call
from integration.scripted_server import Exchange, ScriptedServer, stream
from integration.traced_calls import in_one_of_five_runs, traced_calls
from opentelemetry.sdk.trace import TracerProvider

from tracekit import attributes as names
from tracekit import clients, guard
from tracekit.clients.botocore_adapter import BotocoreAdapter
from tracekit.clients.observing import observer

boto3 = pytest.importorskip("boto3")
from botocore.config import Config  # noqa: E402
from botocore.endpoint import Endpoint  # noqa: E402
from botocore.exceptions import EndpointConnectionError, ResponseStreamingError  # noqa: E402

MILLISECOND = 1_000_000
PIECE = b"x" * 1000
KEYS = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "eu-west-1"}
EMPTY = b'<?xml version="1.0"?><ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>'


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def spans():
    with traced_calls() as captured:
        yield captured


def s3(server: ScriptedServer, **options):
    keys = options.pop("keys", KEYS)
    retries = {"mode": "standard", "total_max_attempts": 3}
    config = Config(s3={"addressing_style": "path"}, retries=retries, **options)
    return boto3.client("s3", endpoint_url=server.url, config=config, **keys)


def paused(exchange: Exchange):
    exchange.begin(content_length=str(4 * len(PIECE)))
    for pause in (0.02, 0.02, 0.15, 0.02):
        threading.Event().wait(pause)
        exchange.write(PIECE)


def test_a_new_connection_and_a_reused_one_show_all_phases(spans):
    with ScriptedServer(lambda x: x.answer(EMPTY)) as server:
        client = s3(server)
        client.list_buckets()
        called_at = sys._getframe().f_lineno - 1
        client.list_buckets()

    first, second = calls(spans)
    for call in (first, second):
        assert call[names.CLIENT_LIBRARY] == "urllib3"
        assert all(call.phase(one) > 0 for one in ("pool", "send", "wait", "receive"))
        assert call.of_body(names.BODY_BYTES) == len(EMPTY)
        assert call.of_body(names.BODY_COMPLETE) is True
        assert call[names.HTTP_RESEND_COUNT] is None
    assert (first[names.CONNECTION_STATE], second[names.CONNECTION_STATE]) == ("new", "reused")
    assert first.phase("connect") > 0
    assert second[names.CONNECTION_USE] == 2
    assert (first[names.CODE_FILE], first[names.CODE_LINE]) == (__file__, called_at)


def test_the_client_is_the_one_that_boto3_made(spans):
    with ScriptedServer(lambda x: x.answer(EMPTY)) as server:
        client = s3(server)
        client.list_buckets()
        client.list_buckets()

    first, second = calls(spans)
    assert first[names.CLIENT_FILE] == __file__
    assert first[names.CLIENT_FUNCTION] == "s3"
    assert first[names.CLIENT_LINE] == s3.__code__.co_firstlineno + 4
    assert first[names.CLIENT_SETUP] > MILLISECOND
    assert (first[names.CLIENT_REQUESTS], second[names.CLIENT_REQUESTS]) == (0, 1)


def test_attempts_of_one_call_are_counted_and_the_next_call_begins_anew(spans):
    statuses = iter([503, 500, 200, 503, 200])
    with ScriptedServer(lambda x: x.answer(EMPTY, status=next(statuses))) as server:
        client = s3(server)
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
        with tracer.start_as_current_span("host") as host:
            client.list_buckets()
            client.list_buckets()

    told = [(one[names.HTTP_STATUS], one[names.HTTP_RESEND_COUNT]) for one in calls(spans)]
    assert told == [(503, None), (500, 1), (200, 2), (503, None), (200, 1)]
    parents = {one.span.parent.span_id for one in calls(spans)}
    assert parents == {host.get_span_context().span_id}


def test_a_connection_dropped_unanswered_is_an_attempt_that_failed(spans):
    drops = iter([True, False])
    with ScriptedServer(lambda x: x.break_off() if next(drops) else x.answer(EMPTY)) as server:
        s3(server).list_buckets()

    first, second = calls(spans)
    assert first[names.ERROR_TYPE] == "ProtocolError"
    assert first[names.ERROR_PHASE] == "wait"
    assert (second[names.HTTP_STATUS], second[names.HTTP_RESEND_COUNT]) == (200, 1)


def test_a_refused_connection_is_tried_again_and_each_attempt_told(spans):
    with ScriptedServer(lambda x: x.answer(EMPTY)) as server:
        client = s3(server)
    with pytest.raises(EndpointConnectionError):
        client.list_buckets()

    told = calls(spans)
    assert [one[names.HTTP_RESEND_COUNT] for one in told] == [None, 1, 2]
    assert {one.attempts[0] for one in told} == {("127.0.0.1", "ECONNREFUSED")}


def test_an_object_read_in_pieces_shows_gaps_bytes_and_its_end(spans):
    with ScriptedServer(paused) as server:
        client = s3(server)

        def run():
            body = client.get_object(Bucket="b", Key="k")["Body"]
            assert b"".join(body.iter_chunks(len(PIECE))) == 4 * PIECE
            compare(calls(spans)[-1], server.exchanges[-1])

        in_one_of_five_runs(run)


def compare(call, served):
    close = 5 * MILLISECOND + lateness.allowed() * 1e9
    assert call.of_body(names.BODY_CHUNKS) == 4
    assert call.of_body(names.BODY_BYTES) == 4 * len(PIECE)
    assert call.of_body(names.BODY_COMPLETE) is True
    largest, median = max(served.gaps), statistics.median_low(served.gaps)
    assert call.of_body(names.BODY_LARGEST_GAP) == pytest.approx(largest, abs=close)
    assert call.of_body(names.BODY_GAP_P50) == pytest.approx(median, abs=close)
    assert call.of_body(names.BODY_STALL_TIME) == pytest.approx(largest, abs=close)


def test_an_object_left_half_read_is_incomplete(spans):
    with ScriptedServer(paused) as server:
        body = s3(server).get_object(Bucket="b", Key="k")["Body"]
        assert body.read(10) == PIECE[:10]
        body.close()

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_BYTES) == 10


def test_a_chunked_object_that_breaks_off_is_an_error(spans):
    def answer(exchange):
        exchange.begin(transfer_encoding="chunked")
        stream(exchange, [(0, PIECE)])
        exchange.break_off()

    with ScriptedServer(answer) as server:
        body = s3(server).get_object(Bucket="b", Key="k")["Body"]
        with pytest.raises(ResponseStreamingError):
            body.read()

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call[names.ERROR_TYPE] in ("ProtocolError", "InvalidChunkLength", "IncompleteRead")


def test_an_upload_that_waits_for_100_continue_is_one_call(spans):
    with ScriptedServer(lambda x: x.answer()) as server:
        s3(server).put_object(Bucket="b", Key="k", Body=PIECE)
        (served,) = server.exchanges

    assert served.headers["expect"] == "100-continue"
    call = only_call(spans)
    assert (call[names.HTTP_METHOD], call[names.HTTP_STATUS]) == ("PUT", 200)
    assert call.phase("send") > 0


def test_a_pool_too_small_shows_what_it_threw_away_and_who_made_it(spans):
    barrier = threading.Barrier(3)

    def answer(exchange):
        if exchange.path.startswith("/b"):
            barrier.wait(10)
        exchange.answer(EMPTY)

    with ScriptedServer(answer) as server:
        client = s3(server, max_pool_connections=1)
        threads = [
            threading.Thread(target=client.head_object, kwargs={"Bucket": "b", "Key": "k"})
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.list_buckets()

    told = calls(spans)
    assert max(one[names.POOL_DISCARDS] or 0 for one in told) == 2
    assert {one[names.CLIENT_FUNCTION] for one in told if one[names.CLIENT_FUNCTION]} == {"s3"}
    assert [one[names.CONNECTION_STATE] for one in told] == ["new"] * 3 + ["reused"]


def test_a_json_service_is_traced_the_same_way(spans):
    statuses = iter([500, 200])

    def answer(exchange):
        exchange.answer(b'{"TableNames": []}', status=next(statuses))

    with ScriptedServer(answer) as server:
        table = boto3.client("dynamodb", endpoint_url=server.url, **KEYS)
        assert table.list_tables()["TableNames"] == []

    assert [one[names.HTTP_RESEND_COUNT] for one in calls(spans)] == [None, 1]


def test_looking_for_credentials_meanwhile_is_no_attempt_of_the_call(spans, monkeypatch):
    soon = datetime.now(timezone.utc) + timedelta(minutes=1)  # so that each call asks again
    found = {"AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t"}
    credentials = json.dumps({**found, "Expiration": soon.isoformat()}).encode()

    def answer(exchange):
        exchange.answer(credentials if exchange.path == "/keys" else EMPTY)

    with ScriptedServer(answer) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/keys")
        session = boto3.Session(region_name="eu-west-1")
        session.client("s3", endpoint_url=server.url).list_buckets()

    told = [(one[names.URL_FULL], one[names.HTTP_RESEND_COUNT]) for one in calls(spans)]
    assert told[-2:] == [(f"{server.url}/keys", None), (f"{server.url}/", None)]


@pytest.mark.parametrize("callback", ["_made", "_enter"])
def test_a_callback_that_fails_changes_nothing(callback, monkeypatch):
    monkeypatch.setattr(BotocoreAdapter, callback, observer("test.botocore")(lambda *_: 1 / 0))
    before = guard.faults().get("test.botocore", 0)
    with ScriptedServer(lambda x: x.answer(EMPTY)) as server:
        clients.install(TracerProvider(shutdown_on_exit=False))
        try:
            assert s3(server).list_buckets()["Buckets"] == []
        finally:
            clients.uninstall()

    assert guard.faults()["test.botocore"] == before + 1


def test_removing_the_hooks_leaves_botocore_as_it_was():
    before = Endpoint.make_request
    with traced_calls():
        assert Endpoint.make_request is not before
    assert Endpoint.make_request is before
