"""Connections opened where one could have been reused (``no-connection-reuse``).

A single new connection is no fault: somebody has to open it. The rule speaks only where
:mod:`analyzer.findings.reuse_proof` can show that this one was not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer.calls import Call, wraps_another
from analyzer.findings.chains import retried
from analyzer.findings.idle import Uses, is_kept
from analyzer.findings.keep_alive import dead_on_use
from analyzer.findings.pool_too_small import opened_after_discard
from analyzer.findings.request import Request
from analyzer.findings.reuse_proof import Proof, prove
from analyzer.findings.wording import count, keep_connections
from analyzer.phases import OK, OPENING, Interval
from analyzer.process import Process, process_of
from analyzer.report import Finding
from analyzer.units import duration

RULE = "no-connection-reuse"
WORTH_TELLING_NS = 1_000_000


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per process and target where connections were not reused (R7)."""
    grouped: dict[tuple[str, Process, str | None], list[Call]] = {}
    for call in request.calls:
        if not wraps_another(call):
            key = call.client, process_of(call.node.span), call.target
            grouped.setdefault(key, []).append(call)
    uses = Uses(request)
    for calls in grouped.values():
        another = _another_cause(uses, calls)
        opened = [call for call in calls if call.opened and call not in another]
        proof = prove(request, calls, opened) if opened else None
        if proof is not None:
            yield _finding(request, calls, proof)


def _another_cause(uses: Uses, calls: Sequence[Call]) -> set[Call]:
    """Return the calls that had to open a connection for a reason that another rule names."""
    before = retried(calls)
    idle = (call for call in calls if call.opened and uses.idled(call) is not None)
    dead = (call for call in before if dead_on_use(before[call]))
    return {*opened_after_discard(calls), *idle, *dead}


def _finding(request: Request, calls: Sequence[Call], proof: Proof) -> Finding:
    opening = {call: call.opening for call in proof.calls}
    cost = sum(request.cost(call, intervals) for call, intervals in opening.items())
    cost += request.making_cost(proof.calls)
    return Finding(
        rule=RULE,
        title=_title(calls, proof.calls),
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(request, proof, cost)),
        where=proof.where,
        fix=_fix(proof.calls[0]),
        saving_ns=request.saving(opening, made_before=proof.calls),
    )


def _title(calls: Sequence[Call], wasted: Sequence[Call]) -> str:
    peer = wasted[0].peer
    if len(wasted) == len(calls):
        return f"A new connection for every call to {peer}"
    return f"A new connection for {len(wasted)} of {len(calls)} calls to {peer}"


def _evidence(request: Request, proof: Proof, cost: int) -> Iterator[str]:
    parts = {name: sum(call.phase_ns(name) for call in proof.calls) for name in OPENING}
    named = ", ".join(f"{name} {duration(ns)}" for name, ns in parts.items() if ns)
    took = sum(parts.values())
    yield f"Opening {count(len(proof.calls), 'connection')} took {duration(took)}: {named}."
    making = request.making_cost(proof.calls)
    shows = cost > took and duration(cost) != duration(took)
    if making >= WORTH_TELLING_NS or shows:
        yield f"Making {count(len(proof.calls), 'client')} for that took {duration(making)} more."
    yield proof.sentence
    in_vain = sum(request.cost(call, _lost_in_vain(call)) for call in proof.calls)
    if in_vain:
        yield f"{duration(in_vain)} of this is an address tried in vain, a cause of its own."


def _fix(call: Call) -> tuple[str, ...]:
    if not is_kept(call):
        return keep_connections(call)
    return (
        "read every response to its end, or close it: until then its connection is not free",
        f"and see whether {call.peer} closes after each response, as gunicorn's sync workers do",
    )


def _lost_in_vain(call: Call) -> tuple[Interval, ...]:
    attempts = sorted(call.attempts, key=lambda attempt: attempt.start)
    good = next((attempt for attempt in attempts if attempt.outcome == OK), None)
    if good is None or good is attempts[0]:
        return ()
    return (Interval(attempts[0].start, good.start),)
