"""Know how long this process has stood still to collect garbage."""

from __future__ import annotations

import gc
from time import perf_counter_ns
from typing import Any

from tracekit import guard

_total = 0
_began: int | None = None
_wanted = 0
"""How many want it counted: the clients, and the process that serves."""


def collected() -> int:
    """Return the nanoseconds spent in collections so far; read it twice and subtract.

    The interpreter runs nothing else meanwhile, so a collection in any thread is in the way of all.
    It counts while ``GarbageHooks`` are installed, and stands still otherwise.
    """
    return _total


class GarbageHooks:
    """The hook on the garbage collector."""

    def install(self) -> None:
        """Begin to count, with the next collection."""
        global _began, _wanted
        _wanted += 1
        if _wanted == 1:
            _began = None
            gc.callbacks.append(_watch)

    def uninstall(self) -> None:
        """Stop counting, unless another still wants it."""
        global _wanted
        _wanted -= 1
        if _wanted == 0:
            gc.callbacks.remove(_watch)


def _watch(phase: str, _info: dict[str, Any]) -> None:
    global _total, _began
    try:
        if phase == "start":
            _began = perf_counter_ns()
        elif _began is not None:
            _total += perf_counter_ns() - _began
            _began = None
    except Exception as error:
        guard.fault("garbage.watch", error)
