"""The end of an application's lifespan saves the spans, those of the shutdown too."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sockets import free_port

import tracekit

PROGRAM = """
import asyncio, os, tracekit
tracekit.init("s")
with tracekit.request("before"):
    pass
async def app(scope, receive, send):
    await receive()
    {inside}
    with tracekit.request("inside"):
        pass
    await send({{"type": "lifespan.shutdown.complete"}})
async def receive():
    return {{"type": "lifespan.shutdown"}}
async def send(message):
    os._exit(0)
asyncio.run(tracekit.ASGIMiddleware(app)({{"type": "lifespan"}}, receive, send))
"""


def spooled(home: Path, inside: str, **environ: str) -> str:
    """Run a program whose shutdown does *inside* first, and that ends at once when it is over."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TRACEKIT_"))}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(inside=inside))],
        env={**clean, "TRACEKIT_HOME": str(home), **environ},
        timeout=30,
        check=True,
    )
    return "".join(file.read_text() for file in home.glob("spool/*.jsonl"))


def test_spans_made_during_the_shutdown_are_saved_too(tmp_path: Path) -> None:
    text = spooled(tmp_path, "pass")
    assert text.count('"before"') == text.count('"inside"') == 1


@pytest.mark.parametrize("kind", ["spool", "collector down"])
def test_a_shutdown_that_leaves_in_the_middle_loses_no_span(tmp_path: Path, kind: str) -> None:
    away = {"TRACEKIT_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    text = spooled(tmp_path, "os._exit(0)", **({} if kind == "spool" else away))
    assert '"before"' in text
    assert '"inside"' not in text


def test_a_pool_without_a_thread_to_spare_holds_up_no_shutdown() -> None:
    release = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})

    async def receive() -> Any:
        return {"type": "lifespan.shutdown"}

    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message["type"])

    async def shut_down() -> float:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        loop.run_in_executor(None, release.wait, 6)
        began = time.monotonic()
        try:
            await tracekit.ASGIMiddleware(app)({"type": "lifespan"}, receive, send)
        finally:
            release.set()
        return time.monotonic() - began

    assert asyncio.run(shut_down()) < 3
    assert told == ["lifespan.shutdown.complete"]
