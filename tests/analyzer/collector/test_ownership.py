from __future__ import annotations

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from collecting import collector
from otlp_building import otlp_json, otlp_span
from processes import DEADLINE, clean_environment, tracekit
from store_building import TRACE

from analyzer.errors import BadInput, NoSuchRequest, StoreError
from analyzer.requests import load, recent, resolve
from analyzer.store import open_store
from analyzer.store.local import LocalStore
from analyzer.store.remote import RemoteStore


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    monkeypatch.delenv("TRACEKIT_STORE", raising=False)
    return tmp_path


def test_it_says_where_it_listens_and_what_it_stores(home):
    with collector(home) as running:
        assert running.ready_line == (
            f"tracekit collector on http://127.0.0.1:{running.port}, "
            f"store {home / 'traces.duckdb'}\n"
        )
        assert running.port != 0


def test_it_says_a_name_with_an_escape_harmlessly(home):
    with collector(home, "--store", str(home / "red\x1b[31m.duckdb")) as running:
        assert r"red\x1b[31m.duckdb" in running.ready_line
        assert "\x1b" not in running.ready_line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_and_leaves_only_the_store(home, number):
    with collector(home) as running:
        assert running.traces(otlp_json()).status == 200

        assert running.end(number) == (0, "")

    assert [path.name for path in home.iterdir()] == ["traces.duckdb"]
    with open_store() as store:
        assert isinstance(store, LocalStore)
        assert len(load(store, TRACE)) == 1


def test_what_it_answered_survives_its_sudden_end(home):
    with collector(home) as running:
        running.traces(otlp_json())
        running.end(signal.SIGKILL)

    with open_store() as store:
        assert isinstance(store, LocalStore)
        assert len(load(store, TRACE)) == 1


def test_requests_under_way_are_answered_when_it_ends(home):
    body = otlp_json()
    with collector(home) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=DEADLINE) as client:
            head = f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            client.sendall(f"{head}Content-Type: application/json\r\n".encode())
            client.sendall(b"Expect: 100-continue\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 100")  # the request is under way
            running.process.send_signal(signal.SIGTERM)
            client.sendall(body)
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        running.process.wait(DEADLINE)

    with open_store() as store:
        assert len(load(store, TRACE)) == 1


def test_commands_ask_the_collector_that_owns_the_file(home):
    with collector(home) as running:
        running.traces(otlp_json())
        with open_store() as store:
            assert isinstance(store, RemoteStore)
            assert resolve(store, "latest") == TRACE
            assert recent(store)[0].name == "work"
            assert load(store, TRACE)[0].service == "shop"
            with pytest.raises(KeyError):
                store.query("insert_body")


def test_a_request_that_no_encoding_carries_is_unknown_to_a_collector_too(home):
    with collector(home) as running, open_store(running.url) as store:
        running.traces(otlp_json())
        with pytest.raises(NoSuchRequest):
            resolve(store, "caf\udce9")


def test_both_ways_to_a_store_return_the_same(home):
    spans = [
        otlp_span(
            spanId=f"{number:016x}",
            events=[{"name": "e", "timeUnixNano": "7"}],
            attributes=[{"key": "nan", "value": {"doubleValue": "Infinity"}}],
        )
        for number in range(1, 5)
    ]
    with collector(home) as running:
        running.traces(otlp_json(*spans))
        with open_store(running.url) as store:
            remote = load(store, TRACE), recent(store)
    with open_store() as store:
        assert (load(store, TRACE), recent(store)) == remote


def test_the_collector_reads_the_spool_when_a_command_asks_it(home):
    (home / "spool").mkdir()
    with collector(home) as running:
        (home / "spool" / "shop-1-aa-1.jsonl").write_bytes(otlp_json() + b"\n{oops\n")
        with open_store(running.url) as store:
            ingested = store.ingest_spool()

    assert (ingested.stored, ingested.damaged_lines) == (1, 1)


def test_a_batch_that_came_by_http_and_by_the_spool_is_stored_once(home):
    (home / "spool").mkdir()
    with collector(home) as running:
        running.traces(otlp_json())
        (home / "spool" / "shop-1-aa-1.pending.jsonl").write_bytes(otlp_json() + b"\n")
        with open_store() as store:
            assert store.ingest_spool().stored == 0


def test_files_are_imported_through_the_collector(home, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(otlp_json())
    bad.write_bytes(b"{oops")
    with collector(home) as running, open_store() as store:
        assert store.import_file(good).stored == 1
        assert store.import_file(good).known
        with pytest.raises(BadInput, match=r"bad\.json: not JSON"):
            store.import_file(bad)
        assert running.spans() == 1


def test_a_file_whose_name_no_encoding_carries_is_imported_through_the_collector(home, tmp_path):
    (tmp_path / "caf\udce9.json").write_bytes(otlp_json())
    with collector(home), open_store() as store:
        assert store.import_file(tmp_path / "caf\udce9.json").stored == 1


def test_a_second_collector_for_one_store_is_refused(home):
    with collector(home):
        result = tracekit("serve", "--port", "0", env=clean_environment(home))

    assert result.returncode == 1
    assert "a collector serves this store already" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_collector_is_found_by_every_name_of_its_store(home, tmp_path):
    link = tmp_path / "link.duckdb"
    link.symlink_to(home / "traces.duckdb")

    with collector(home, "--store", str(link)), open_store() as store:
        assert isinstance(store, RemoteStore)


def test_a_home_that_nobody_has_is_nothing_to_serve(home):
    result = tracekit("serve", "--store", "~nobody-has-this/x", env=clean_environment(home))

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("tracekit: ")


def test_a_port_in_use_is_said_in_one_line(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = tracekit("serve", "--port", port, env=clean_environment(home))

    assert result.returncode == 1
    assert result.stderr == (
        f"tracekit: cannot listen on 127.0.0.1:{port}: Address already in use.\n"
    )
    assert not (home / "traces.duckdb").exists()


def test_a_url_is_nothing_to_serve(home):
    result = tracekit("serve", "--store", "http://x", env=clean_environment(home))

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)


def test_a_url_where_no_collector_answers_says_so(home):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(StoreError, match="no tracekit collector answers"):
        open_store(f"http://127.0.0.1:{port}")


def test_a_collector_that_goes_away_is_one_line(home):
    with collector(home) as running, open_store() as store:
        running.end()

        with pytest.raises(StoreError, match="does not answer"):
            recent(store)


def test_many_clients_at_once_lose_nothing(home):
    bodies = [otlp_json(otlp_span(spanId=f"{number:016x}")) for number in range(1, 201)]
    with collector(home) as running:
        with ThreadPoolExecutor(16) as clients:
            answers = list(clients.map(running.traces, bodies))

        assert {answer.status for answer in answers} == {200}
        assert running.spans() == 200


def test_an_address_for_everyone_takes_any_name(home):
    with collector(home, "--host", "0.0.0.0") as running:
        assert running.url.startswith("http://127.0.0.1:")
        assert running.send("GET", "/healthz", host="collector:4318").status == 200


def test_an_ipv6_address_is_served(home):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with collector(home, "--host", "::1") as running, open_store() as store:
        assert running.url.startswith("http://[::1]:")
        assert isinstance(store, RemoteStore)


def test_health_names_the_store_and_the_process(home):
    with collector(home) as running:
        assert json.loads(running.send("GET", "/healthz").data) == {
            "store": str(home / "traces.duckdb"),
            "pid": running.process.pid,
        }
