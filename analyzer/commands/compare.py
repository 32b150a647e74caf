"""``tracekit compare``: two sets of requests, stage by stage, with a verdict."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from analyzer.commands.reading import read_spool, reports_of
from analyzer.compare import Side, compare
from analyzer.errors import BadInput
from analyzer.render.compare_json import to_json
from analyzer.render.compare_text import print_comparison
from analyzer.render.terminal import open_terminal
from analyzer.requests import RequestRow, recent
from analyzer.store import Store, open_store
from analyzer.when import parse_range

MOST = 500
"""Requests read a side, the newest ones: more than the 368 that a p99 needs."""
_SEARCHED = 10_000
_LISTED = 8
_NO_LABEL = "none (`tracekit run --label NAME` or the service's TRACEKIT_LABEL sets one)"


def run(args: argparse.Namespace) -> int:
    """Compare the sets that *args* name and print the answer as text or JSON."""
    with open_store(args.store) as store:
        read_spool(store)
        before, after = (_side(store, text, args.route) for text in (args.a, args.b))
    comparison = compare(before, after)
    if args.json:
        print(to_json(comparison))
    else:
        print_comparison(comparison, open_terminal(no_color=args.no_color, width=args.width))
    return 0


def _side(store: Store, text: str, route: str | None) -> Side:
    """Return the requests that *text* means: a label before a version before a time range."""
    name, rows = _requests(store, text, MOST + 1 if route is None else None)
    if route is not None:
        name, rows = f"{name}, route={route}", _of_route(rows, route, f"{name} in {store.name}")
    newest = rows[:MOST]
    reports = list(reports_of(store, [row.request_id for row in reversed(newest)]))
    return Side(name, reports, left_out=len(rows) > MOST)


def _requests(store: Store, text: str, limit: int | None) -> tuple[str, list[RequestRow]]:
    if rows := recent(store, label=text, limit=limit):
        return f"label={text}", rows
    if rows := recent(store, version=text, limit=limit):
        return f"version={text}", rows
    span = parse_range(text)
    if span is None:
        raise BadInput(_unknown(store, text))
    if rows := recent(store, since_ns=span[0], until_ns=span[1], limit=limit):
        return text, rows
    raise BadInput(f"no request in {store.name} began in {text}")


def _of_route(rows: Sequence[RequestRow], route: str, where: str) -> list[RequestRow]:
    """Return the requests of *route*, as ``list`` shows it, with or without its service."""
    found = [row for row in rows if route in (row.name, f"{row.service} {row.name}")]
    if not found:
        known = _listed({f"{row.service} {row.name}" for row in rows})
        raise BadInput(f'no request of {where} has the route "{route}". Known routes: {known}.')
    return found


def _unknown(store: Store, text: str) -> str:
    rows = recent(store, limit=_SEARCHED)
    labels = {row.label for row in rows if row.label}
    versions = {row.version for row in rows if row.version}
    return (
        f'"{text}" is no label, service version or time range (12:00..12:05) of {store.name}. '
        f"Known labels: {_listed(labels) if labels else _NO_LABEL}; versions: {_listed(versions)}."
    )


def _listed(names: set[str]) -> str:
    shown = sorted(names)[:_LISTED]
    rest = len(names) - len(shown)
    return (", ".join(shown) or "none") + (f" and {rest} more" if rest else "")
