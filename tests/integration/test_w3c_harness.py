"""The W3C's own tests of Trace Context, all 41, against services that use the middleware.

They are not part of this tree. To run them, clone https://github.com/w3c/trace-context and name its
``test`` folder: ``TRACE_CONTEXT_HARNESS=../trace-context/test pytest tests/integration/
test_w3c_harness.py``. The rules that they check have tests of their own in ``test_w3c.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import clean_environment, free_port, service

HARNESS = os.environ.get("TRACE_CONTEXT_HARNESS", "")
ALL = 41

pytestmark = pytest.mark.skipif(not HARNESS, reason="TRACE_CONTEXT_HARNESS names no folder")

SERVICES = {
    "uvicorn, httpx": ("uvicorn", "--log-level", "warning", "--port", "{port}", "{app}:app"),
    "uvicorn, aiohttp": ("uvicorn", "--log-level", "warning", "--port", "{port}", "{app}:app"),
    "waitress, requests": ("waitress", "--listen", "127.0.0.1:{port}", "{app}:wsgi"),
    "gunicorn, requests": ("gunicorn", "--threads", "2", "-b", "127.0.0.1:{port}", "{app}:wsgi"),
}


def harness(port, env):
    """Run the harness against the service on *port*; return how it ended and what it said."""
    env = {**env, "STRICT_LEVEL": "2", "SPEC_LEVEL": "2", "HARNESS_PORT": str(free_port())}
    command = [sys.executable, "test.py", f"http://127.0.0.1:{port}/"]
    where = Path(HARNESS).resolve()
    return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_passes_every_test_of_the_w3c(name, tmp_path):
    port = free_port()
    env = clean_environment(tmp_path, TRACE_CONTEXT_CLIENT=name.rpartition(" ")[2])
    command = [part.format(port=port, app="trace_context") for part in SERVICES[name]]

    with service(command, port, env):
        result = harness(port, env)

    assert result.returncode == 0, result.stderr
    assert f"Ran {ALL} tests" in result.stderr
    assert "skipped" not in result.stderr
