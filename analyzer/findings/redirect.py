"""A call that is sent on elsewhere first (``redirect``): the answer 30x costs a round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.chains import redirected
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place
from analyzer.phases import Interval, union
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "redirect"


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and URL that was redirected."""
    grouped: dict[tuple[str, str], dict[Call, Call]] = {}
    for call, before in redirected(request.calls).items():
        grouped.setdefault((call.client, _url(before)), {})[call] = before
    for links in grouped.values():
        yield _finding(request, links)


def _finding(request: Request, links: Mapping[Call, Call]) -> Finding:
    wasted = [request.below(old.node, _needless(call, old)) for call, old in links.items()]
    wasted += [request.between(call, old) for call, old in links.items()]
    cuts = request.merged(wasted)
    cost = request.cost_of(cuts)
    call, old = next(iter(links.items()))
    method = conventions.method(old.node.span) or "call"
    return Finding(
        rule=RULE,
        title=f"{method} {conventions.path(old.node.span) or old.peer} is redirected",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(links)),
        where=first_place([old, call]),
        fix=(f"call {_url(call)} at once",),
        saving_ns=request.saving_of(cuts),
    )


def _needless(call: Call, old: Call) -> tuple[Interval, ...]:
    """Return what of *old* need not have been: not opening the connection that *call* went on."""
    end = old.node.end
    if old.target != call.target or call.state == "new":
        return (Interval(old.node.start, end),)
    pieces, cursor = [], old.node.start
    for opening in union(old.opening):
        pieces.append(Interval(cursor, opening.start))
        cursor = opening.end
    pieces.append(Interval(cursor, end))
    return tuple(piece for piece in pieces if piece.start < piece.end)


def _evidence(links: Mapping[Call, Call]) -> Iterator[str]:
    call, old = next(iter(links.items()))
    status = conventions.status_code(old.node.span)
    yield (
        f"{old.peer} answered {status} after {duration(old.node.duration)}; the call then went to "
        f"{_url(call)}{_why(call, old)}."
    )
    if len(links) > 1:
        yield f"This happened to {count(len(links), 'call')} of this request."
    yield "Sure: both requests were recorded."


def _why(call: Call, old: Call) -> str:
    here, there = (conventions.path(it.node.span) or "/" for it in (old, call))
    if old.target != call.target:
        return ", another server or port"
    if here != there and here.rstrip("/") == there.rstrip("/"):
        return ": only the slash at the end differs"
    return ""


def _url(call: Call) -> str:
    url = conventions.text(call.node.span.attributes, a.URL_FULL, "http.url")
    path = conventions.path(call.node.span) or ""
    return (url or f"{call.target or call.peer}{path}").split("?", 1)[0]
