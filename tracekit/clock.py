"""Unix nanoseconds that never run backwards: the monotonic clock on one wall-clock anchor."""

from __future__ import annotations

import time

# One anchor per process: two would give the spans of one request two different clocks.
_ANCHOR = time.time_ns() - time.perf_counter_ns()


def now() -> int:
    """Return the current time in Unix nanoseconds, monotonic within this process."""
    return _ANCHOR + time.perf_counter_ns()


def from_perf(perf_ns: int) -> int:
    """Return the Unix nanoseconds of a ``time.perf_counter_ns()`` reading."""
    return _ANCHOR + perf_ns
