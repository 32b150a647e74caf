"""Whatever happens to the telemetry, the host's responses stay the same."""

from __future__ import annotations

import json
import socket
import time

import pytest
from processes import clean_environment, free_port, post, service, stop, tracekit, wait_until_open

UVICORN = ("uvicorn", "--log-level", "warning", "--port")


def test_a_collector_that_is_down_changes_nothing_and_the_batch_is_spooled(tmp_path):
    port, nobody = free_port(), free_port()
    env = clean_environment(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{nobody}")

    with service([*UVICORN, str(port), "back:app"], port, env):
        reply = post(port, "/finish", headers={"X-Request-ID": "down-1"})

    assert reply.status == 200
    spooled = "".join(file.read_text() for file in (tmp_path / "spool").glob("*.jsonl"))
    assert "down-1" in spooled


def test_a_collector_that_never_answers_does_not_hold_up_shutdown(tmp_path):
    port = free_port()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        env = clean_environment(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        with service([*UVICORN, str(port), "back:app"], port, env) as process:
            assert post(port, "/finish").status == 200
            started = time.monotonic()
            stop(process)

    assert time.monotonic() - started < 8


@pytest.mark.parametrize("setting", [{}, {"OTEL_SDK_DISABLED": "true"}])
def test_a_failing_handler_fails_as_it_would_without_tracekit(tmp_path, setting):
    port = free_port()
    with service([*UVICORN, str(port), "back:app"], port, clean_environment(tmp_path, **setting)):
        reply = post(port, "/fail", headers={"X-Request-ID": "fails-1"})

    assert reply.status == 500
    assert reply.body == b"Internal Server Error"
    assert reply.headers["X-Request-ID"] == "fails-1"


def test_an_unwritable_data_folder_is_said_at_start(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    env = clean_environment(tmp_path / "file" / "home")

    result = tracekit("list", env=env)

    assert result.returncode == 1
    assert result.stderr.startswith("tracekit: ")
    assert "Traceback" not in result.stderr


def test_requests_reach_a_collector_that_is_up(tmp_path):
    port, collector = free_port(), free_port()
    env = clean_environment(tmp_path)
    sender = {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}"}
    serve = ["analyzer.cli", "serve", "--port", str(collector)]
    with service(serve, collector, env):
        with service([*UVICORN, str(port), "back:app"], port, sender) as process:
            wait_until_open(process, port)
            post(port, "/finish", headers={"X-Request-ID": "up-1"})
        through_collector = tracekit("analyze", "up-1", "--json", "--wait", "10", env=env)
    from_file = tracekit("analyze", "up-1", "--json", env=env)

    assert json.loads(through_collector.stdout)["complete"]
    assert json.loads(through_collector.stdout) == json.loads(from_file.stdout)
