"""``tracekit run`` and an application that has tracekit's middleware, with ``init`` or without."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from processes import APPS, DEADLINE, clean_environment, free_port, stop, wait_until_open

GUNICORN = ("gunicorn.app.wsgiapp", "--log-level", "error", "-b", "127.0.0.1:{port}")
UVICORN = ("uvicorn", "--log-level", "error", "--port", "{port}")


def serve_one_request(command: tuple[str, ...], home: Path) -> str:
    """Run *command* for one request; return all that its processes said."""
    port, log = free_port(), home / "log"
    given = [part.format(port=port) for part in command]
    home.mkdir()
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "analyzer.cli", "run", "--", sys.executable, "-m", *given],
            env=clean_environment(home),
            cwd=APPS,
            stdout=said,
            stderr=said,
        )
        try:
            wait_until_open(process, port)
            urllib.request.urlopen(f"http://127.0.0.1:{port}/items/1", timeout=DEADLINE).close()
        finally:
            stop(process)
    return log.read_text()


def server_spans(home: Path) -> list[str]:
    """Return the names of the spans of what was served; those are in the spool by the exit."""
    lines = [line for file in (home / "spool").glob("*.jsonl") for line in file.open()]
    batches = [batch for line in lines for batch in json.loads(line)["resourceSpans"]]
    scopes = [scope for batch in batches for scope in batch["scopeSpans"]]
    return [span["name"] for scope in scopes for span in scope["spans"] if span["kind"] == 2]


def test_the_first_request_is_traced_where_nobody_calls_init(tmp_path):
    serve_one_request((*GUNICORN, "own_bare:app"), tmp_path / "home")

    deadline = time.monotonic() + DEADLINE
    while not server_spans(tmp_path / "home") and time.monotonic() < deadline:
        time.sleep(0.02)  # the interval of a poll: a worker may end after its parent
    assert server_spans(tmp_path / "home") == ["GET"]


@pytest.mark.parametrize("wrapped", ["outside", "inside"])
def test_an_init_of_its_own_is_not_followed_by_a_second_one(wrapped, tmp_path):
    said = serve_one_request((*UVICORN, f"own_middleware:{wrapped}"), tmp_path / "home")

    assert said == ""
    assert server_spans(tmp_path / "home") == ["GET /items/{item}"]
