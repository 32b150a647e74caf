"""Delays that say how long they really were: a sleep on a busy machine is longer than asked for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Delays:
    """What one server has injected, by name, in seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def pause(self, name: str, seconds: float) -> None:
        """Wait and remember under *name* for how long."""
        with self.timed(name):
            time.sleep(seconds)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Remember under *name* how long the block took."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seen[name].append(time.perf_counter() - start)

    def each(self, name: str) -> list[float]:
        """Return every delay of that name, in the order of their ends."""
        with self._lock:
            return list(self._seen[name])

    def total(self, name: str) -> float:
        return sum(self.each(name))
