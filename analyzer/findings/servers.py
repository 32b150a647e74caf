"""What several rules ask of a request's server spans: which belong together, which is the worst."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from analyzer.findings.request import Request
from analyzer.process import Process, process_of
from analyzer.trace import Node


def by_service(servers: Iterable[Node]) -> list[list[Node]]:
    """Return *servers* by their service."""
    grouped: dict[str, list[Node]] = {}
    for server in servers:
        grouped.setdefault(server.span.service, []).append(server)
    return list(grouped.values())


def by_process(servers: Iterable[Node]) -> list[list[Node]]:
    """Return *servers* by their process; those of a service that names none are one."""
    grouped: dict[tuple[str, Process], list[Node]] = {}
    for server in servers:
        key = server.span.service, process_of(server.span)
        grouped.setdefault(key, []).append(server)
    return list(grouped.values())


def worst_by_service(servers: Iterable[Node], amount: Callable[[Node], int]) -> list[Node]:
    """Return of every service the one of *servers* with the largest *amount*."""
    return [max(group, key=amount) for group in by_service(servers)]


def stood_still_at_most(
    request: Request, servers: Sequence[Node], amount: Callable[[Node], int]
) -> int:
    """Return how long the request can have waited while the process of *servers* stood still.

    *amount* is for how long it did in each of them. Where two overlap both count the same time: it
    is counted once. What nobody measured is whether the request would have gone on meanwhile.
    """
    total = cursor = 0
    for server in sorted(servers, key=lambda server: (server.start, -server.end)):
        unseen = max(0, server.end - max(server.start, cursor))
        total += min(amount(server), unseen)
        cursor = max(cursor, server.end)
    most = max(total, *map(amount, servers))
    return min(most, sum(request.in_service(server) for server in servers))
