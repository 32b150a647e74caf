"""Run the voice assistant: three processes that talk over HTTP, with or without the fault.

By hand, from this folder::

    python assistant.py before      # a connection per call, to a name with a silent first address
    python assistant.py after       # kept connections, to an address

Each prints how long a few utterances took and the request IDs that ``tracekit analyze`` takes.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
import dual_stack

SERVICES = {
    "stt": "speech_to_text.py",
    "preprocessor": "preprocessor.py",
    "tts": "text_to_speech.py",
}
START_DEADLINE = 60.0
STOP_DEADLINE = 15.0


class Answer(NamedTuple):
    """What the assistant answered to one utterance."""

    request_id: str
    status: int
    seconds: float


class Assistant(NamedTuple):
    """A running assistant."""

    port: int

    def say(self, utterance: str) -> Answer:
        """Send one utterance and wait for the spoken answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        started = time.perf_counter()
        try:
            connection.request("POST", "/hear", json.dumps({"text": utterance}))
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        seconds = time.perf_counter() - started
        return Answer(response.headers["X-Request-ID"], response.status, seconds)


@contextmanager
def running(
    run: str,
    fault: dual_stack.Fault,
    *,
    scale: float = 1.0,
    connect_timeout: float = 2.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Assistant]:
    """Start the three services, yield the assistant, and stop them so that they flush their spans.

    *run* is ``before`` or ``after``; *scale* shortens the stages; *environment* is added to the
    services' own (``TRACEKIT_HOME``, ``OTEL_EXPORTER_OTLP_ENDPOINT``, …).
    """
    ports = {service: dual_stack.free_port("127.0.0.1", fault.silent) for service in SERVICES}
    env = {
        **os.environ,
        "TRACEKIT_LABEL": run,
        **(environment or {}),
        "ASSISTANT_RUN": run,
        "ASSISTANT_SCALE": str(scale),
        "ASSISTANT_CONNECT_TIMEOUT": str(connect_timeout),
        "ASSISTANT_NAME": fault.name,
        "ASSISTANT_SILENT_ADDRESS": fault.silent,
        **{f"ASSISTANT_{service.upper()}_PORT": str(port) for service, port in ports.items()},
    }
    with ExitStack() as stack:
        stack.enter_context(dual_stack.black_hole(fault.silent, ports["preprocessor"]))
        processes = [_start(stack, SERVICES[service], env) for service in SERVICES]
        for process, port in zip(processes, ports.values(), strict=True):
            _wait_until_open(process, port)
        yield Assistant(ports["stt"])
        for process in processes:  # a port that another program took shows only here
            if process.poll() is not None:
                raise RuntimeError(f"{process.args} ended by itself: {process.returncode}")


def _start(stack: ExitStack, script: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    folder = Path(__file__).parent
    process = subprocess.Popen([sys.executable, str(folder / script)], env=env, cwd=folder)
    stack.callback(_stop, process)
    return process


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args} did not start (exit code {process.returncode})")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    chosen = dual_stack.choose()
    print(chosen.explanation)
    with running(sys.argv[1] if len(sys.argv) > 1 else "before", chosen) as assistant:
        for text in ("what time is it", "and in Lisbon", "thank you"):
            answer = assistant.say(text)
            print(f"{answer.request_id}  {answer.status}  {answer.seconds:.3f} s")
