"""How near a phase must be to what was injected into it: one tolerance for every client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import lateness
from conformance.outgoing import Outgoing

from tracekit import attributes as names

_SHARE = 0.05
_PHASE_SLACK = 0.003
_RESIDUAL_SLACK = 0.002
_NANOSECONDS = 1e9


def close(seen: float, injected: float) -> bool:
    """Say whether *seen* is within 3 ms or 5 % of *injected*, all in seconds.

    What the machine itself was late by in the meantime comes on top (``lateness``).
    """
    return abs(seen - injected) <= max(_PHASE_SLACK, _SHARE * injected) + lateness.allowed()


def expect(call: Outgoing, *, plain: bool = False, **injected: float) -> None:
    """Hold every phase of *call* against the seconds that were *injected* into it; else none were.

    Of a *plain* call, nearly all has to be explained by its phases.
    """
    for name in names.PHASES:
        seen = call.phase(name)
        assert close(seen, injected.get(name, 0.0)), _say(call, name, seen, injected)
    unexplained = residual(call) / _NANOSECONDS
    wall = call.wall / _NANOSECONDS
    most = max(_RESIDUAL_SLACK, _SHARE * wall) + lateness.allowed()
    assert not plain or unexplained <= most, unexplained


def residual(call: Outgoing) -> int:
    """Return the time before, between and after the phases, in nanoseconds.

    Together with the phases it makes up the call's wall time to the nanosecond.
    """
    bounds = list(call.bounds().values())
    holes = list(_holes(bounds, call.wall))
    assert all(isinstance(moment, int) for pair in bounds for moment in pair)
    assert all(length >= 0 for length in holes), f"phases overlap or leave the call: {bounds}"
    assert sum(end - start for start, end in bounds) + sum(holes) == call.wall
    return sum(holes)


def _holes(bounds: Iterable[tuple[int, int]], wall: int) -> Iterable[int]:
    cursor = 0
    for start, end in bounds:
        assert start <= end
        yield start - cursor
        cursor = end
    yield wall - cursor


def _say(call: Outgoing, name: str, seen: float, injected: Mapping[str, float]) -> str:
    phases = {one: f"{call.phase(one) * 1e3:.2f} ms" for one in call.bounds()}
    late = f"{lateness.allowed() * 1e3:.2f} ms"
    return f"{name} is {seen * 1e3:.2f} ms of {injected}: {phases}; the machine was late by {late}"
