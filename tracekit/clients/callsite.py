"""Find the line of the user's code that made a call or a client."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from functools import lru_cache
from types import FrameType

from tracekit.phases import CallSite, ConnectionPhases

_NOTICEABLE = 1_000_000
_PLUMBING = (
    "aiohappyeyeballs",
    "aiohttp",
    "anthropic",
    "anyio",
    "asyncio",
    "boto3",
    "botocore",
    "h11",
    "h2",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "openai",
    "opentelemetry",
    "requests",
    "s3transfer",
    "tracekit",
    "urllib3",
    "wrapt",
)
"""Packages that carry a call: never the place that made it, even where all code is installed."""


def find() -> CallSite | None:
    """Return the innermost frame outside installed libraries.

    An application that is itself installed (a wheel, a container image) has no such frame: then it
    is the innermost one outside the standard library and the client libraries. None without either.
    """
    frame: FrameType | None = sys._getframe(1)
    installed: FrameType | None = None
    while frame is not None and not _is_another_task(frame):
        origin = _origin(frame.f_code.co_filename)
        if origin == "user":
            return _site(frame)
        if installed is None and origin == "installed" and _package(frame) not in _PLUMBING:
            installed = frame
        frame = frame.f_back
    return None if installed is None else _site(installed)


def note(record: ConnectionPhases) -> None:
    """Write on *record* where its call is made; the first time counts.

    Done for calls that a finding may point at: the walk takes a microsecond.
    """
    if record.call_site is None:
        record.call_site = find()


def note_wait(record: ConnectionPhases, nanoseconds: int) -> None:
    """Write it down for a call that waited for its pool for so long that somebody may ask why."""
    if nanoseconds > _NOTICEABLE:
        note(record)


def _is_another_task(frame: FrameType) -> bool:
    """Tell whether *frame* runs an event loop, and the call is in a task that it only happens on.

    Below a task that was made of a client's coroutine (``gather(client.get(...))``) lies the line
    that runs the loop, which has nothing to do with the call.
    """
    module = frame.f_globals.get("__name__")
    if module == _TRIO:
        return True
    if module in _RUNNERS and frame.f_code.co_name == "run" and "main" in frame.f_locals:
        return not getattr(frame.f_locals["main"], "cr_running", True)
    name = _RUNNING.get(frame.f_code)
    return name is not None and frame.f_locals.get(name) is not asyncio.current_task()


_TRIO = "trio._core._run"
_RUNNERS = ("asyncio.runners", "uvloop")
"""Whose ``run`` has the coroutine: all that Python 3.10 shows of a loop of uvloop's."""
_RUNNING = {
    asyncio.BaseEventLoop.run_until_complete.__code__: "future",
    # From Python 3.11. uvloop's own run_until_complete has no frame; this one calls it.
    **({asyncio.Runner.run.__code__: "task"} if hasattr(asyncio, "Runner") else {}),
}
"""What runs a loop, and the variable in which it has the task that it runs it for."""


def _site(frame: FrameType) -> CallSite:
    code = frame.f_code
    function = getattr(code, "co_qualname", code.co_name)  # co_qualname: Python 3.11
    return CallSite(code.co_filename, frame.f_lineno, function)


def _package(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__") or ""
    return name.partition(".")[0]


@lru_cache(maxsize=4096)
def _origin(filename: str) -> str:
    if filename.startswith(("<frozen", *_folders("stdlib", "platstdlib"))):
        inside = os.sep + "site-packages" + os.sep in filename
        return "installed" if inside else "stdlib"
    if filename.startswith((_own_folder(), *_folders("purelib", "platlib", "scripts"))):
        return "installed"
    if any(part in ("site-packages", "dist-packages") for part in filename.split(os.sep)):
        return "installed"
    return "user"


@lru_cache(maxsize=8)
def _folders(*kinds: str) -> tuple[str, ...]:
    return tuple(path + os.sep for kind in kinds if (path := sysconfig.get_path(kind)))


@lru_cache(maxsize=1)
def _own_folder() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
