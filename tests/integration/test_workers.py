"""Requests arrive complete from servers with several worker processes."""

from __future__ import annotations

import json

import pytest
from processes import analyze, clean_environment, free_port, post, service

COMMANDS = {
    "gunicorn preforked": (
        "gunicorn",
        "--preload",
        "-w",
        "2",
        "-b",
        "127.0.0.1:{port}",
        "back:wsgi",
    ),
    "gunicorn": ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "back:wsgi"),
    "uvicorn workers": (
        "uvicorn",
        "--workers",
        "2",
        "--port",
        "{port}",
        "--log-level",
        "warning",
        "back:app",
    ),
}


@pytest.mark.parametrize("server", COMMANDS)
def test_every_request_of_every_worker_arrives(server, tmp_path):
    port = free_port()
    env = clean_environment(tmp_path)
    command = [part.format(port=port) for part in COMMANDS[server]]

    with service(command, port, env):
        replies = [
            post(port, "/finish", headers={"X-Request-ID": f"worker-{n}"}) for n in range(12)
        ]

    assert {reply.status for reply in replies} == {200}
    for n, reply in enumerate(replies):
        assert json.loads(reply.body)["request_id"] == f"worker-{n}"
        report = analyze(f"worker-{n}", env=env, wait=0)
        assert report["complete"]
        assert "think" in {stage["stage"] for stage in report["stages"]}
