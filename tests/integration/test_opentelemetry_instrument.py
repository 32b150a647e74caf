"""Under OpenTelemetry's own command tracekit does what ``tracekit run`` does, by entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from processes import APPS, DEADLINE, clean_environment, free_port, stop, wait_until_open

OURS = {"OTEL_PYTHON_DISTRO": "tracekit", "OTEL_PYTHON_CONFIGURATOR": "tracekit"}
THEIRS = {
    "OTEL_PYTHON_DISTRO": "distro",
    "OTEL_PYTHON_CONFIGURATOR": "configurator",
    "OTEL_TRACES_EXPORTER": "tracekit",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_PROPAGATORS": "tracekit,baggage",
    "OTEL_SERVICE_NAME": "unchanged_asgi",
}
INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
GROUPS = ("configurator", "distro", "instrumentor", "propagator", "traces_exporter")

pytestmark = pytest.mark.skipif(
    not entry_points(group="opentelemetry_distro", name="tracekit"),
    reason="installed before it had entry points: install it again",
)


def environment(home: Path, **choice: str) -> dict[str, str]:
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return clean_environment(home, PATH=tools, **choice)


@contextmanager
def instrumented(port: int, env: dict[str, str]) -> Iterator[None]:
    serve = ("python", "-m", "uvicorn", "--port", str(port), "unchanged_asgi:app")
    command = [sys.executable, "-c", INSTRUMENT, *serve]
    process = subprocess.Popen(command, env=env, cwd=APPS)
    try:
        wait_until_open(process, port)
        yield
    finally:
        stop(process)


def get(port: int, path: str) -> Any:
    url = f"http://127.0.0.1:{port}{path}"
    request = urllib.request.Request(url, headers={"X-Request-ID": "given"})
    with urllib.request.urlopen(request, timeout=DEADLINE) as response:
        return response.headers


def spans(home: Path, count: int) -> list[dict[str, Any]]:
    """Return the spans in the spool with their services, once there are *count*."""
    deadline = time.monotonic() + DEADLINE
    found: list[dict[str, Any]] = []
    while len(found) < count and time.monotonic() < deadline:
        found = []
        for file in (home / "spool").glob("*.jsonl"):
            for line in file.read_text().splitlines():
                for batch in json.loads(line)["resourceSpans"]:
                    name = {a["key"]: a["value"] for a in batch["resource"]["attributes"]}
                    service = name["service.name"]["stringValue"]
                    scopes = batch["scopeSpans"]
                    found += [{**s, "service": service} for one in scopes for s in one["spans"]]
    return found


@pytest.mark.parametrize("choice", [OURS, THEIRS], ids=["our distro", "their distro, our exporter"])
def test_requests_and_calls_are_traced_once(choice, tmp_path):
    port = free_port()

    with instrumented(port, environment(tmp_path, **choice)):
        headers = get(port, "/items/one")
        found = spans(tmp_path, 1)
        get(port, "/forward")

    assert headers["X-Request-ID"] == "given"
    assert [(one["service"], one["name"]) for one in found] == [
        ("unchanged_asgi", "GET /items/{item}")
    ]
    every = spans(tmp_path, 4)
    assert sorted(one["name"] for one in every if one["kind"] == 2) == [
        "GET /forward",
        *["GET /items/{item}"] * 2,
    ]
    assert len({one["spanId"] for one in every}) == len(every)
    assert {one["service"] for one in every} == {"unchanged_asgi"}


MAKES_A_SPAN = """
from opentelemetry import trace
with trace.get_tracer("own").start_as_current_span("by hand"):
    pass
"""


@pytest.mark.parametrize("disabled", ["tracekit", "none"])
def test_the_exporter_takes_the_spans_of_opentelemetrys_own_provider(disabled, tmp_path):
    choice = {**THEIRS, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
    command = [sys.executable, "-c", INSTRUMENT, "python", "-c", MAKES_A_SPAN]

    result = subprocess.run(
        command, env=environment(tmp_path, **choice), capture_output=True, text=True, timeout=60
    )

    assert result.returncode == 0, result.stderr
    assert [one["name"] for one in spans(tmp_path, 1)] == ["by hand"]


def test_each_entry_point_can_be_loaded_and_is_named_tracekit():
    for group in GROUPS:
        (found,) = entry_points(group=f"opentelemetry_{group}", name="tracekit")
        assert found.load().__name__.startswith("Tracekit")
