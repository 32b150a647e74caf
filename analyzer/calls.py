"""Outgoing calls: a client span with its phases, the addresses it tried and its server. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer import conventions
from analyzer.phases import OK, OPENING, Attempt, Interval, Phase, attempts_of, phases_of
from analyzer.span import Kind
from analyzer.trace import Node, Tree
from tracekit import attributes as a

UNKNOWN_PEER = "unknown"


@dataclass(frozen=True, eq=False)
class Call:
    """One outgoing call. *servers* are the server spans that it reached, usually one or none."""

    node: Node
    servers: tuple[Node, ...]
    phases: tuple[Phase, ...]
    attempts: tuple[Attempt, ...]

    @property
    def client(self) -> str:
        """The calling service."""
        return self.node.span.service

    @property
    def peer(self) -> str:
        """The called service, or the address where that sent no span."""
        if self.servers:
            return self.servers[0].span.service
        return self.target or UNKNOWN_PEER

    @property
    def target(self) -> str | None:
        """``server.address:port``: what a pool keeps connections to."""
        return conventions.target(self.node.span)

    @property
    def state(self) -> str | None:
        """``new``, ``reused``, ``joined``, or None where the data does not say."""
        return conventions.text(self.node.span.attributes, a.CONNECTION_STATE)

    def text(self, name: str) -> str | None:
        """Return the string attribute *name* of the client span."""
        return conventions.text(self.node.span.attributes, name)

    def number(self, name: str) -> int | None:
        """Return the integer attribute *name* of the client span."""
        return conventions.number(self.node.span.attributes, name)

    def phase_ns(self, *names: str) -> int:
        """Return the length of the phases *names* together."""
        return sum(phase.end - phase.start for phase in self.phases if phase.name in names)

    def intervals(self, *names: str) -> tuple[Interval, ...]:
        """Return when the phases *names* ran."""
        return tuple(Interval(p.start, p.end) for p in self.phases if p.name in names)

    @property
    def opening(self) -> tuple[Interval, ...]:
        """The time that a reused connection would not have cost."""
        return self.intervals(*OPENING)

    @property
    def making(self) -> tuple[Interval, ...]:
        """When its client was made, of a client's first call; that is its caller's own time."""
        setup, age = self.number(a.CLIENT_SETUP), self.number(a.CLIENT_AGE)
        if setup is None or age is None or setup <= 0 or age < 0:
            return ()
        made = self.node.start - age
        return (Interval(made - setup, made),)

    @property
    def unreached(self) -> bool:
        """Whether it failed before it had a connection: the look-up, or every address tried."""
        if conventions.answered(self.node.span):
            return False
        if self.attempts:
            return all(attempt.outcome != OK for attempt in self.attempts)
        return self.text(a.DNS_ERROR) is not None

    @property
    def opened(self) -> bool:
        """Whether it opened its connection, and that took time."""
        return self.state == "new" and not self.unreached and bool(self.opening)


def calls_of(tree: Tree) -> dict[Node, Call]:
    """Return every client span of *tree* as a call, by its node, in order of time."""
    clients = (node for node in tree.nodes if node.span.kind is Kind.CLIENT)
    ordered = sorted(clients, key=lambda node: (node.start, node.span.span_id))
    return {node: _call(node) for node in ordered}


def wraps_another(call: Call) -> bool:
    """Return whether *call* is only the outer span of a call that a library below also recorded."""
    return not call.servers and any(
        child.span.kind is Kind.CLIENT and child.span.service == call.client
        for child in call.node.children
    )


def _call(node: Node) -> Call:
    servers = tuple(child for child in node.children if child.span.kind is Kind.SERVER)
    return Call(node, servers, phases_of(node), attempts_of(node))
