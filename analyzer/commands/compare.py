"""``tracekit compare``: two sets of requests, stage by stage, with a verdict."""

from __future__ import annotations

import argparse

from analyzer.commands.reading import read_spool, report_of
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


def run(args: argparse.Namespace) -> int:
    """Compare the sets that *args* name and print the answer as text or JSON."""
    with open_store(args.store) as store:
        read_spool(store)
        before, after = (_side(store, text) for text in (args.a, args.b))
    comparison = compare(before, after)
    if args.json:
        print(to_json(comparison))
    else:
        print_comparison(comparison, open_terminal(no_color=args.no_color, width=args.width))
    return 0


def _side(store: Store, text: str) -> Side:
    """Return the requests that *text* means: a label before a version before a time range."""
    name, rows = _requests(store, text)
    newest = rows[:MOST]
    reports = [report_of(store, row.request_id) for row in reversed(newest)]
    return Side(name, reports, left_out=len(rows) > MOST)


def _requests(store: Store, text: str) -> tuple[str, list[RequestRow]]:
    if rows := recent(store, label=text, limit=MOST + 1):
        return f"label={text}", rows
    if rows := recent(store, version=text, limit=MOST + 1):
        return f"version={text}", rows
    span = parse_range(text)
    if span is None:
        raise BadInput(_unknown(store, text))
    if rows := recent(store, since_ns=span[0], until_ns=span[1], limit=MOST + 1):
        return text, rows
    raise BadInput(f"no request in {store.name} began in {text}")


def _unknown(store: Store, text: str) -> str:
    rows = recent(store, limit=_SEARCHED)
    known = [
        f"{what}: {_listed({name for row in rows if (name := getattr(row, field))})}"
        for what, field in (("labels", "label"), ("versions", "version"))
    ]
    return (
        f'"{text}" is no label, service version or time range (12:00..12:05) of {store.name}. '
        f"Known {'; '.join(known)}."
    )


def _listed(names: set[str]) -> str:
    shown = sorted(names)[:_LISTED]
    rest = len(names) - len(shown)
    return (", ".join(shown) or "none") + (f" and {rest} more" if rest else "")
