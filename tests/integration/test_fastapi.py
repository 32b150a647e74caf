"""FastAPI traces itself as soon as there is a TracerProvider; a request stays one, and whole."""

from __future__ import annotations

import json

import pytest
from processes import analyze, clean_environment, free_port, post, service, tracekit


@pytest.mark.parametrize("wrapped", ["outside", "inside"])
def test_a_request_to_fastapi_is_one_request_with_its_stages_on_the_path(tmp_path, wrapped):
    port, env = free_port(), clean_environment(tmp_path)
    command = ["uvicorn", "--log-level", "warning", "--port", str(port), f"fast:{wrapped}"]
    with service(command, port, env):
        reply = post(port, "/ask/weather?token=sekret", headers={"X-Request-ID": "fast-1"})

    assert json.loads(reply.body) == {"topic": "weather"}
    spooled = "".join(file.read_text() for file in (tmp_path / "spool").iterdir())
    assert "fast-1" in spooled
    assert "sekret" not in spooled
    report = analyze("fast-1", env=env, wait=0)
    stages = {stage["stage"]: stage["ns"] for stage in report["stages"]}
    assert stages["think"] >= 25_000_000  # uvloop sleeps a little less
    assert report["root"] == {"service": "fast", "name": "POST /ask/{topic}"}
    assert report["complete"]
    listed = tracekit("list", "--json", env=env).stdout.splitlines()
    assert [json.loads(line)["request_id"] for line in listed] == ["fast-1"]
