"""Know how late an event loop ran while a request or a call was on its way on it."""

from __future__ import annotations

import itertools
import sys
import threading
from bisect import bisect_left
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
LEAST = 5_000_000
"""Nanoseconds: a beat that is less late says nothing of the loop, but of the machine's timers."""
_MOST = 256
"""Lags kept to tell the largest of a request's; further ones take the place of smaller ones."""
_ids = itertools.count(1)


class Lag(NamedTuple):
    """Nanoseconds that the loop was late in all, and at once."""

    total: int
    largest: int


class Watch:
    """The lags of one loop, counted by a beat that goes on while anybody wants to know.

    The beat is slow once all who want to know came long ago: of a block, what comes before the
    next beat is due is then missed, up to 0.1 s, where it is up to 0.01 s otherwise.

    Everything but ``leave``, ``forget`` and ``served`` runs in the loop's own thread.
    """

    __slots__ = (
        "_entered",
        "_is_slow",
        "_largest",
        "_numbers",
        "_serving",
        "_shared",
        "_timer",
        "_wanted",
        "beating",
        "due",
        "id",
        "loop",
        "number",
        "total",
    )

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.id = next(_ids)
        """Which of its process's loops it is, from 1."""
        self.total = self.number = 0
        self._wanted: set[int] = set()
        self._serving: set[int] = set()
        """The requests whose application has not returned: what it does after the end counts."""
        self.beating = self._is_slow = False
        self.due = self._entered = 0
        """When the next beat should come: another time after each beat, and each lag noted."""
        self._timer: Any = None
        # The lags that no later one exceeds, with their numbers: the first one from a number on
        # is the largest since, and many small ones take no room.
        self._numbers: list[int] = []
        self._largest: list[int] = []
        # Of each of these: whether more requests than one were being served.
        self._shared: list[bool] = []

    def enter(self, *, serving: bool = False) -> Watched:
        """Begin to count for somebody; a request that is *serving* lasts until it is ``served``."""
        now = self._entered = perf_counter_ns()
        if not self.beating:
            self.beating = True
            self._expect(now, _BEAT)
        else:
            if now - self.due >= LEAST:
                self._note(now)
            if self._is_slow:
                self._timer.cancel()
                self._expect(now, _BEAT)
        watched = Watched(self)
        self._wanted.add(id(watched))
        if serving:
            self._serving.add(id(watched))
        return watched

    def leave(self, watched: Watched) -> Lag:
        """Return what has been counted for *watched*, which needs no more of it."""
        self._wanted.discard(id(watched))
        due = self.due
        watched.held = self._catch_up() and due == watched.due
        total = self.total - watched.total
        if not total:
            return _NONE
        first = bisect_left(self._numbers, watched.number)
        if first == len(self._largest):
            return Lag(total, 0)
        watched.alone = not self._shared[first]
        return Lag(total, self._largest[first])

    def served(self, watched: Watched) -> None:
        """Note that the application has returned from the request of *watched*."""
        if len(self._serving) > 1:  # else nobody is here whom it can have held up
            self._catch_up()
        self._serving.discard(id(watched))

    def forget(self, watched: Watched) -> None:
        """Count no longer for *watched*."""
        self._wanted.discard(id(watched))
        self._serving.discard(id(watched))

    def _catch_up(self) -> bool:
        """Count now what the next beat would, in the loop's thread; tell whether that is a lag."""
        if not self.beating or here.watch is not self:
            return False
        now = perf_counter_ns()
        if now - self.due < LEAST:
            return False
        self._note(now)
        return True

    def _beat(self) -> None:
        try:
            now = perf_counter_ns()
            if now - self.due >= LEAST:
                self._note(now)
            self.beating = bool(self._wanted)
            if self.beating:
                self._expect(now, _SLOW_BEAT if now - self._entered > _LIVELY else _BEAT)
            else:
                self._timer, self._numbers, self._largest, self._shared = None, [], [], []
        except Exception as error:
            self.beating = False
            guard.fault("loop_lag.beat", error)

    def _expect(self, now: int, seconds: float) -> None:
        """Let the next beat be due in so many *seconds*."""
        self._is_slow = seconds > _BEAT
        self.due = now + int(seconds * 1e9)
        self._timer = self.loop.call_later(seconds, self._beat)

    def _note(self, now: int) -> None:
        """Count the lag that is over now. What comes until the beat is another one."""
        late, self.due = now - self.due, now
        self.total += late
        while self._largest and (self._largest[-1] <= late or len(self._largest) >= _MOST):
            self._largest.pop()
            self._numbers.pop()
            self._shared.pop()
        self._numbers.append(self.number)
        self._largest.append(late)
        self._shared.append(len(self._serving) > 1)
        self.number += 1


class Watched:
    """Somebody who wants to know, and what the loop had counted when it came.

    *held*, once it has left: no beat came in its time, so it held the loop itself, most likely.
    *alone*: no other request was being served during the largest of its lags.
    """

    __slots__ = ("alone", "due", "held", "number", "total", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.total = watch.total
        self.number = watch.number
        self.due = watch.due
        self.held = self.alone = False

    def __del__(self) -> None:
        # One that nobody has told the end of, such as a response that was forgotten unread.
        watch = getattr(self, "watch", None)
        if watch is not None:
            watch.forget(self)


class Here(threading.local):
    watch: Watch | None = None
    """This thread's last loop: it has one for long, mostly for ever."""


here = Here()
_NONE = Lag(0, 0)


def enter(*, serving: bool = False) -> Watched | None:
    """Begin to count the running loop's lags; None outside of asyncio and uvloop. Never raises.

    For a request that is *serving*, say so at its very end with ``served``.
    """
    try:
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()
        if loop is None:
            return None
        watch = here.watch
        if watch is None or watch.loop is not loop:
            watch = here.watch = Watch(loop)
        return watch.enter(serving=serving)
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


def served(watched: Watched | None) -> None:
    """Note that the application has returned from the request of *watched*. Never raises."""
    if watched is None:
        return
    try:
        watched.watch.served(watched)
    except Exception as error:
        guard.fault("loop_lag.served", error)


def add(found: Values, watched: Watched | None) -> None:
    """Say in *found* what there was for the request of *watched*, which leaves; nothing of none."""
    lag = leave(watched)
    if watched is None or not lag.total:
        return
    found[names.LOOP_LAG], found[names.LOOP_LAG_LARGEST] = lag
    found[names.LOOP] = watched.watch.id
    if watched.held:
        found[names.LOOP_HELD] = True
    if watched.alone:
        found[names.LOOP_ALONE] = True
