"""Time the pieces of a stream: the gaps between them, and which of those are stalls."""

from __future__ import annotations

from array import array
from typing import NamedTuple

_KEPT = 4096
_LONG_KEPT = 256
_SHOWN = 16
_STALL = 100_000_000
_MEDIANS = 5


class Gaps(NamedTuple):
    """The gaps of one stream, in nanoseconds.

    *stalls* are the longest of those over five medians and 100 ms, as ``(start, length)`` in order
    of time; *stalled* of them took *stall_time* in all.
    """

    p50: int
    p95: int
    largest: int
    stalled: int
    stall_time: int
    stalls: tuple[tuple[int, int], ...]


class Chunks:
    """The chunks of one stream as they pass.

    Memory stays flat: of a stream of more than 4096 gaps every second one is forgotten, then every
    second of those, for the percentiles; the largest and the count are exact.
    """

    __slots__ = (
        "_gaps",
        "_long",
        "_skip",
        "_stride",
        "consumer",
        "count",
        "first",
        "largest",
        "last",
    )

    def __init__(self, at: int) -> None:
        self.first = self.last = at
        self.count = 1
        self.largest = 0
        self.consumer = 0
        self._gaps = array("q")
        self._long: list[tuple[int, int]] = []
        self._stride = self._skip = 1

    def add(self, at: int, held: int = 0) -> None:
        """Count a chunk that came *at*; the reader *held* the one before for so long."""
        last, self.last = self.last, at
        gap = at - last
        self.count += 1
        self.consumer += held
        if gap > self.largest:
            self.largest = gap
        if gap - held > _STALL:
            self._keep_long(last + held, gap - held)
        self._skip -= 1
        if not self._skip:
            self._keep(gap)

    def gaps(self) -> Gaps | None:
        """Return what is known of the gaps; None for a single chunk. Percentiles: nearest rank."""
        if not self._gaps:
            return None
        ranked = sorted(self._gaps)
        median = ranked[(len(ranked) - 1) // 2]
        p95 = ranked[-(-95 * len(ranked) // 100) - 1]
        stalls = [one for one in self._long if one[1] > _MEDIANS * median]
        longest = sorted(sorted(stalls, key=lambda one: -one[1])[:_SHOWN])
        total = sum(length for _, length in stalls)
        return Gaps(median, p95, self.largest, len(stalls), total, tuple(longest))

    def _keep(self, gap: int) -> None:
        self._gaps.append(gap)
        if len(self._gaps) > _KEPT:
            self._gaps = self._gaps[::2]
            self._stride *= 2
        self._skip = self._stride

    def _keep_long(self, start: int, length: int) -> None:
        self._long.append((start, length))
        if len(self._long) > 2 * _LONG_KEPT:
            self._long.sort(key=lambda one: -one[1])
            del self._long[_LONG_KEPT:]
