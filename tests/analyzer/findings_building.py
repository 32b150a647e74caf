"""Requests to try the rules on, and a store's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trace_building import server

from analyzer.analysis import analyze
from analyzer.report import Finding
from analyzer.span import Span
from tracekit import attributes as a


@dataclass(frozen=True)
class Memory:
    """What a store remembers of one edge."""

    calls: int = 0
    new: int = 0
    reused: int = 0
    failed_attempts: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, client: str, target: str) -> Memory:
        assert (client, target) == ("api", "back:80")
        return self


def handled(total: float, *calls: Callable[[Span], Span]) -> list[Span]:
    """Return a request that a server handled in *total* ms with *calls*."""
    root = server("POST /hear", 0, total)
    return [root, *(make(root) for make in calls)]


def found(rule: str, spans: list[Span], history: Memory | None = None) -> list[Finding]:
    """Return what *rule* finds in a request."""
    return [f for f in analyze(spans, history=history).findings if f.rule == rule]


def opened(**more: Any) -> dict[str, Any]:
    """Return the attributes of a new connection; the client was made long ago, elsewhere."""
    return {
        a.CONNECTION_STATE: "new",
        a.CLIENT_LIBRARY: "urllib3",
        a.CLIENT_AGE: 60_000_000_000,
        a.CLIENT_REQUESTS: 0,
        a.CLIENT_FILE: "app.py",
        a.CLIENT_LINE: 7,
        a.CLIENT_FUNCTION: "<module>",
        a.CODE_FILE: "app.py",
        a.CODE_LINE: 41,
        a.CODE_FUNCTION: "forward",
        **more,
    }
