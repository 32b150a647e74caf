"""How long a client had not called its target before it opened a new connection. Pure.

A kept client whose connection idled past keep-alive must open a new one: that is no missing
Session. Servers and clients keep an idle connection for 2 s (gunicorn) to 75 s (nginx).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import NamedTuple

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import Request
from analyzer.process import Process, process_of
from tracekit import attributes as a

SHORTEST_KEEP_ALIVE_NS = 2_000_000_000
SAME_CLIENT_NS = 100_000_000
"""Clients of one process made closer together than this may be taken for one."""


class _Key(NamedTuple):
    """A client object and what it called; *born* is when it was made, in SAME_CLIENT_NS."""

    process: Process
    target: str | None
    born: int


class Uses:
    """When the clients of one request were done with their calls, in that request and before."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._uses: dict[_Key, tuple[list[int], list[int]]] = {}
        gathered: dict[_Key, list[tuple[int, int]]] = defaultdict(list)
        for call in request.calls:
            key = _key(call)
            if key is not None and conventions.answered(call.node.span):
                gathered[key].append((call.node.span.start_ns, call.node.end - call.node.shift))
        for key, uses in gathered.items():
            starts, ends = zip(*sorted(uses), strict=True)
            self._uses[key] = list(starts), list(accumulate(ends, max))

    def idled(self, call: Call) -> int | None:
        """Return how long *call*'s client had been idle, if that can have cost its connection.

        None where it was not kept, not idle for so long, or where the data does not say.
        """
        key = _key(call)
        if key is None or not is_kept(call):
            return None
        last = self._end_within(key, call)
        if last is None or call.node.span.start_ns - last >= SHORTEST_KEEP_ALIVE_NS:
            last = max(last or 0, self._end_in_store(call) or 0)
        pause = call.node.span.start_ns - last if last else None
        return pause if pause is not None and pause >= SHORTEST_KEEP_ALIVE_NS else None

    def _end_within(self, key: _Key, call: Call) -> int | None:
        latest = None
        for born in (key.born - 1, key.born, key.born + 1):
            starts, ends = self._uses.get(key._replace(born=born), ([], []))
            before = bisect_left(starts, call.node.span.start_ns)
            if before:
                latest = max(latest or 0, ends[before - 1])
        return latest

    def _end_in_store(self, call: Call) -> int | None:
        process, born = process_of(call.node.span).name, _born(call)
        history = self._request.history
        if history is None or call.target is None or process is None or born is None:
            return None
        return history.last_use(
            call.client,
            call.target,
            process=process,
            born_ns=born,
            within_ns=SAME_CLIENT_NS,
            before_ns=call.node.span.start_ns,
        )


def is_kept(call: Call) -> bool:
    """Return whether the client of *call* had served a call before, and so was kept."""
    return bool(call.number(a.CLIENT_REQUESTS))


def _key(call: Call) -> _Key | None:
    born = _born(call)
    if born is None:
        return None
    return _Key(process_of(call.node.span), call.target, born // SAME_CLIENT_NS)


def _born(call: Call) -> int | None:
    """Return when the client was made, in Unix nanoseconds: it tells a process's clients apart."""
    age = call.number(a.CLIENT_AGE)
    return None if age is None else call.node.span.start_ns - age
