"""Start real services as processes, wait until they listen, run the ``tracekit`` command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).parents[1]
APPS = Path(__file__).parent / "integration" / "apps"
DEADLINE = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """Return this process's environment without its own tracing settings, with *extra* added."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "TRACEKIT_"))
    }
    return {**kept, "TRACEKIT_HOME": str(home), "PYTHONPATH": str(APPS), **extra}


def wait_until_open(process: subprocess.Popen[Any], port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)  # the interval of a poll, not a wait: the loop ends on the open port
        else:
            return
    raise AssertionError(f"{process.args} does not listen on {port}")


@contextmanager
def service(
    command: Sequence[str], port: int, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[Any]]:
    """Run *command* until the block ends, then stop it by SIGTERM as an operator would."""
    process = subprocess.Popen([sys.executable, "-m", *command], env=dict(env), cwd=APPS)
    try:
        wait_until_open(process, port)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Reply(NamedTuple):
    status: int
    headers: Message
    body: bytes


def post(port: int, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a request without tracekit in the client."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=json.dumps(body).encode(),
        headers=dict(headers or {}),
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return Reply(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, error.headers, error.read())


def tracekit(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analyzer.cli", *arguments],
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=120,
    )


def analyze(request: str, *, env: Mapping[str, str], wait: int = 10) -> dict[str, Any]:
    """Return ``tracekit analyze REQUEST --json``, waiting for spans still on their way."""
    result = tracekit("analyze", request, "--json", "--wait", str(wait), env=env)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report
