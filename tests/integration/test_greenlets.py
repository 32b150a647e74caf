"""Under gevent and eventlet every greenlet has a request of its own, and the spans arrive."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from logged_services import answering
from processes import clean_environment, free_port, service

OVERLAPPING = 24
SERVERS = {
    "gevent": ("green_servers", "gevent", "{port}"),
    "eventlet": ("green_servers", "eventlet", "{port}"),
    "gunicorn with gevent": ("gunicorn", "-k", "gevent", "-b", "127.0.0.1:{port}", "green:app"),
    "gunicorn with eventlet": ("gunicorn", "-k", "eventlet", "-b", "127.0.0.1:{port}", "green:app"),
}
WORKERS = {"gunicorn with gevent": "ggevent", "gunicorn with eventlet": "geventlet"}
"""Each is for some versions of its library only, and gunicorn 26 has dropped eventlet's."""

SPAWNING = """
import sys
if sys.argv[1] == "gevent":
    from gevent import monkey, spawn
    monkey.patch_all()
    wait = lambda greenlet: greenlet.get()
else:
    import eventlet
    from eventlet import spawn
    eventlet.monkey_patch()
    wait = lambda greenlet: greenlet.wait()

import json, threading
from concurrent.futures import ThreadPoolExecutor
import tracekit

tracekit.init("green", executors=True)
now = tracekit.current_request_id
with tracekit.request("turn", request_id="turn-1"):
    seen = {"spawned": wait(spawn(now)), "wrapped": wait(spawn(tracekit.wrap(now)))}
    with ThreadPoolExecutor(1) as pool:
        seen["submitted"] = pool.submit(now).result()
    said = []
    thread = threading.Thread(target=lambda: said.append(now()))
    thread.start()
    thread.join()
    seen["thread"] = said[0]
seen["complete"] = tracekit.shutdown()
print(json.dumps(seen))
"""


def needs(name):
    """Skip where this gunicorn has no worker for this version of the library."""
    module = WORKERS.get(name)
    if module and importlib.util.find_spec(f"gunicorn.workers.{module}") is None:
        pytest.skip("this gunicorn has no such worker")
    code = f"import gunicorn.workers.{module}" if module else "pass"
    if subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True).returncode:
        pytest.skip("this gunicorn's worker wants another version of the library")


def ask(port, number):
    headers = {"X-Request-ID": f"green-{number}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())


def spans(home):
    for file in (home / "spool").glob("*.jsonl"):
        for line in file.read_text().splitlines():
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    yield from scope["spans"]


@pytest.mark.parametrize("name", SERVERS)
def test_overlapping_requests_do_not_mix_and_all_of_their_spans_arrive(name, tmp_path):
    needs(name)
    port = free_port()
    command = [word.format(port=port) for word in SERVERS[name]]
    with (
        answering() as url,
        service(command, port, clean_environment(tmp_path, NEXT=url)),
        ThreadPoolExecutor(OVERLAPPING) as pool,
    ):
        replies = [*pool.map(ask, [port] * OVERLAPPING, range(OVERLAPPING))]

    assert replies == [[f"green-{number}"] * 2 for number in range(OVERLAPPING)]
    traces = {}
    for span in spans(tmp_path):
        (named,) = [one for one in span["attributes"] if one["key"] == "tracekit.request_id"]
        traces.setdefault(named["value"]["stringValue"], []).append(span)
    assert set(traces) == {f"green-{number}" for number in range(OVERLAPPING)}
    for found in traces.values():
        assert sorted(span["name"] for span in found) == ["GET", "GET", "wait"]
        assert len({span["traceId"] for span in found}) == 1


def test_a_collector_that_never_answers_does_not_hold_up_the_end(tmp_path):
    ports = {library: free_port() for library in ("gevent", "eventlet")}
    with socket.create_server(("127.0.0.1", 0)) as deaf, ExitStack() as stack:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        running = []
        for library, port in ports.items():
            env = clean_environment(tmp_path / library, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
            running.append(
                stack.enter_context(service(("green_servers", library, str(port)), port, env))
            )
            assert ask(port, 1) == ["green-1"] * 2
        began = time.monotonic()
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(20)
        took = time.monotonic() - began

    assert took < 8  # 5 s of shutdown, and what it takes to end a process
    for library in ports:
        assert {span["name"] for span in spans(tmp_path / library)} == {"GET", "wait"}


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_a_greenlet_takes_the_request_along_when_it_is_told_to(library, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SPAWNING, library],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    seen = json.loads(result.stdout)

    assert seen == {
        "spawned": None,
        "wrapped": "turn-1",
        "submitted": "turn-1",
        "thread": "turn-1",
        "complete": True,
    }
