"""Traces made elsewhere are stored and analysed like our own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from processes import CHECKOUT, clean_environment, free_port, service, tracekit

# A whole foreign service: OpenTelemetry's own SDK and exporter.
OTEL_SERVICE = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("shop")
header = {"http.request.header.x-request-id": ["order-77"], "http.route": "/orders"}
with tracer.start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER, attributes=header):
    with tracer.start_as_current_span("SELECT stock", kind=trace.SpanKind.CLIENT):
        pass
provider.shutdown()
"""

JOB = """
import tracekit

tracekit.init("job")
with tracekit.request("nightly", request_id="job-1"):
    pass
"""


def analyzed(request: str, env) -> dict:
    result = tracekit("analyze", request, "--json", env=env)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert sum(stage["ns"] for stage in report["stages"]) == report["total_ns"]
    text = tracekit("analyze", request, env=env)
    assert text.returncode == 0, text.stderr
    assert "Traceback" not in text.stderr
    return report


@pytest.mark.parametrize("name", ["without a service name", "with OTEL_SERVICE_NAME"])
def test_spans_of_opentelemetrys_own_sdk_and_exporter(tmp_path, name):
    port = free_port()
    env = clean_environment(tmp_path)
    sender = {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    if name == "with OTEL_SERVICE_NAME":
        sender["OTEL_SERVICE_NAME"] = "shop"
    with service(["analyzer.cli", "serve", "--port", str(port)], port, env):
        subprocess.run([sys.executable, "-c", OTEL_SERVICE], env=sender, check=True, timeout=60)
        report = analyzed("order-77", env)

    expected = "shop" if name == "with OTEL_SERVICE_NAME" else "unknown_service"
    assert report["root"]["service"].startswith(expected)
    assert report["root"]["name"] == "POST /orders"
    assert {stage["stage"] for stage in report["stages"]} == {"own time", "SELECT stock"}


def test_a_jaeger_file(tmp_path):
    env = clean_environment(tmp_path)

    imported = tracekit("import", str(CHECKOUT / "tests" / "data" / "jaeger.json"), env=env)

    assert imported.returncode == 0, imported.stderr
    assert analyzed("latest", env)["total_ns"] > 0


def test_the_spool_of_one_machine_is_a_file_that_another_can_import(tmp_path):
    mine, yours = clean_environment(tmp_path / "mine"), clean_environment(tmp_path / "yours")
    subprocess.run([sys.executable, "-c", JOB], env=mine, check=True, timeout=60)
    (spooled,) = (tmp_path / "mine" / "spool").glob("*.jsonl")

    imported = tracekit("import", str(spooled), env=yours)

    assert imported.returncode == 0, imported.stderr
    assert analyzed("job-1", yours)["root"] == {"service": "job", "name": "nightly"}
