"""What the analysis says, as typed results: every output form renders these and computes nothing.

All durations are integer nanoseconds. A share is a fraction of the request's total, 0.0 to 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.facts import CallFacts
from analyzer.service import Outcome, ServiceFacts


@dataclass(frozen=True)
class Root:
    """Where the request began: the root span's service and display name (``POST /hear``)."""

    service: str
    name: str


@dataclass(frozen=True)
class Milestone:
    """A moment marked with ``mark()``, counted from the request's start."""

    service: str
    name: str
    at_ns: int


@dataclass(frozen=True)
class Stage:
    """One line of the breakdown (R5). All stages of a request sum to its total exactly.

    *kind* is one of ``stage`` (a named stage), ``own`` (a server span's own time), ``pool_wait``,
    ``dns``, ``connect``, ``proxy`` (asking one for a tunnel), ``tls``, ``send``, ``network``
    (client wait minus server span), ``queue`` (of that, what it waited at the server before that
    took it up), ``wait`` (waiting for a server that sent no span), ``receive``,
    ``call`` (a client span without phases), ``server_outlived_client``, ``backoff`` (between
    retries), and ``unattributed`` (time inside a call that no phase covers, and gaps between
    roots). *peer* is the other side of a call.
    """

    service: str
    stage: str
    kind: str
    ns: int
    share: float
    peer: str | None = None


@dataclass(frozen=True)
class Edge:
    """All calls from one service to another in this request; sums over the calls.

    ``handoff_ns`` is the client spans' time minus the server spans' time: what the connection cost.
    It is None where no call reached a server that sent spans: nobody knows how long that worked.
    ``queue_ns`` is part of ``network_ns``: the calls waited at the server before it took them up.
    """

    client: str
    server: str
    calls: int
    new_connections: int
    reused: int
    unknown: int
    handoff_ns: int | None
    pool_wait_ns: int
    dns_ns: int
    connect_ns: int
    tls_ns: int
    send_ns: int
    wait_ns: int
    network_ns: int
    receive_ns: int
    proxy_ns: int = 0
    queue_ns: int = 0

    @property
    def beyond_queue_ns(self) -> int:
        """The network's part of the wait: without the queue at the server."""
        return self.network_ns - self.queue_ns

    @property
    def connection_ns(self) -> int:
        """The part of the calls that a reused connection would not have cost."""
        opening = self.dns_ns + self.connect_ns + self.proxy_ns + self.tls_ns
        return self.pool_wait_ns + opening


@dataclass(frozen=True)
class Section:
    """A piece of the critical path (R3); *start_ns* counts from the request's start."""

    span_id: str
    service: str
    name: str
    start_ns: int
    ns: int


AFTER_RESPONSE = "after the response"
"""Why a service's background work is off the path; what of it there was its facts say."""


@dataclass(frozen=True)
class OffPath:
    """A span that the request did not wait for, and why it is off the path."""

    span_id: str
    service: str
    name: str
    start_ns: int
    ns: int
    reason: str


@dataclass(frozen=True)
class Finding:
    """One cause: what it is, what shows it, what it costs, where it is and how to mend it.

    *evidence* is sentences with numbers from this data; *where* is ``file:line in function()`` or
    None; *fix* is lines of words and code; *saving_ns* is what a re-simulation (R7) predicts. A
    *fatal* one cost the request itself: it failed, and *cost_ns* is all of it. With *at_most*
    *cost_ns* is a bound: nobody measured how much of it the request waited for.
    """

    rule: str
    title: str
    cost_ns: int
    share: float
    evidence: tuple[str, ...]
    where: str | None
    fix: tuple[str, ...]
    saving_ns: int | None = None
    fatal: bool = False
    at_most: bool = False


@dataclass(frozen=True)
class TimelineRow:
    """One bar of the timeline: a span or, with *phase*, a phase or an address tried of it.

    *start_ns* counts from the request's start; *depth* is the nesting, 0 for the root; *note* is
    is said beside the bar (``timed out``). *on_path* is whether the critical path touches it.
    """

    depth: int
    service: str
    label: str
    start_ns: int
    ns: int
    span_id: str
    phase: str | None = None
    note: str = ""
    on_path: bool = False
    error: bool = False


@dataclass(frozen=True)
class Report:
    """Everything ``tracekit analyze`` knows about one request."""

    request_id: str | None
    trace_id: str
    root: Root
    start_unix_ns: int
    total_ns: int
    complete: bool
    status: int | None
    services: tuple[str, ...]
    milestones: tuple[Milestone, ...]
    stages: tuple[Stage, ...]
    edges: tuple[Edge, ...]
    critical_path: tuple[Section, ...]
    spans_off_path: tuple[OffPath, ...]
    connection_overhead_ns: int
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    timeline: tuple[TimelineRow, ...] = field(default=(), repr=False)
    hidden_findings: int = 0
    """How many causes cost too little to be named among the findings."""
    calls: tuple[CallFacts, ...] = field(default=(), repr=False)
    """Every outgoing call, in order of time."""
    rooted: bool = True
    """Whether its root span has come: without, *total_ns* is only the extent seen so far."""
    route_known: bool = True
    """Whether *root* names a route: without a root span only where a server span comes first."""
    service_facts: tuple[ServiceFacts, ...] = field(default=(), repr=False)
    """Every service's own side of the request, in order of time."""
    ended: Outcome | None = None
    """How the root ended, where its middleware says so."""
    queued_before_ns: int = 0
    """How long it waited before its first service took it up: not in the total."""
