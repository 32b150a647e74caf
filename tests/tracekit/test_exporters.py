from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from sockets import Collector, answer, drop, free_port

from tracekit import delivery, guard
from tracekit.exporters import HttpExporter, make_exporter
from tracekit.settings import Settings
from tracekit.transport import Transport


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave an absent collector alone for an instant only."""
    monkeypatch.setattr(delivery, "SHORTEST_ABSENCE", 0.0)


def http(endpoint: str, folder: Path, **extra: Any) -> HttpExporter:
    exporter = make_exporter(Settings(service="s", endpoint=endpoint, spool=folder, **extra))
    assert isinstance(exporter, HttpExporter)
    return exporter


def waiting(folder: Path) -> list[bytes]:
    files = sorted(folder.glob("*.pending.jsonl"))
    return [line for file in files for line in file.read_bytes().splitlines()]


def test_batches_go_over_one_kept_alive_connection(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path, headers={"api-key": "k"})
        assert [exporter.export(body) for body in (b"{1}", b"{2}", b"{3}")] == [True] * 3
        exporter.close()
    assert collector.bodies == [b"{1}", b"{2}", b"{3}"]
    assert collector.connections == 1
    assert collector.requests[0]["content-type"] == "application/json"
    assert collector.requests[0]["api-key"] == "k"
    assert collector.requests[0][":path"] == "/v1/traces"
    assert list(tmp_path.iterdir()) == []


def test_a_collector_that_is_down_costs_one_try_and_the_spool_takes_the_batches(
    tmp_path: Path,
) -> None:
    exporter = http(f"http://127.0.0.1:{free_port()}/v1/traces", tmp_path)
    assert exporter.export(b"{1}")
    assert exporter.export(b"{2}")
    exporter.close()
    assert waiting(tmp_path) == [b"{1}", b"{2}"]


@pytest.mark.usefixtures("soon")
def test_what_waited_is_replayed_byte_for_byte_when_the_collector_is_back(tmp_path: Path) -> None:
    port, collector = free_port(), Collector()
    exporter = http(f"http://127.0.0.1:{port}/v1/traces", tmp_path)
    assert exporter.export(b"{1}")
    with collector.listening(port):
        assert exporter.due() == 0
        exporter.tick()
        exporter.close()
    assert collector.bodies == [b"{1}"]
    assert list(tmp_path.iterdir()) == []
    assert exporter.due() is None


def test_what_another_process_left_is_replayed_too(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        gone = http(endpoint, tmp_path)
        gone.keep(b"{left}")
        gone.close()
        foreign = http("http://127.0.0.1:1/v1/traces", tmp_path)
        foreign.keep(b"{elsewhere}")
        foreign.close()
        exporter = http(endpoint, tmp_path)
        exporter.tick()
        exporter.close()
    assert collector.bodies == [b"{left}"]
    assert waiting(tmp_path) == [b"{elsewhere}"]


def test_a_file_that_a_living_process_writes_is_left_to_it(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        living = http(endpoint, tmp_path)
        living.keep(b"{mine}")
        exporter = http(endpoint, tmp_path)
        exporter.tick()
        assert collector.bodies == []
        living.tick()
        assert collector.bodies == [b"{mine}"]
        living.close()
        exporter.close()


def test_a_torn_last_line_is_not_sent(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path)
        exporter.keep(b"{whole}")
        exporter.close()
        (file,) = tmp_path.iterdir()
        file.write_bytes(file.read_bytes() + b'{"torn')
        exporter = http(endpoint, tmp_path)
        exporter.tick()
        exporter.close()
    assert collector.bodies == [b"{whole}"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("soon")
def test_a_replay_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path)
        for body in (b"{1}", b"{2}", b"{3}"):
            exporter.keep(body)
        collector.script = [
            answer(200),
            *[answer(503, Retry_After="60")],
        ]
        exporter.tick()
        assert waiting(tmp_path) == [b"{1}", b"{2}", b"{3}"]
        exporter._again_at = 0.0
        exporter.tick()
        exporter.close()
    assert collector.bodies == [b"{2}", b"{3}"]
    assert list(tmp_path.iterdir()) == []


def test_an_overloaded_collector_is_asked_again(tmp_path: Path) -> None:
    collector = Collector()
    collector.script = [answer(503), answer(429, Retry_After="0")]
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path)
        assert exporter.export(b"{1}")
        exporter.close()
    assert collector.bodies == [b"{1}"]
    assert len(collector.requests) == 3
    assert waiting(tmp_path) == []


def test_a_dropped_connection_is_opened_again_at_once(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path)
        exporter.export(b"{1}")
        collector.script = [drop]
        assert exporter.export(b"{2}")
        exporter.close()
    assert collector.bodies == [b"{1}", b"{2}"]
    assert collector.connections == 2


def test_a_refusal_is_a_counted_drop_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = guard.faults().get("exporter.refused", 0)
    collector = Collector()
    collector.script = [answer(400), answer(401)]
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path)
        assert [exporter.export(body) for body in (b"{1}", b"{2}", b"{3}")] == [False, False, True]
        exporter.close()
    assert guard.faults()["exporter.refused"] == before + 2
    assert len([r for r in caplog.records if "exporter.refused" in r.getMessage()]) <= 1
    assert waiting(tmp_path) == []


def hang(release: threading.Event) -> Callable[[Any], None]:
    return lambda handler: release.wait(10) and None


def test_a_hanging_collector_gets_the_batch_once_and_closing_does_not_wait_for_it(
    tmp_path: Path,
) -> None:
    collector, release = Collector(), threading.Event()
    collector.script = [hang(release)] * 10
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path, timeout=0.2)
        assert exporter.export(b"{1}")
        assert exporter.export(b"{2}")
        exporter.close()
        release.set()
    assert len(collector.requests) == 1
    assert waiting(tmp_path) == [b"{1}", b"{2}"]


def test_a_connection_that_drops_at_its_first_use_is_not_tried_again_at_once() -> None:
    collector = Collector()
    collector.script = [drop]
    with collector.listening() as endpoint:
        transport = Transport(endpoint, {}, timeout=5.0)
        assert not transport.post(b"{1}").stale
        assert transport.post(b"{1}").status == 200
        collector.script = [drop]
        assert transport.post(b"{2}").stale
        transport.close()


def dripping(*parts: bytes, release: threading.Event) -> Callable[[Any], None]:
    """Answer with *parts* and then one byte at a time, for ever."""

    def act(handler: Any) -> None:
        handler.close_connection = True
        try:
            for part in parts:
                handler.wfile.write(part)
            while not release.wait(0.02):
                handler.wfile.write(b"x")
        except OSError:
            pass

    return act


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"HTTP/1.1 200 OK\r\nX-Endless: "], None),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"], 200),
    ],
)
def test_an_answer_that_drips_is_given_up_in_time(parts: list[bytes], status: int | None) -> None:
    collector, release = Collector(), threading.Event()
    collector.script = [dripping(*parts, release=release)]
    with collector.listening() as endpoint:
        transport = Transport(endpoint, {}, timeout=0.3)
        start = time.monotonic()
        answer = transport.post(b"{1}")
        assert time.monotonic() - start < 3
        release.set()
        assert (answer.status, answer.timed_out) == (status, status is None)
        assert transport.post(b"{2}").status == 200
        transport.close()
    assert collector.bodies == [b"{2}"]


def test_of_an_endless_answer_only_the_beginning_is_read() -> None:
    collector, sent = Collector(), []

    def endless(handler: Any) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while len(sent) < 1000:
                handler.wfile.write(b"x" * 1_000_000)
                sent.append(1)
        except OSError:
            pass

    collector.script = [endless]
    with collector.listening() as endpoint:
        transport = Transport(endpoint, {}, timeout=30.0)
        assert transport.post(b"{1}").status == 200
        assert transport.post(b"{2}").status == 200
        transport.close()
    assert len(sent) < 1000


def test_a_host_that_logs_at_debug_sees_its_own_calls_and_not_the_exporters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector = Collector()
    with caplog.at_level(logging.DEBUG), collector.listening() as endpoint:
        transport = Transport(endpoint, {}, timeout=5.0)
        transport.post(b"{1}")
        assert [record.getMessage() for record in caplog.records] == []
        urllib3.request("POST", endpoint, body=b"{host}")
        transport.close()
    assert any("POST /v1/traces" in record.getMessage() for record in caplog.records)


def test_a_secret_in_the_query_of_the_endpoint_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_faults", Counter())
    exporter = http(f"http://127.0.0.1:{free_port()}/v1/traces?key=secret", tmp_path)
    exporter.export(b"{1}")
    exporter.close()
    assert "exporter.away" in caplog.text
    assert "secret" not in caplog.text
