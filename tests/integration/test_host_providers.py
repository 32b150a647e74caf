"""A host that exports its own spans does so under ``tracekit run`` too, whoever was there first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import clean_environment

RUN = (sys.executable, "-m", "analyzer.cli", "run", "--")
HOST = """
import requests
from opentelemetry import trace
from opentelemetry.trace import set_tracer_provider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

early = trace.get_tracer("early")
shown = lambda span: f"{span.name} {span.resource.attributes['service.name']}\\n"
provider = TracerProvider(resource=Resource({"service.name": "shop"}))
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=shown)))
WAY(provider)
assert trace.get_tracer_provider() is provider
for tracer in (early, trace.get_tracer("late")):
    with tracer.start_as_current_span("own"):
        pass
"""


def run(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, sys.executable, "-c", code],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("way", ["trace.set_tracer_provider", "set_tracer_provider"])
def test_a_provider_that_the_host_sets_later_wins_and_is_joined(way: str, tmp_path: Path) -> None:
    done = run(HOST.replace("WAY", way), tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "own shop\nown shop\n", "")
    spooled = "".join(file.read_text() for file in tmp_path.glob("spool/*.jsonl"))
    assert spooled.count('"name":"own"') == 2
    assert '{"stringValue":"shop"}' in spooled.replace(" ", "")


def test_a_second_provider_of_the_hosts_is_refused_as_ever(tmp_path: Path) -> None:
    code = HOST.replace("WAY", "trace.set_tracer_provider")
    done = run(code + "\ntrace.set_tracer_provider(TracerProvider())\n", tmp_path)

    assert done.returncode == 0
    assert "Overriding of current TracerProvider is not allowed" in done.stderr
