"""A call that failed in a request that failed (``failed-call``): what it cost is the request.

Of several the one that ended last is named. What was sent again is no cause, nor a call that its
own side gave up, as when the request's reader had left. A dead connection has a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import conventions
from analyzer.call_facts import failure
from analyzer.calls import Call, wraps_another
from analyzer.findings.chains import retried
from analyzer.findings.keep_alive import dead_on_use
from analyzer.findings.request import Request
from analyzer.findings.wording import REFUSED, count, first_place
from analyzer.report import Finding
from analyzer.span import Status
from analyzer.units import duration

RULE = "failed-call"
_SERVER_ERROR = 500
_GIVEN_UP = frozenset({"CancelledError", "Cancelled", "GeneratorExit"})


def find(request: Request) -> Iterable[Finding]:
    """Yield at most one finding: the call by which the request failed."""
    if not _failed(request):
        return
    again = set(retried(request.calls).values())
    calls = [call for call in request.calls if call not in again and _is_candidate(call)]
    calls = [call for call in calls if call.node is not request.root]
    if calls:
        yield _finding(request, max(calls, key=lambda call: call.node.end), len(calls))


def _failed(request: Request) -> bool:
    span = request.root.span
    status = conventions.status_code(span) or 0
    return not request.root.virtual and (span.status is Status.ERROR or status >= _SERVER_ERROR)


def _is_candidate(call: Call) -> bool:
    error = (failure(call)[0] or "").rpartition(".")[2]
    failed = bool(error) and error not in _GIVEN_UP
    return failed and not wraps_another(call) and not dead_on_use(call)


def _finding(request: Request, call: Call, failed: int) -> Finding:
    return Finding(
        rule=RULE,
        title=f"The call to {call.peer} failed",
        cost_ns=request.total,
        share=request.share(request.total),
        evidence=tuple(_evidence(request, call, failed)),
        where=first_place([call]),
        fix=tuple(_fix(call)),
        fatal=True,
    )


def _evidence(request: Request, call: Call, failed: int) -> Iterator[str]:
    error, phase = failure(call)
    span = call.node.span
    asked = " ".join(filter(None, (conventions.method(span), conventions.path(span)))) or "It"
    during = f" in {phase}" if phase else ""
    yield f"{asked} ended{during} after {duration(call.node.duration)} with {error}."
    if failed > 1:
        yield f"{count(failed, 'call')} of this request failed; that was the last."
    status = conventions.status_code(request.root.span) or 0
    answer = f", with status {status}" if status >= _SERVER_ERROR else ""
    yield f"Likely: the request failed because of it{answer}."


def _fix(call: Call) -> Iterator[str]:
    if any(attempt.outcome == REFUSED for attempt in call.attempts) and call.unreached:
        yield f"start {call.peer}, or correct the port: nothing listens there"
    else:
        yield f"see what became of it at {call.peer}"
    yield "and answer something useful without it, where that can be"
