"""What a rule is given: the calls of one request, what each cost, and what the store remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from analyzer.calls import Call
from analyzer.critical_path import Overflow
from analyzer.phases import Interval, overlap, union
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.whatif import simulate, without


class Tally(Protocol):
    """How calls to one target got their connections."""

    @property
    def calls(self) -> int:
        """All calls."""

    @property
    def new(self) -> int:
        """Calls that opened a connection."""

    @property
    def reused(self) -> int:
        """Calls that did not."""


class ProcessReuse(Tally, Protocol):
    """The calls of one process, as far as the store can tell processes apart."""

    @property
    def instance(self) -> str | None:
        """The process's name, as :class:`analyzer.process.Process` makes it."""

    @property
    def needless(self) -> int | None:
        """Calls that opened a connection when an earlier one had left one; None: not counted."""

    @property
    def first_calls(self) -> int | None:
        """Calls that opened a connection and were the first of their client; None: not counted."""


class Reuse(Tally, Protocol):
    """The calls of one service, over a whole store."""

    @property
    def failed_attempts(self) -> Mapping[str, int]:
        """By address: the calls that tried it in vain."""

    @property
    def processes(self) -> Sequence[ProcessReuse]:
        """The calls of each process apart; those of unknown ones together."""


class History(Protocol):
    """What a store remembers, by client service and target (``server.address:port``)."""

    def __call__(self, client: str, target: str, /) -> Reuse | None:
        """Return how the service's calls to the target got their connections."""

    def last_use(
        self,
        client: str,
        target: str,
        *,
        process: str,
        born_ns: int,
        within_ns: int,
        before_ns: int,
    ) -> int | None:
        """Return when a client object was last done with an answered call, in Unix nanoseconds.

        The one that the *process* made *within_ns* of *born_ns*; calls begun *before_ns* count.
        """


Cuts = Mapping[Node, Sequence[Interval]]
"""Time of some spans, as if it had not been."""


@dataclass(frozen=True, eq=False)
class Request:
    """One analysed request, as the rules see it. All times are adjusted Unix nanoseconds."""

    root: Node
    calls: Sequence[Call]
    own_sections: Mapping[Node, Sequence[Interval]]
    history: History | None
    overflow: Overflow
    tolerance: int
    servers: Sequence[Node] = ()
    """The server spans."""

    @property
    def total(self) -> int:
        """The request's length."""
        return self.root.duration

    def cost(self, call: Call, intervals: Iterable[Interval]) -> int:
        """Return how much of *intervals* the request waited for."""
        return overlap(self.own_sections.get(call.node, ()), intervals)

    def making_cost(self, calls: Iterable[Call]) -> int:
        """Return how long the request waited for the clients of *calls* to be made."""
        by_parent: dict[Node, list[Interval]] = {}
        for call in calls:
            if call.node.parent is not None:
                by_parent.setdefault(call.node.parent, []).extend(call.making)
        return sum(
            overlap(self.own_sections.get(parent, ()), union(making))
            for parent, making in by_parent.items()
        )

    def share(self, ns: int) -> float:
        """Return *ns* as a fraction of the total."""
        return ns / self.total if self.total else 0.0

    def saving(
        self, cuts: Mapping[Call, Sequence[Interval]], *, made_before: Iterable[Call] = ()
    ) -> int:
        """Return what the request would save without *cuts*, by re-simulation (R7).

        The clients of *made_before* are taken to be there already.
        """
        gone = {call.node: list(intervals) for call, intervals in cuts.items()}
        for call in made_before:
            if call.node.parent is not None:
                gone.setdefault(call.node.parent, []).extend(call.making)
        return self.saving_of(gone)

    def below(self, node: Node, intervals: Sequence[Interval]) -> Cuts:
        """Return *intervals* for *node* and all spans below it: time that none of them needs."""
        nodes = [node]
        for node in nodes:  # grows while it is walked
            nodes.extend(node.children)
        return dict.fromkeys(nodes, intervals)

    def in_service(self, server: Node) -> int:
        """Return how long the request waited for *server*'s own process, calls it made included."""
        sections = (
            section for node in own_nodes(server) for section in self.own_sections.get(node, ())
        )
        return sum(end - start for start, end in sections)

    def between(self, call: Call, before: Call) -> Cuts:
        """Return the pause of their parent from the end of *before* to the start of *call*."""
        pause = Interval(before.node.end, call.node.start)
        if call.node.parent is None or pause.start >= pause.end:
            return {}
        return {call.node.parent: (pause,)}

    def merged(self, parts: Iterable[Cuts]) -> Cuts:
        """Return all *parts* as one, without overlaps."""
        gathered: dict[Node, list[Interval]] = {}
        for part in parts:
            for node, intervals in part.items():
                gathered.setdefault(node, []).extend(intervals)
        return {node: union(intervals) for node, intervals in gathered.items()}

    def cost_of(self, cuts: Cuts) -> int:
        """Return how much of *cuts*, merged ones, the request waited for."""
        return sum(
            overlap(self.own_sections.get(node, ()), intervals) for node, intervals in cuts.items()
        )

    def saving_of(self, cuts: Cuts) -> int:
        """Return what the request would save without *cuts*, by re-simulation (R7)."""
        own_time = without({node: union(intervals) for node, intervals in cuts.items()})
        return self.total - simulate(self.root, own_time, self.overflow, self.tolerance)

    def remembered(self, call: Call) -> Reuse | None:
        """Return what the store remembers of *call*'s service and target."""
        if self.history is None or call.target is None:
            return None
        return self.history(call.client, call.target)


def own_nodes(server: Node) -> Sequence[Node]:
    """Return *server* and what its process did for that request, the calls it made included."""
    nodes = [server]
    for node in nodes:  # grows while it is walked
        nodes.extend(
            child
            for child in node.children
            if child.span.kind is not Kind.SERVER and child.span.service == server.span.service
        )
    return nodes


def entry_of(call: Call) -> Node:
    """Return the span with which *call*'s service began its part of the request."""
    node = call.node
    while (
        node.span.kind is not Kind.SERVER
        and node.parent is not None
        and node.parent.span.service == call.client
    ):
        node = node.parent
    return node
