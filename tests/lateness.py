"""What the machine adds of its own: how late it wakes a thread that asked to be woken.

A test that measures time allows for it, so that a busy host does not fail code that is right.
``MOST`` bounds that: code that puts a delay in the wrong place is wrong on a busy host too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 0.03
"""Seconds that are allowed for at most; the delays that the tests inject are longer by far."""
_BEAT = 0.002
_USUAL = 0.0003
"""Seconds by which an idle machine is late; only what is above counts."""


class Lateness:
    """How late the machine has been since ``watched`` began, in all."""

    def __init__(self) -> None:
        self._total = 0.0
        self.is_over = False

    @property
    def seconds(self) -> float:
        """What a test may allow for by now."""
        return min(MOST, self._total)

    def add(self, late: float) -> None:
        """Note that a beat was *late* by so many seconds."""
        self._total += max(0.0, late - _USUAL)

    def watch(self) -> None:
        """Beat until the end is set."""
        while not self.is_over:
            due = time.perf_counter() + _BEAT
            time.sleep(_BEAT)
            self.add(time.perf_counter() - due)


_now: list[Lateness] = []


def allowed() -> float:
    """Return the seconds to allow for in the block of ``watched`` around; 0.0 outside of one."""
    return _now[-1].seconds if _now else 0.0


@contextmanager
def watched() -> Iterator[Lateness]:
    """Watch how late the machine is until the end of the block."""
    lateness = Lateness()
    thread = threading.Thread(target=lateness.watch, daemon=True)
    _now.append(lateness)
    thread.start()
    try:
        yield lateness
    finally:
        _now.remove(lateness)
        lateness.is_over = True
        thread.join()
