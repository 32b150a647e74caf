"""However a process leaves, its spans are safe: by ``os._exit`` in a child, or in a hurry."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from processes import DEADLINE, clean_environment, free_port, post, stop, wait_until_open

RUN = (sys.executable, "-m", "analyzer.cli", "run", "--")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

FORKED = """
import os, tracekit
{before}
child = os.fork()
if child == 0:
    {inside}
    with tracekit.request("r", request_id="of-the-child"):
        pass
    os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
FORKING = """
import socketserver, wsgiref.simple_server as simple
class Server(socketserver.ForkingMixIn, simple.WSGIServer): pass
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]
simple.make_server("127.0.0.1", {port}, application, server_class=Server).serve_forever()
"""


def spooled(home: Path) -> str:
    return "".join(file.read_text() for file in home.glob("spool/*.jsonl"))


def environment(home: Path, **extra: str) -> dict[str, str]:
    return clean_environment(home, PYTHONWARNINGS="ignore::DeprecationWarning", **extra)


@pytest.mark.parametrize(
    ("before", "inside"), [("tracekit.init('s')", ""), ("", "tracekit.init('s')")]
)
def test_a_forked_child_that_leaves_at_once_keeps_its_spans(
    before: str, inside: str, tmp_path: Path
) -> None:
    code = FORKED.format(before=before, inside=inside)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("5\n", "")
    assert '"of-the-child"' in spooled(tmp_path)


def test_a_server_that_forks_for_each_request_keeps_them(tmp_path: Path) -> None:
    port = free_port()
    command = [*RUN, sys.executable, "-c", FORKING.format(port=port)]
    process = subprocess.Popen(command, env=environment(tmp_path), stderr=subprocess.DEVNULL)
    try:
        wait_until_open(process, port)
        for number in range(3):
            post(port, "/", headers={"X-Request-ID": f"request-{number}"})
    finally:
        stop(process)

    deadline = time.monotonic() + DEADLINE
    while spooled(tmp_path).count('"request-') < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # the interval of a poll
    assert {f'"request-{n}"' in spooled(tmp_path) for n in range(3)} == {True}


def test_the_first_process_leaves_as_it_always_did(tmp_path: Path) -> None:
    code = "import os, tracekit; own = os._exit; tracekit.init('s'); assert os._exit is own"

    subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), check=True)


def test_an_interrupt_of_the_exit_leaves_the_spans_in_the_spool(tmp_path: Path) -> None:
    code = """
    import tracekit
    tracekit.init("s")
    with tracekit.request("r", request_id="kept"):
        pass
    """
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        endpoint = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment(tmp_path, TRACEKIT_ENDPOINT=endpoint),
            stderr=subprocess.DEVNULL,
        )
        hanging.settimeout(DEADLINE)
        connection, _ = hanging.accept()
        with connection:
            connection.recv(100)  # the exit is sending now, and waits for an answer
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE)

    assert '"kept"' in spooled(tmp_path)


SUBCLASS = """
import uvicorn
async def application(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"x"}})
class Server(uvicorn.Server): pass
settings = uvicorn.Config(application, port={port}, log_level="critical", lifespan="off")
Server(settings).run()
"""


def test_a_server_of_the_hosts_own_that_is_a_uvicorn_keeps_its_last_request(
    tmp_path: Path,
) -> None:
    port = free_port()
    command = [*RUN, sys.executable, "-c", SUBCLASS.format(port=port)]
    process = subprocess.Popen(command, env=environment(tmp_path))
    try:
        wait_until_open(process, port)
        post(port, "/", headers={"X-Request-ID": "the-last"})
    finally:
        stop(process)

    assert '"the-last"' in spooled(tmp_path)
