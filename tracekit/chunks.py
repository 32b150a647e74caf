"""Time the pieces of a stream: the gaps between them, and which of those are stalls."""

from __future__ import annotations

from array import array
from random import Random
from typing import NamedTuple

_KEPT = 4096
_LONG_KEPT = 256
_SHOWN = 16
LONG = 100_000_000
"""Nanoseconds that a gap must take to be noticed by a reader: a stall is at least that long."""
_MEDIANS = 5
_dice = Random(0)  # its own: the host's random numbers stay as they would be


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

    Memory stays flat: the percentiles of a stream of more than 4096 gaps are those of 4096 drawn at
    random, because every second one of a stream that alternates would tell half the truth. The
    largest gap and the count are exact; so are the stalls of a stream with 512 gaps over 100 ms.
    """

    __slots__ = (
        "_forgotten",
        "_forgotten_time",
        "_gaps",
        "_long",
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
        self._forgotten = self._forgotten_time = 0

    def add(self, at: int, held: int = 0) -> None:
        """Count a chunk that came *at*; the reader *held* the one before for so long."""
        last, self.last = self.last, at
        gap = at - last
        self.count += 1
        self.consumer += held
        if gap > self.largest:
            self.largest = gap
        if gap - held > LONG:
            self._keep_long(last + held, gap - held)
        if len(self._gaps) < _KEPT:
            self._gaps.append(gap)
        else:
            self._draw(gap)

    def gaps(self) -> Gaps | None:
        """Return what is known of the gaps; None for a single chunk. Percentiles: nearest rank."""
        if not self._gaps:
            return None
        ranked = sorted(self._gaps)
        median = _median(ranked)
        p95 = ranked[-(-95 * len(ranked) // 100) - 1]
        stalls = [one for one in self._long if one[1] > _MEDIANS * median]
        longest = sorted(sorted(stalls, key=_length, reverse=True)[:_SHOWN])
        total = sum(map(_length, stalls)) + self._forgotten_time
        count = len(stalls) + self._forgotten
        return Gaps(median, p95, self.largest, count, total, tuple(longest))

    def _draw(self, gap: int) -> None:
        # Every gap so far is equally likely to be among those kept.
        place = int(_dice.random() * (self.count - 1))
        if place < _KEPT:
            self._gaps[place] = gap

    def _keep_long(self, start: int, length: int) -> None:
        self._long.append((start, length))
        if len(self._long) > 2 * _LONG_KEPT:
            self._forget_shorter()

    def _forget_shorter(self) -> None:
        # Whether those are stalls is asked of the median so far: after so many it moves little.
        limit = _MEDIANS * _median(sorted(self._gaps))
        self._long.sort(key=_length, reverse=True)
        forgotten = [one[1] for one in self._long[_LONG_KEPT:] if one[1] > limit]
        self._forgotten += len(forgotten)
        self._forgotten_time += sum(forgotten)
        del self._long[_LONG_KEPT:]


def _median(ranked: list[int]) -> int:
    return ranked[(len(ranked) - 1) // 2]


def _length(stall: tuple[int, int]) -> int:
    return stall[1]
