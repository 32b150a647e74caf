"""A real collector in a process of its own, ended by SIGTERM."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from processes import DEADLINE, clean_environment

COMMAND = [sys.executable, "-m", "analyzer.cli", "serve", "--port", "0"]


@dataclass
class Collector:
    url: str
    ready_line: str
    process: subprocess.Popen[str]
    home: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib3.request(
            method, self.url + path, body=body, headers=named, timeout=DEADLINE, retries=False
        )

    def traces(self, body: bytes, content_type: str = "application/json", **headers: str) -> Any:
        return self.send("POST", "/v1/traces", body, content_type=content_type, **headers)

    def query(self, name: str, **params: Any) -> Any:
        return self.send("POST", f"/v1/query/{name}", json.dumps(params).encode()).json()

    def spans(self) -> int:
        number: int = self.query("extent")[0]["spans"]
        return number

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal; return the exit code and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, said


@contextmanager
def collector(home: Path, *arguments: str) -> Iterator[Collector]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield Collector(line.split()[3].rstrip(","), line, process, home)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=DEADLINE)
