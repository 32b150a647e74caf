"""What proves that a call need not have opened its connection.

Only proof counts, the strongest that there is:

1. the store: at least 3 calls of this process to this target opened one, and none was reused,
   though some began when an earlier one had left its connection, or each had a client of its own;
2. the client was made on the line of the call (``requests.get``), or during this request in the
   function that made the call: then it cannot be kept;
3. within this request an earlier call had left a connection free, for less than the 5 s after
   which servers and pools close it.

A connection is kept by a process (R7), so the calls judged together are those of one process, and
no other process's calls speak against them. Where spans do not name their process, the first and
the third kind show only what is likely. For the second kind the process must be one that makes more
than one call: a script that calls once has nothing to reuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import ProcessReuse, Request, Reuse, entry_of
from analyzer.findings.wording import first_place
from analyzer.places import called_at, made_at
from analyzer.process import process_of
from analyzer.span import Kind
from analyzer.units import duration
from tracekit import attributes as a

FEWEST_REMEMBERED = 3
MANY_THREADS = 64
"""More calls than threads that may each keep a client: thread pools have some 32 to 40."""
KEPT_OPEN_NS = 5_000_000_000


@dataclass(frozen=True)
class Proof:
    """Which calls need not have opened a connection, the sentence that shows it, where to look."""

    calls: tuple[Call, ...]
    sentence: str
    where: str | None


def prove(request: Request, calls: Sequence[Call], opened: Sequence[Call]) -> Proof | None:
    """Return the strongest proof against *opened*, those that opened a connection.

    *calls* are all calls of one process to one target, in order of time.
    """
    remembered = request.remembered(opened[0])
    own = _of_process(remembered, process_of(opened[0].node.span).name)
    return (
        _by_store(own, calls, opened)
        or _by_place(remembered, own, calls, opened)
        or _by_free_connection(calls, opened)
    )


def _of_process(remembered: Reuse | None, name: str | None) -> ProcessReuse | None:
    processes = remembered.processes if remembered is not None else ()
    return next((process for process in processes if process.instance == name), None)


def _by_store(
    own: ProcessReuse | None, calls: Sequence[Call], opened: Sequence[Call]
) -> Proof | None:
    """Judge by the store, where no call of the process reused a connection."""
    if own is None or own.reused or own.new < FEWEST_REMEMBERED:
        return None
    if not (_had_the_choice(own, calls) or _a_client_for_each(own, opened)):
        return None
    place = made_at(opened[0]) or first_place(opened)
    may_be_kept = own.calls < MANY_THREADS and own.first_calls == own.calls
    if may_be_kept and not _a_client_for_each(own, opened):
        return Proof(tuple(opened), _perhaps_kept(own, opened[0]), place)
    return Proof(tuple(opened), _remembered(own, opened[0]), place)


def _had_the_choice(own: ProcessReuse, calls: Sequence[Call]) -> bool:
    """Return whether its connections were not needed: calls side by side need one each."""
    if own.needless is None:
        return own.new >= 2 * _most_at_once(calls)
    return own.needless >= FEWEST_REMEMBERED - 1


def _a_client_for_each(own: ProcessReuse, opened: Sequence[Call]) -> bool:
    """Return whether each call of the process had a new client, and these made theirs themselves.

    Clients that a helper function makes may be those of threads, which each keep theirs.
    """
    return own.first_calls == own.calls and all(map(_made_for_the_request, opened))


def _remembered(own: ProcessReuse, call: Call) -> str:
    edge = f"from {call.client} to {call.target} opened a new connection"
    if own.instance is not None:
        return (
            f"Sure: in the store, {own.new} of {own.calls} calls of this process {edge}; "
            f"none was reused."
        )
    return (
        f"Likely: in the store, {own.new} of {own.calls} calls {edge} and none was reused; "
        f"sure unless they came from several processes, which the spans do not tell."
    )


def _perhaps_kept(own: ProcessReuse, call: Call) -> str:
    return (
        f"Likely: in the store, {own.new} of {own.calls} calls of this process from {call.client} "
        f"to {call.target} opened a new connection, each by a client of its own; sure unless each "
        f"is kept, by a thread say, for calls to come."
    )


def _by_place(
    remembered: Reuse | None,
    own: ProcessReuse | None,
    calls: Sequence[Call],
    opened: Sequence[Call],
) -> Proof | None:
    if not (_serves_many(opened[0]) or len(calls) > 1 or (own is not None and own.calls > 1)):
        return None
    on_line = [call for call in opened if _made_for_the_call(call)]
    if on_line:
        made = "the client was made for this one call, on the very line of the call"
        sentence = f"Sure: {made}."
        return Proof(tuple(on_line), sentence, made_at(on_line[0]))
    # A client that any process kept is one that this process may have just begun to keep.
    kept_before = remembered is not None and remembered.reused > 0
    in_request = [call for call in opened if not kept_before and _made_for_the_request(call)]
    if not in_request:
        return None
    age = duration(in_request[0].number(a.CLIENT_AGE) or 0)
    sentence = (
        f"Likely: the client was made {age} before the call, in the same function and while this "
        f"request was handled, and had served no call; sure unless it is kept for later requests."
    )
    return Proof(tuple(in_request), sentence, made_at(in_request[0]))


def _by_free_connection(calls: Sequence[Call], opened: Sequence[Call]) -> Proof | None:
    judged = set(opened)
    wasted = tuple(call for call in _opened_beside_a_free_one(calls) if call in judged)
    if not wasted:
        return None
    one_process = process_of(wasted[0].node.span).name is not None
    return Proof(
        wasted,
        f"{'Sure' if one_process else 'Likely'}: an earlier call of this request had left a "
        f"connection free. {_why_not_kept(wasted)}",
        made_at(wasted[0]) or first_place(wasted),
    )


def _why_not_kept(wasted: Sequence[Call]) -> str:
    if any(call.number(a.CLIENT_REQUESTS) for call in wasted):
        return (
            "The client was kept and its connection was not: the server closed it, or a body was "
            "not read to its end."
        )
    return "Likely each of these calls had a client of its own."


def _opened_beside_a_free_one(calls: Sequence[Call]) -> Iterator[Call]:
    """Yield the calls that opened a connection while one lay idle; *calls* are in order of time."""
    running: list[tuple[int, int]] = []
    freed: dict[str | None, int] = {}
    opened = 0
    for number, call in enumerate(calls):
        while running and running[0][0] <= call.node.start:
            end, ended = heappop(running)
            if calls[ended].state is not None and conventions.answered(calls[ended].node.span):
                freed[made_at(calls[ended])] = end
        if call.state == "new" and not call.unreached:
            last = max(freed.get(None, 0), freed.get(made_at(call), 0))
            if opened > len(running) and call.node.start - last < KEPT_OPEN_NS:
                yield call
            opened += 1
        heappush(running, (call.node.end, number))


def _serves_many(call: Call) -> bool:
    return entry_of(call).span.kind in (Kind.SERVER, Kind.CONSUMER)


def _made_for_the_call(call: Call) -> bool:
    place = made_at(call)
    return place is not None and place == called_at(call) and not call.number(a.CLIENT_REQUESTS)


def _made_for_the_request(call: Call) -> bool:
    age = call.number(a.CLIENT_AGE)
    if age is None or call.number(a.CLIENT_REQUESTS) != 0:
        return False
    same_function = call.text(a.CLIENT_FUNCTION) == call.text(a.CODE_FUNCTION) is not None
    same_file = call.text(a.CLIENT_FILE) == call.text(a.CODE_FILE) is not None
    return same_file and same_function and age <= call.node.start - entry_of(call).start


def _most_at_once(calls: Sequence[Call]) -> int:
    moments = [(call.node.start, 1) for call in calls] + [(call.node.end, -1) for call in calls]
    most = running = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return most
