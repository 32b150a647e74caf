"""Clocks of different hosts: shift a child into its parent where it cannot have run (R2). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from analyzer.span import Kind, Span
from analyzer.trace import Forest, Node, preorder
from analyzer.units import signed
from tracekit.attributes import HOST_ID, HOST_IP, HOST_NAME

LIMIT_NS = 86_400_000_000_000
"""A shift over one day is a wrong time stamp, not a clock that differs: it is not applied."""
_REMOTE = frozenset({Kind.SERVER, Kind.CONSUMER})

Host = tuple[str, str]
_Clock = tuple[str, "Host | None"]
"""A service on a host."""


class Exchange(NamedTuple):
    """The raw times of a client span and of its server's span, each on its own clock."""

    client_start: int
    client_end: int
    server_start: int
    server_end: int


def host_of(span: Span) -> Host | None:
    """Return the attribute and value that name the span's host; None when it is unknown."""
    for name in (HOST_ID, HOST_IP, HOST_NAME):
        value = span.resource.get(name)
        if value:
            return name, str(value)
    return None


def one_clock(parent: Span, child: Span) -> bool:
    """Return whether both spans were timed by one clock.

    Where the hosts are unknown, a child of the same service that did not come in over a wire was
    made by its parent's process.
    """
    ours, theirs = host_of(parent), host_of(child)
    if ours is None or theirs is None:
        return parent.service == child.service and child.kind not in _REMOTE
    return ours == theirs


def fitting_shift(parent: tuple[int, int], child: tuple[int, int]) -> int:
    """Return the shift that R2 gives *child*, both as (start, end), the parent already adjusted."""
    (parent_start, parent_end), (start, end) = parent, child
    room = (parent_end - parent_start) - (end - start)
    if room < 0:
        return max(0, parent_start - start)
    if parent_start <= start and end <= parent_end:
        return 0
    return parent_start + room // 2 - start


def adjust(forest: Forest, limit: int = LIMIT_NS) -> None:
    """Move every span of *forest* onto its root's clock, and add a warning for every shift (R2).

    *limit* is the largest shift applied, in nanoseconds.
    """
    applied: dict[_Clock, list[int]] = {}
    refused: dict[_Clock, list[int]] = {}
    for node in preorder([*forest.roots, *forest.orphans]):
        shift = _shift_of(node)
        clock = node.span.service, host_of(node.span)
        if abs(shift) > limit:
            refused.setdefault(clock, []).append(shift)
        elif shift:
            node.move(shift)
            applied.setdefault(clock, []).append(shift)
    forest.warnings.extend(_applied(*clock, shifts) for clock, shifts in applied.items())
    forest.warnings.extend(_refused(*clock, shifts) for clock, shifts in refused.items())
    forest.warnings.extend(_drift_warnings(forest.nodes))


def _shift_of(node: Node) -> int:
    parent = node.parent
    if parent is None:
        return 0
    if one_clock(parent.span, node.span):
        return parent.shift
    return fitting_shift((parent.start, parent.end), (node.start, node.end))


def _applied(service: str, host: Host | None, shifts: list[int]) -> str:
    return (
        f"the clock of {_clock_name(service, host)} was shifted by {_amount(shifts)} to fit "
        f"its callers ({_spans(shifts)})"
    )


def _refused(service: str, host: Host | None, shifts: list[int]) -> str:
    return (
        f"the clock of {_clock_name(service, host)} was not shifted by {_amount(shifts)} to fit "
        f"its callers ({_spans(shifts)}): too much for a clock that is merely wrong"
    )


def _clock_name(service: str, host: Host | None) -> str:
    return f"{service} on {host[1]}" if host else service


def _amount(shifts: list[int]) -> str:
    low, high = min(shifts), max(shifts)
    return signed(low) if low == high else f"{signed(low)} to {signed(high)}"


def _spans(shifts: list[int]) -> str:
    return "1 span" if len(shifts) == 1 else f"{len(shifts)} spans"


def offset_bounds(exchanges: Iterable[Exchange]) -> tuple[int, int] | None:
    """Return the least and greatest offset that fits every exchange between two hosts (R2).

    The offset is what must be added to the server's times, in the unit of the input; each exchange
    bounds it by ``[cs - ss, ce - se]``. None: no offset fits them all, the clocks drifted.
    """
    bounds = [(e.client_start - e.server_start, e.client_end - e.server_end) for e in exchanges]
    low = max(low for low, _ in bounds)
    high = min(high for _, high in bounds)
    return (low, high) if low <= high else None


def _drift_warnings(nodes: Iterable[Node]) -> list[str]:
    pairs: dict[tuple[Host, Host], list[Exchange]] = {}
    for node in nodes:
        if node.span.kind is not Kind.SERVER or node.parent is None:
            continue
        client, server = node.parent.span, node.span
        ours, theirs = host_of(client), host_of(server)
        if ours is None or theirs is None or ours == theirs:
            continue
        if server.duration_ns <= node.parent.duration:
            exchange = Exchange(
                client.start_ns, client.start_ns + node.parent.duration,
                server.start_ns, server.start_ns + server.duration_ns,
            )  # fmt: skip
            pairs.setdefault((ours, theirs), []).append(exchange)
    return [
        f"the clocks of {ours[1]} and {theirs[1]} drifted apart during this request: "
        f"no one offset fits all {len(exchanges)} calls"
        for (ours, theirs), exchanges in pairs.items()
        if offset_bounds(exchanges) is None
    ]
