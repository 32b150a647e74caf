"""A real service's own side of a request, as the analysis tells it."""

from __future__ import annotations

import io
import socket
import time

import pytest
from processes import clean_environment, free_port, post, service
from rich.console import Console
from websockets.sync.client import connect

from analyzer.analysis import analyze
from analyzer.decode.files import decode_line
from analyzer.render.analyze_text import print_report

MS = 1_000_000


def converse(port, request, *, pause, rest=b""):
    """Send *request* as it is; read only after the *pause*, and nothing at all for rest=None."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.sendall(request)
        time.sleep(pause)  # the client's slowness is what is measured
        if rest is not None:
            client.sendall(rest)
            while client.recv(1 << 20):
                pass


def head(method, path, request_id, *more):
    fields = ("Host: here", "Connection: close", f"X-Request-ID: {request_id}", *more)
    return "\r\n".join((f"{method} {path} HTTP/1.1", *fields, "", "")).encode()


def use(port):
    for name in ("later", "stream", "blocking", "asking", "gateway"):
        post(port, f"/{name}", headers={"X-Request-ID": name})
    since = {"X-Request-ID": "queued", "X-Request-Start": f"t={time.time() - 0.25:.6f}"}
    post(port, "/upload", headers=since)
    converse(port, head("GET", "/patient", "left"), pause=0.1, rest=None)
    converse(port, head("GET", "/stream", "left-a-stream"), pause=0.1, rest=None)
    converse(port, head("GET", "/large", "slow-reader"), pause=0.5)
    body = head("POST", "/upload", "slow-sender", "Content-Length: 2000") + b"x" * 1000
    converse(port, body, pause=0.2, rest=b"x" * 1000)
    talking = connect(f"ws://127.0.0.1:{port}/talk", additional_headers={"X-Request-ID": "talk"})
    with talking as websocket:
        for word in ("one", "two"):
            websocket.send(word)
            assert websocket.recv(5) == word * 2


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    home, port, other = tmp_path_factory.mktemp("home"), free_port(), free_port()
    env = clean_environment(home, NEXT_URL=f"http://127.0.0.1:{other}/blocking")
    command = ["uvicorn", "--log-level", "warning", "observed:app", "--port"]
    with service([*command, str(port)], port, env), service([*command, str(other)], other, env):
        use(port)
    requests = {}
    for file in (home / "spool").glob("*.jsonl"):
        for line in file.read_text().splitlines():
            for span in decode_line(line).spans:
                requests.setdefault(span.request_id, []).append(span)
    return {name: analyze(spans) for name, spans in requests.items()}


def text(report, width=80):
    file = io.StringIO()
    console = Console(file=file, width=width, markup=False, highlight=False)
    print_report(report, console, short_id="request")
    return file.getvalue()


def rules(report):
    return [finding.rule for finding in report.findings]


def test_a_stream_is_told_with_its_stall_and_what_ran_meanwhile(reports):
    report = reports["stream"]
    body = report.service_facts[0].response_body

    assert (body.chunks, body.bytes, body.stalls) == (20, 120, 1)
    assert body.largest_gap_ns >= 250 * MS
    assert 0 < body.headers_ns <= body.first_chunk_ns
    finding = next(one for one in report.findings if one.rule == "stream-stalls")
    assert "observed was in search meanwhile" in finding.evidence[1]
    assert "20 chunks, 120 B" in text(report)


def test_a_stream_that_is_read_after_its_stage_is_on_the_path_with_its_stall(reports):
    report = reports["gateway"]
    (search,) = [stage for stage in report.stages if stage.stage == "search"]

    assert search.ns > 0.29e9  # in the service that streams, behind the call
    assert [off.name for off in report.spans_off_path if off.name != "background"] == []
    assert "stream-stalls" in rules(report)


def test_work_after_the_response_is_off_the_path_and_told(reports):
    report = reports["later"]

    assert report.service_facts[0].background_ns >= 40 * MS > report.total_ns
    assert [off.reason for off in report.spans_off_path] == ["after the response"]
    assert "of work after the response" in text(report)
    assert "Not waited for" not in text(report)


def test_a_call_that_waited_in_the_kernel_is_told_from_the_network(reports):
    report = reports["asking"]
    (queue,) = [stage for stage in report.stages if stage.kind == "queue"]

    assert queue.ns >= 60 * MS
    (finding,) = [one for one in report.findings if one.rule == "queued"]
    assert "so long the service's kernel had the last piece" in text(report)
    assert "meanwhile: observed was in compute." in " ".join(finding.evidence)
    assert sum(stage.ns for stage in report.stages) == report.total_ns


def test_what_held_the_loop_is_told_with_its_stage(reports):
    (finding,) = [one for one in reports["blocking"].findings if one.rule == "loop-blocked"]

    assert finding.cost_ns >= 60 * MS
    assert finding.evidence[1].startswith("Likely: compute took")
    assert "the event loop was held for" in text(reports["blocking"])


def test_what_a_proxy_says_lies_before_the_total(reports):
    report = reports["queued"]

    assert report.total_ns < 250 * MS <= report.queued_before_ns
    assert report.service_facts[0].quality("queued_ns") == "derived"
    assert "before observed took it up, not in the total" in text(report)


def test_a_client_that_left_is_no_error(reports):
    gone, streaming = reports["left"], reports["left-a-stream"]

    assert gone.ended == streaming.ended == "client left"
    assert [one.rule for one in gone.findings if one.fatal] == ["client-left"]
    assert "client-left" not in rules(streaming)
    assert all(" client left\n" in text(report) for report in (gone, streaming))


def test_a_client_that_is_slow_is_named_each_way(reports):
    reading, sending = reports["slow-reader"], reports["slow-sender"]

    assert "slow-client" in rules(reading)
    assert "held" in text(reading)
    assert "slow-client" in rules(sending)
    assert sending.service_facts[0].request_body.bytes == 2000
    assert "for it to come" in text(sending)


def test_a_websocket_is_told_with_its_messages(reports):
    talk = reports["talk"].service_facts[0].websocket

    assert (talk.received, talk.received_bytes) == (2, 6)
    assert (talk.sent, talk.sent_bytes) == (2, 12)
    assert "2 messages in, 6 B · 2 messages out, 12 B" in text(reports["talk"])


@pytest.mark.parametrize("width", [80, 120])
def test_every_report_fits_its_width(reports, width):
    for report in reports.values():
        assert max(map(len, text(report, width).splitlines())) <= width
