from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sockets import Collector, answer, drop, free_port

from tracekit import delivery, exporters, guard
from tracekit.exporters import HttpExporter, make_exporter
from tracekit.settings import Settings


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


def test_a_hanging_collector_costs_one_time_out_and_closing_does_not_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporters, "_TIMEOUT", exporters.Timeout(connect=1.0, read=0.2))
    collector, release = Collector(), threading.Event()
    hang: Callable[[Any], None] = lambda handler: release.wait(10) and None  # noqa: E731
    collector.script = [hang] * 10
    with collector.listening() as endpoint:
        exporter = http(endpoint, tmp_path)
        assert exporter.export(b"{1}")
        tries = len(collector.requests)
        assert exporter.export(b"{2}")
        exporter.close()
        release.set()
    assert len(collector.requests) == tries
    assert waiting(tmp_path) == [b"{1}", b"{2}"]
