"""Know of a stage or a call whether it ran on a watched event loop, and whether it held that."""

from __future__ import annotations

import sys
from time import perf_counter_ns

from opentelemetry.trace import Span

from tracekit import attributes as names
from tracekit import guard
from tracekit.attributes import Values
from tracekit.loop_lag import LEAST, Watch, here

Mark = tuple[Watch, int, int]
"""How the count of a loop's lags stood at some time: when its beat was due, and the total."""


def mark() -> Mark | None:
    """Return how the count stands for this thread's loop; None in a thread that never had one.

    Whether that loop runs is asked in ``since``, and only if it was late.
    """
    watch = here.watch
    return None if watch is None else (watch, watch.due, watch.total)


def number() -> int | None:
    """Return which of the process's loops runs here; None if nobody watches it. Never raises."""
    try:
        watch = here.watch
        return watch.id if watch is not None and _is_running(watch) else None
    except Exception as error:
        guard.fault("in_loop.number", error)
        return None


def since(found: Mark) -> Values:
    """Return what there is to say of what ran since the mark *found*: nothing without a lag.

    It held the loop, most likely, if there was no beat between. What ends outside of the loop in
    whose thread it began says nothing. Never raises.
    """
    try:
        watch, due, total = found
        is_late = perf_counter_ns() - watch.due >= LEAST
        if not is_late and watch.total == total:
            return {}
        if not (watch.beating and _is_running(watch)):
            return {}
        if is_late and watch.due == due:
            return {names.LOOP: watch.id, names.LOOP_HELD: True}
        return {names.LOOP: watch.id}
    except Exception as error:
        guard.fault("in_loop.since", error)
        return {}


def tell(span: Span, found: Mark) -> None:
    """Say on *span*, which ends now, what there is to say since *found*. Never raises."""
    try:
        told = since(found)
        if told:
            span.set_attributes(told)
    except Exception as error:
        guard.fault("in_loop.tell", error)


def _is_running(watch: Watch) -> bool:
    running: object = sys.modules["asyncio"]._get_running_loop()
    return running is watch.loop
