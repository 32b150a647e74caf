"""``tracekit list``: recent requests, newest first, each with what the analysis finds first."""

from __future__ import annotations

import argparse

from analyzer.commands.reading import history_of, read_spool, reports_of
from analyzer.render.list_json import to_line
from analyzer.render.list_text import Listed, print_list
from analyzer.render.safe import print_error
from analyzer.render.terminal import open_terminal
from analyzer.requests import RequestRow, recent
from analyzer.store import Store, open_store
from analyzer.when import parse_duration, parse_moment


def run(args: argparse.Namespace) -> int:
    """Print the requests that pass the filters of *args*; none is no failure."""
    terminal = open_terminal(no_color=args.no_color, width=args.width)
    with open_store(args.store) as store:
        read_spool(store)
        rows = _matching(store, args)
        if not rows:
            print_error(_nothing(store))
        reports = reports_of(store, [row.request_id for row in rows], history_of(store))
        requests = [Listed(row, report) for row, report in zip(rows, reports, strict=True)]
    if args.json:
        for listed in requests:
            print(to_line(listed))
    elif requests:
        print_list(requests, terminal)
    return 0


def _matching(store: Store, args: argparse.Namespace) -> list[RequestRow]:
    return recent(
        store,
        since_ns=parse_moment(args.since) if args.since else None,
        service=args.service,
        min_duration_ns=parse_duration(args.min_duration) if args.min_duration else None,
        errors=args.errors,
        limit=args.limit,
    )


def _nothing(store: Store) -> str:
    if recent(store, limit=1):
        return f"no request in {store.name} fits these filters."
    return (
        f"no requests in {store.name} yet. Try `tracekit demo`, or call tracekit.init() in a "
        "service and send it a request."
    )
