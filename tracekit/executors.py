"""Let the request go along into threads and thread pools without a word of the host's."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opentelemetry.context import Context, get_current

from tracekit import guard
from tracekit.carry import Inside
from tracekit.clients.patching import Patches

_POOLS = ("concurrent", "multiprocessing", "anyio", "logging", "tracekit")
"""Whose threads serve many requests, or none: they must not belong to the one that started them."""


class ExecutorHooks:
    """The hooks on ``ThreadPoolExecutor.submit``, which asyncio's executors use, and on threads."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put the hooks in place."""
        self._patches.wrap(ThreadPoolExecutor, "submit", _submitting)
        self._patches.wrap(threading.Thread, "start", _starting)

    def uninstall(self) -> None:
        """Put the originals back; what has been submitted still runs in its request."""
        self._patches.restore()


def _submitting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def submit(pool: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        context = get_current()
        if not context:
            return original(pool, function, *args, **kwargs)
        return original(pool, _bound(function, context), *args, **kwargs)

    return submit


def _bound(function: Callable[..., Any], context: Context) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with Inside(context):
            return function(*args, **kwargs)

    return run


def _starting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(thread: threading.Thread) -> None:
        before = vars(thread).get("run")
        _bind(thread)
        try:
            original(thread)
        except BaseException:
            _unbind(thread, before)
            raise

    return start


def _bind(thread: threading.Thread) -> None:
    """Make *thread* run in the current context, whichever class of threads it is."""
    try:
        context = get_current()
        if not context or _is_of_a_pool(thread):
            return
        before, run = vars(thread).get("run"), thread.run

        def run_inside() -> None:
            # Gone before it runs: the thread may outlive all else that refers to it.
            _unbind(thread, before)
            with Inside(context):
                run()

        thread.run = run_inside  # type: ignore[method-assign]
    except Exception as error:
        guard.fault("executors.thread", error)


def _unbind(thread: threading.Thread, before: Any) -> None:
    if before is None:
        vars(thread).pop("run", None)
    else:
        vars(thread)["run"] = before


def _is_of_a_pool(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)  # private: without it every thread is the request's
    owners = (getattr(one, "__module__", None) or "" for one in (type(thread), target))
    return any(owner.partition(".")[0] in _POOLS for owner in owners)
