"""Have a signal's handler run, also where the main thread began to wait just after it came.

Python runs handlers between two bytecodes. A signal that comes after it has last looked, and before
the next call blocks, interrupts nothing: its handler runs when that call returns, maybe never.
"""

from __future__ import annotations

import functools
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Collection
from time import monotonic
from typing import Any

import wrapt

from tracekit import guard
from tracekit.nudge_pipe import Pipe
from tracekit.quiet_thread import QuietThread
from tracekit.signals import are_threads_real

_PATIENCE = 0.05
"""Seconds a handler has to begin in."""
_LONGEST = 5.0
"""Seconds between two nudges, at most: each comes after twice the time of the one before."""
_FORK_SECONDS = 0.05
"""What a fork waits at most for the thread to be done."""
rests_for_forks = sys.version_info >= (3, 12)
"""Whether Python warns of a fork beside a thread. Else it may stay: it holds no lock but waits."""
_COUNTS_LATE = sys.version_info[:2] == (3, 13)
"""Whether Python counts the threads for that warning when the hooks have run that start them."""


class Nudge:
    """A thread that interrupts the main thread's call while the handler of a signal is due.

    It learns of signals by Python's wake-up descriptor, and sleeps until one comes; *is_ours* tells
    if the handler of one of *numbers* still is. The nudge is SIGURG, which nobody minds by default.
    It stays out where anybody else has a descriptor or a handler of SIGURG; who takes them later
    has them.
    """

    def __init__(self, numbers: Collection[int], is_ours: Callable[[int], bool]) -> None:
        self._numbers = frozenset(numbers)
        self._is_ours = is_ours
        self._pipe: Pipe | None = None
        self._thread: QuietThread | None = None
        self._due: dict[int, float] = {}
        self._patience = _PATIENCE

    def install(self) -> None:
        """Begin, in the main thread, if nobody else wants to know of signals."""
        if not _is_possible():
            return
        pipe = Pipe()
        found = signal.set_wakeup_fd(pipe.writing, warn_on_full_buffer=False)
        if found != -1:
            signal.set_wakeup_fd(found)
            pipe.close()
            return
        signal.signal(signal.SIGURG, self._wake)
        self._pipe = pipe
        _current.append(self)
        self.resume()

    def uninstall(self) -> None:
        """End, in the main thread, and leave everything as it was found."""
        pipe, self._pipe = self._pipe, None
        if pipe is None:
            return
        _current.remove(self)
        if signal.getsignal(signal.SIGURG) == self._wake:
            signal.signal(signal.SIGURG, signal.SIG_DFL)
        is_free = _release(pipe)
        self._rest(pipe)
        if is_free:
            pipe.close()

    def before_fork(self) -> None:
        """Let the thread rest, where a fork is to find none."""
        if self._pipe is not None and rests_for_forks:
            self._rest(self._pipe)

    def after_fork_in_parent(self) -> None:
        """Go on, at once if Python does not take it amiss, else with the next span."""
        if not _COUNTS_LATE:
            self.resume()

    def after_fork_in_child(self) -> None:
        """Go on with a pipe of its own: its signals are not the parent's."""
        self._thread, self._due = None, {}
        pipe = self._pipe
        if pipe is not None and are_threads_real() and pipe.renew():
            self.reclaim()
            self.resume()
        elif pipe is not None:
            self.uninstall()

    def reclaim(self) -> None:
        """Take the descriptor again in a forked child, where asyncio sets it to none."""
        if self._pipe is not None:
            found = signal.set_wakeup_fd(self._pipe.writing, warn_on_full_buffer=False)
            if found not in (-1, self._pipe.writing):
                signal.set_wakeup_fd(found)

    def resume(self) -> None:
        """Have the thread run, at first and after a rest; again changes nothing."""
        if self._pipe is None or (self._thread is not None and self._thread.is_running):
            return
        self._thread = QuietThread(functools.partial(self._watch, self._pipe))
        try:
            self._thread.start()
        except RuntimeError as error:  # no threads left, or the interpreter is ending
            self._thread = None
            guard.fault("nudge.thread", error)

    def _rest(self, pipe: Pipe) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and thread.is_running:
            pipe.ask_to_rest()
            thread.join(_FORK_SECONDS)

    def _watch(self, pipe: Pipe) -> None:
        try:
            while (arrived := pipe.read(self._time_left())) is not None:
                for number in self._numbers.intersection(arrived):
                    self._expect(number)
                self._nudge_if_due()
            if pipe.is_lost and self._pipe is pipe:
                self._interrupt()  # a host that daemonises: only the main thread may give way
        except Exception as error:
            guard.fault("nudge", error)

    def _expect(self, number: int) -> None:
        if not self._due:
            self._patience = _PATIENCE
        self._due.setdefault(number, monotonic() + self._patience)

    def _time_left(self) -> float | None:
        return max(0.0, min(self._due.values()) - monotonic()) if self._due else None

    def _nudge_if_due(self) -> None:
        for number in [*self._due]:
            if not self._is_ours(number):  # somebody else's now, who may wait as long as they like
                self._due.pop(number, None)
        if not self._due or self._time_left():
            return
        self._interrupt()
        self._patience = min(2 * self._patience, _LONGEST)
        self._due = dict.fromkeys(self._due, monotonic() + self._patience)

    def _interrupt(self) -> None:
        if signal.getsignal(signal.SIGURG) == self._wake:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)

    def _wake(self, _number: int, _frame: Any) -> None:
        """Do nothing: that a call was interrupted is enough, for now Python looks for signals."""
        if self._pipe is not None and self._pipe.is_lost:
            self.uninstall()


_current: list[Nudge] = []


def _is_possible() -> bool:
    return (
        hasattr(select, "poll")
        and hasattr(signal, "pthread_kill")
        and signal.getsignal(signal.SIGURG) is signal.SIG_DFL
        and are_threads_real()
        and "trio" not in sys.modules  # it warns of anybody's descriptor
    )


def _release(pipe: Pipe) -> bool:
    """Take *pipe* off; return whether nobody will put it back, who may who has taken its place."""
    found = signal.set_wakeup_fd(-1)
    if found in (-1, pipe.writing):
        return True
    signal.set_wakeup_fd(found)
    return False


def _give_way(_module: object) -> None:
    if threading.current_thread() is threading.main_thread():
        for nudge in [*_current]:
            try:
                nudge.uninstall()
            except Exception as error:
                guard.fault("nudge.uninstall", error)


def _each(act: Callable[[Nudge], None]) -> None:
    for nudge in [*_current]:
        try:
            act(nudge)
        except Exception as error:
            guard.fault("nudge.fork", error)


def resume() -> None:
    """Have whoever rests since a fork go on. Never raises."""
    _each(Nudge.resume)


def _follow(_module: object) -> None:
    # From Python 3.12 on asyncio sets the descriptor to none in a child; hooks run in their order.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _each(Nudge.reclaim))


wrapt.register_post_import_hook(_give_way, "trio")
wrapt.register_post_import_hook(_follow, "asyncio.events")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _each(Nudge.before_fork),
        after_in_parent=lambda: _each(Nudge.after_fork_in_parent),
        after_in_child=lambda: _each(Nudge.after_fork_in_child),
    )
