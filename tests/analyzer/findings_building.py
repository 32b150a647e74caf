"""Requests to try the rules on, and a store's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trace_building import server

from analyzer.analysis import analyze
from analyzer.report import Finding
from analyzer.requests import ProcessReuse, Reuse
from analyzer.span import Span
from tracekit import attributes as a

THIS_PROCESS = "one-host 100"
"""The store's name for the process of trace_building's spans."""


@dataclass(frozen=True)
class Memory:
    """What a store remembers of one edge: of *process*, and of *others*, by (name, new, reused).

    *needless* and *first_calls* are those of *process*; None as of an older collector.
    """

    new: int = 0
    reused: int = 0
    failed_attempts: Mapping[str, int] = field(default_factory=dict)
    process: str | None = THIS_PROCESS
    others: Sequence[tuple[str | None, int, int]] = ()
    last_used: int | None = None
    needless: int | None = None
    first_calls: int | None = None

    def last_use(self, client: str, target: str, **_: Any) -> int | None:
        assert (client, target) == ("api", "back:80")
        return self.last_used

    def __call__(self, client: str, target: str) -> Reuse:
        assert (client, target) == ("api", "back:80")
        seen = [(self.process, self.new, self.reused, self.needless, self.first_calls)]
        seen += [(*other, None, None) for other in self.others]
        seen.sort(key=lambda row: -row[1] - row[2])
        processes = tuple(
            ProcessReuse(name, new + old, new, old, *more) for name, new, old, *more in seen
        )
        new, reused = (sum(each) for each in zip(*(row[1:3] for row in seen), strict=True))
        return Reuse(new + reused, new, reused, 0, self.failed_attempts, processes)


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
