"""``tracekit run`` traces the calls of a program whatever it imports first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults.server import FaultServer
from processes import CHECKOUT, clean_environment

CALLS = """
import {first}
import sys
from urllib.request import urlopen

urlopen(sys.argv[1]).read()
"""


def spans_in(home: Path) -> list[dict[str, Any]]:
    batches = [
        batch
        for file in (home / "spool").glob("*.jsonl")
        for line in file.read_text().splitlines()
        for batch in json.loads(line)["resourceSpans"]
    ]
    return [s for batch in batches for scope in batch["scopeSpans"] for s in scope["spans"]]


@pytest.mark.parametrize("first", ["urllib.request", "http.client", "urllib.error"])
def test_the_calls_of_urllib_are_traced_whatever_is_imported_first(first, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(CALLS.format(first=first))
    with FaultServer() as server:
        command = ["-m", "analyzer.cli", "run", "--", sys.executable, str(program)]
        result = subprocess.run(
            [sys.executable, *command, server.url("/redirect")],
            env=clean_environment(tmp_path, PYTHONPATH=str(CHECKOUT)),
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert (result.returncode, result.stderr) == (0, "")
    calls = [span for span in spans_in(tmp_path) if span["kind"] == 3]
    redirects = [{one["key"]: one["value"] for one in span["attributes"]} for span in calls]
    assert sorted("tracekit.redirect" in told for told in redirects) == [False, True]
