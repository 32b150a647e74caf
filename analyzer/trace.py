"""Spans become a tree: ids, parents, roots and orphans (R0, R1). Pure.

The order of work is :func:`grow` (ids and parents, on raw times), clock skew and adoption on the
forest, then :func:`plant` (one root). Every walk is iterative: a chain of 10,000 spans is legal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.span import Kind, Span
from tracekit.attributes import BODY_OF

GAP = "gap / uninstrumented"
"""Name of the virtual root, whose own time is the time in which no root ran (R1)."""
_NO_PARENT = frozenset({None, "", "0" * 16})


@dataclass(eq=False)
class Node:
    """A span in its tree; times are adjusted Unix nanoseconds, the raw ones stay in *span*.

    ``start``/``end`` are the span's times after the clock *shift* and after late bodies have
    extended it. ``bodies`` are those late bodies (attribute ``tracekit.body_of``): not nodes.
    *virtual* is the root that R1 puts over several. ``rests`` are of calls made further below whose
    responses it takes over, and ``handed_over`` says that of a call (:mod:`analyzer.handover`).
    """

    span: Span
    start: int
    end: int
    shift: int = 0
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    bodies: list[Span] = field(default_factory=list)
    virtual: bool = False
    rests: list[Rest] = field(default_factory=list)
    handed_over: bool = False

    @property
    def duration(self) -> int:
        """Length in nanoseconds, late bodies included."""
        return self.end - self.start

    @property
    def own_end(self) -> int:
        """The end of the span itself, without its late bodies."""
        return self.start + self.span.duration_ns

    def move(self, shift: int) -> None:
        """Add a clock shift, in nanoseconds (R2)."""
        self.shift += shift
        self.start += shift
        self.end += shift


class Rest(NamedTuple):
    """What is left of a call from *start* on, in adjusted Unix nanoseconds."""

    call: Node
    start: int


@dataclass
class Forest:
    """What the ids say before there is one root: true roots, orphans, and what was wrong.

    *orphans* have no parent here, but name one: it is missing, or, of those in *cut*, a descendant
    or the span itself.
    """

    nodes: list[Node]
    roots: list[Node]
    orphans: list[Node]
    cut: set[Node]
    warnings: list[str]


@dataclass(frozen=True)
class Tree:
    """One request: *root* may be virtual; *orphans* hang outside it, beside their subtrees.

    *cut* are the orphans whose parent is not missing: there a cycle was cut. *nodes* are all spans,
    orphans' included, without the virtual root. *complete* is false when something is known to be
    missing.
    """

    root: Node
    first: Node
    nodes: list[Node]
    orphans: list[Node]
    cut: set[Node]
    complete: bool
    warnings: list[str]

    @property
    def rooted(self) -> bool:
        """Whether the request's own first span is here, and not only some below it."""
        return self.first.span.parent_id in _NO_PARENT


def grow(spans: Sequence[Span]) -> Forest:
    """Link spans to their parents and find roots and orphans (R0); times are still raw."""
    warnings: list[str] = []
    # One order from here on, so that a tie is never decided by the order of arrival.
    groups = _distinct(sorted(spans, key=_first), warnings)
    nodes, bodies = _nodes(groups)
    _link(nodes, groups)
    cut = _break_cycles(nodes, warnings)
    for body, owner in bodies:
        owner.bodies.append(body)
        owner.end = max(owner.end, body.start_ns + body.duration_ns)
    roots: list[Node] = []
    orphans = list(cut)
    for node in nodes:
        if node.parent is None and node not in cut:
            (roots if node.span.parent_id in _NO_PARENT else orphans).append(node)
    roots.sort(key=_by_start)
    orphans.sort(key=_by_start)
    return Forest(nodes, roots, orphans, cut, warnings)


def plant(forest: Forest) -> Tree:
    """Choose the root (R1): the true one, a virtual one over several, or the orphans' hull."""
    warnings = list(forest.warnings)
    tops, orphans = forest.roots, forest.orphans
    if not tops:
        tops, orphans = orphans, []
        fault = _why_rootless(tops, forest.cut)
        warnings.append(f"{fault}: the total is the observed extent, not the request total")
    elif len(tops) > 1:
        warnings.append(f"{len(tops)} spans have no parent: the time between them is {GAP}")
    lost = [node for node in orphans if node not in forest.cut]
    if lost:
        warnings.append(f"the parent span is missing of: {_names(lost)} (left off the path)")
    root = tops[0] if len(tops) == 1 else _virtual_root(tops)
    complete = len(forest.roots) == 1 and not orphans
    return Tree(root, tops[0], forest.nodes, orphans, forest.cut, complete, warnings)


def _why_rootless(tops: Sequence[Node], cut: set[Node]) -> str:
    if cut.issuperset(tops):
        return "no span is the request's first"
    if len(tops) == 1 and tops[0].span.kind is Kind.SERVER:
        return f"what called {tops[0].span.service} is traced elsewhere, or has not ended"
    return "the request's first span is missing"


def _names(nodes: Sequence[Node]) -> str:
    names = ", ".join(f"{node.span.service} {node.span.name}" for node in nodes[:3])
    return f"{names} and {len(nodes) - 3} more" if len(nodes) > 3 else names


def preorder(tops: Iterable[Node]) -> Iterator[Node]:
    """Yield every node under *tops*, parents before children, children by start."""
    stack = sorted(tops, key=_by_start, reverse=True)
    while stack:
        node = stack.pop()
        yield node
        stack.extend(sorted(node.children, key=_by_start, reverse=True))


def top_of(node: Node) -> Node:
    """Return the ancestor of *node* that has no parent."""
    while node.parent is not None:
        node = node.parent
    return node


def _by_start(node: Node) -> tuple[int, int, str]:
    return node.start, -node.end, node.span.span_id


def _first(span: Span) -> tuple[int, int, str, str]:
    return span.start_ns, -span.end_ns, span.trace_id, span.span_id


_Groups = dict[tuple[str, str], list[Node]]
"""The nodes of one (trace id, span id): one, or a client and a server that share it (Zipkin)."""


def _distinct(spans: Sequence[Span], warnings: list[str]) -> _Groups:
    by_id: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        by_id[span.trace_id, span.span_id].append(span)
    groups: _Groups = {}
    repeated, differing = 0, 0
    for key, same in by_id.items():
        kept = same if len(same) == 1 else _once(same)
        repeated += len(same) - len(kept)
        differing += sum(1 for span in same if span not in kept)
        groups[key] = [Node(s, s.start_ns, s.start_ns + s.duration_ns) for s in kept]
    if repeated:
        words = f", {differing} of them with other content: the longest was kept"
        warnings.append(
            f"{repeated} duplicate spans were received and counted once{words if differing else ''}"
        )
    return groups


def _once(same: list[Span]) -> list[Span]:
    sides = [[s for s in same if s.kind is kind] for kind in (Kind.CLIENT, Kind.SERVER)]
    return [max(side, key=_fullest) for side in (sides if all(sides) else [same])]


def _fullest(span: Span) -> tuple[int, int, str]:
    """Order duplicates so that the choice does not depend on the order of arrival."""
    return span.duration_ns, -span.start_ns, repr(span)


def _nodes(groups: _Groups) -> tuple[list[Node], list[tuple[Span, Node]]]:
    """Part the spans into nodes and late bodies, each body with the client that it completes."""
    nodes, bodies = [], []
    for group in list(groups.values()):
        for node in group:
            owner = _body_owner(node, groups)
            if owner is None:
                nodes.append(node)
            else:
                bodies.append((node.span, owner))
                groups[node.span.trace_id, node.span.span_id] = [owner]
    return nodes, bodies


def _body_owner(node: Node, groups: _Groups) -> Node | None:
    owner_id = node.span.attributes.get(BODY_OF)
    if not isinstance(owner_id, str) or node.span.kind is Kind.CLIENT:
        return None
    group = groups.get((node.span.trace_id, owner_id), [])
    return next((owner for owner in group if owner.span.kind is Kind.CLIENT), None)


def _link(nodes: list[Node], groups: _Groups) -> None:
    for node in nodes:
        parent = _parent_of(node, groups)
        if parent is not None:
            node.parent = parent
            parent.children.append(node)


def _parent_of(node: Node, groups: _Groups) -> Node | None:
    span = node.span
    if span.kind is Kind.SERVER:
        for twin in groups[span.trace_id, span.span_id]:
            if twin.span.kind is Kind.CLIENT:
                return twin
    if span.parent_id is None or span.parent_id in _NO_PARENT:
        return None
    found = groups.get((span.trace_id, span.parent_id), [])
    if len(found) < 2:
        return found[0] if found else None
    # A client and a server share the id (Zipkin): the child was made where the server runs,
    # unless its service says otherwise.
    client, server = found
    return client if span.service == client.span.service != server.span.service else server


def _break_cycles(nodes: list[Node], warnings: list[str]) -> set[Node]:
    """Cut every cycle of parents at its earliest span; that span becomes an orphan (R0)."""
    cut: set[Node] = set()
    seen: dict[Node, int] = {}
    for number, start in enumerate(nodes):
        node: Node | None = start
        while node is not None and node not in seen:
            seen[node] = number
            node = node.parent
        if node is not None and seen[node] == number and node.parent is not None:
            first = min(_cycle(node), key=_by_start)
            _detach(first)
            cut.add(first)
            warnings.append(f"the parents of span {first.span.span_id} form a cycle; it was cut")
    return cut


def _cycle(node: Node) -> list[Node]:
    members = [node]
    while (parent := members[-1].parent) is not None and parent is not node:
        members.append(parent)
    return members


def _detach(node: Node) -> None:
    if node.parent is not None:
        node.parent.children.remove(node)
        node.parent = None


def _virtual_root(tops: list[Node]) -> Node:
    start = min(node.start for node in tops)
    end = max(node.end for node in tops)
    span = Span("", "", None, GAP, Kind.UNSPECIFIED, start, end, "")
    root = Node(span, start, end, children=list(tops), virtual=True)
    for node in tops:
        node.parent = root
    return root
