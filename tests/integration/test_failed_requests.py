"""What an uncaught exception was, and on which line of the service, is in analyze's output."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from processes import APPS, DEADLINE, clean_environment, free_port, service

from analyzer.cli import main

COMMANDS = {
    "unchanged_asgi": ("uvicorn", "--log-level", "critical", "--port"),
    "unchanged_wsgi": ("flask", "--app", "unchanged_wsgi", "run", "--port"),
}


def fail(port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/fail", headers={"X-Request-ID": "the-failed-one"}
    )
    with pytest.raises(urllib.error.HTTPError, match="500"):
        urllib.request.urlopen(request, timeout=DEADLINE)


def wait_for_its_span(spool: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while not any(b"exception.stacktrace" in file.read_bytes() for file in spool.glob("*.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # the interval of a poll


def line_of(app: str, code: str) -> int:
    lines = (APPS / f"{app}.py").read_text().split("\n")
    return lines.index(f"    {code}") + 1


@pytest.mark.parametrize("app", COMMANDS)
def test_an_uncaught_exception_is_told_with_its_line(app, tmp_path, monkeypatch, capsys):
    port = free_port()
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = clean_environment(tmp_path, PATH=tools)
    command = [*COMMANDS[app], str(port), *(["unchanged_asgi:app"] if "asgi" in app else [])]

    with service(["analyzer.cli", "run", "--", *command], port, env):
        fail(port)
        wait_for_its_span(tmp_path / "spool")
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    assert main(["analyze", "the-failed-one", "--width", "80"]) == 0

    said, line = capsys.readouterr().out, line_of(app, 'raise RuntimeError("on purpose")')
    assert "    end   RuntimeError: on purpose\n" in said
    assert f"    at    apps/{app}.py:{line} in fail()\n" in said
