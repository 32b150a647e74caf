"""Know how late an event loop ran while a request or a call was on its way on it."""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left
from collections.abc import MutableMapping
from time import perf_counter_ns
from typing import Any, NamedTuple

from tracekit import attributes as names
from tracekit import guard
from tracekit.attributes import Values

_BEAT = 0.01
"""Seconds from one beat to the next: a lag that is shorter may fall between two."""
_SLOW_BEAT = 0.1
"""The same while nobody has entered for `_LIVELY`: a socket that is only kept open wakes no one."""
_LIVELY = 2_000_000_000
"""Nanoseconds."""
_LEAST = 5_000_000
"""Nanoseconds: a beat that is less late says nothing of the loop, but of the machine's timers."""
_MOST = 256
"""Lags kept to tell the largest of a request's; further ones take the place of smaller ones."""


class Lag(NamedTuple):
    """Nanoseconds that the loop was late in all, and at once."""

    total: int
    largest: int


class Watch:
    """The lags of one loop, counted by a beat that goes on while anybody wants to know.

    The beat is slow once all who want to know came long ago: of a block, what comes before the
    next beat is due is then missed, up to 0.1 s, where it is up to 0.01 s otherwise.

    Everything but ``leave`` and ``forget`` runs in the loop's own thread.
    """

    __slots__ = (
        "_beating",
        "_due",
        "_entered",
        "_is_slow",
        "_largest",
        "_numbers",
        "_timer",
        "_wanted",
        "loop",
        "number",
        "total",
    )

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.total = self.number = 0
        self._wanted: set[int] = set()
        self._beating = self._is_slow = False
        self._due = self._entered = 0
        self._timer: Any = None
        # The lags that no later one exceeds, with their numbers: the first one from a number on
        # is the largest since, and many small ones take no room.
        self._numbers: list[int] = []
        self._largest: list[int] = []

    def enter(self) -> Watched:
        """Begin to count for somebody."""
        now = self._entered = perf_counter_ns()
        if not self._beating:
            self._beating = True
            self._expect(now, _BEAT)
        else:
            if now - self._due >= _LEAST:
                self._note(now)
            if self._is_slow:
                self._timer.cancel()
                self._expect(now, _BEAT)
        watched = Watched(self)
        self._wanted.add(id(watched))
        return watched

    def leave(self, watched: Watched) -> Lag:
        """Return what has been counted for *watched*, which needs no more of it."""
        self.forget(watched)
        if self._beating and _here.watch is self:
            now = perf_counter_ns()
            if now - self._due >= _LEAST:
                self._note(now)
        total = self.total - watched.total
        if not total:
            return _NONE
        first = bisect_left(self._numbers, watched.number)
        return Lag(total, self._largest[first] if first < len(self._largest) else 0)

    def forget(self, watched: Watched) -> None:
        """Count no longer for *watched*."""
        self._wanted.discard(id(watched))

    def _beat(self) -> None:
        try:
            now = perf_counter_ns()
            if now - self._due >= _LEAST:
                self._note(now)
            self._beating = bool(self._wanted)
            if self._beating:
                self._expect(now, _SLOW_BEAT if now - self._entered > _LIVELY else _BEAT)
            else:
                self._timer, self._numbers, self._largest = None, [], []
        except Exception as error:
            self._beating = False
            guard.fault("loop_lag.beat", error)

    def _expect(self, now: int, seconds: float) -> None:
        """Let the next beat be due in so many *seconds*."""
        self._is_slow = seconds > _BEAT
        self._due = now + int(seconds * 1e9)
        self._timer = self.loop.call_later(seconds, self._beat)

    def _note(self, now: int) -> None:
        """Count the lag that is over now. What comes until the beat is another one."""
        late, self._due = now - self._due, now
        self.total += late
        while self._largest and (self._largest[-1] <= late or len(self._largest) >= _MOST):
            self._largest.pop()
            self._numbers.pop()
        self._numbers.append(self.number)
        self._largest.append(late)
        self.number += 1


class Watched:
    """Somebody who wants to know, and what the loop had counted when it came."""

    __slots__ = ("number", "total", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.total = watch.total
        self.number = watch.number

    def __del__(self) -> None:
        # One that nobody has told the end of, such as a response that was forgotten unread.
        watch = getattr(self, "watch", None)
        if watch is not None:
            watch.forget(self)


class _Here(threading.local):
    watch: Watch | None = None
    """This thread's last loop: it has one for long, mostly for ever."""


_here = _Here()
_NONE = Lag(0, 0)


def enter() -> Watched | None:
    """Begin to count the running loop's lags; None outside of asyncio and uvloop. Never raises."""
    try:
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()
        if loop is None:
            return None
        watch = _here.watch
        if watch is None or watch.loop is not loop:
            watch = _here.watch = Watch(loop)
        return watch.enter()
    except Exception as error:
        guard.fault("loop_lag.enter", error)
        return None


def leave(watched: Watched | None) -> Lag:
    """Return the lags since *watched* entered, and count for it no longer. Never raises."""
    if watched is None:
        return _NONE
    try:
        return watched.watch.leave(watched)
    except Exception as error:
        guard.fault("loop_lag.leave", error)
        return _NONE


def add(found: Values | MutableMapping[str, Any], lag: Lag) -> None:
    """Say of *lag* in *found*; nothing of none."""
    if lag.total:
        found[names.LOOP_LAG], found[names.LOOP_LAG_LARGEST] = lag
