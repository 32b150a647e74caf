"""``tracekit analyze``: where one request's time went, why, and the fix."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

from analyzer.analysis import analyze
from analyzer.commands.reading import history_of, read_spool
from analyzer.errors import NoSuchRequest, StoreBusy, StoreError
from analyzer.render.analyze_json import to_json
from analyzer.render.analyze_text import print_report
from analyzer.render.terminal import open_terminal
from analyzer.report import Report
from analyzer.requests import EXTREMES, load, resolve, short_id
from analyzer.store import open_store

QUIET = 1.0
"""Seconds without a new span after which a complete request counts as whole."""
POLL = 0.1
GENERATED = 36
"""Characters of a request ID that tracekit made."""


@dataclass(frozen=True)
class Reading:
    """One look at the store: the request's key, how many spans it has by now, and the report."""

    key: str
    spans: int
    report: Report


def run(args: argparse.Namespace) -> int:
    """Analyse the request that *args* name and print it as text or JSON."""
    if args.wait:
        reading = wait_for(lambda text: read(args, text), args.request, args.wait)
    else:
        reading = read_now(args)
    if args.json:
        print(to_json(reading.report))
    else:
        terminal = open_terminal(no_color=args.no_color, width=args.width)
        short = short_id(reading.key)
        print_report(reading.report, terminal, short_id=short, all_calls=args.calls)
    return 0


def read_now(args: argparse.Namespace) -> Reading:
    """Read the request once; say how to wait for one whose ID is whole and yet unknown."""
    try:
        return read(args, args.request)
    except NoSuchRequest as error:
        if len(args.request) != GENERATED:
            raise
        raise NoSuchRequest(f"{error} If it was sent just now, add --wait 5.") from error


def read(args: argparse.Namespace, text: str) -> Reading:
    """Open the store, read the spool, analyse the request *text*, and give the store free again."""
    with open_store(args.store) as store:
        read_spool(store)
        key = resolve(store, text)
        spans = load(store, key)
        report = analyze(spans, overflow=args.overflow, history=history_of(store))
    return Reading(key, len(spans), report)


def wait_for(read: Callable[[str], Reading], text: str, seconds: float) -> Reading:
    """Return the request *text* once it is complete and quiet, or as it is after *seconds*.

    *read* looks at the store; between looks the store is free for others. Raises what *read* last
    raised if the request has not come by then.
    """
    give_up = time.monotonic() + seconds
    quiet_since = time.monotonic()
    seen: Reading | None = None
    while True:
        try:
            # Of "latest" and "slowest" the first that is found; other words may come to mean more.
            reading = read(seen.key if seen and text in EXTREMES else text)
        except StoreError as error:
            # No store yet, or a busy one, can get better; a file that is something else cannot.
            if type(error) not in (StoreError, StoreBusy) or time.monotonic() >= give_up:
                raise
        except NoSuchRequest:
            if time.monotonic() >= give_up:
                raise
        else:
            if seen is None or reading.spans != seen.spans:
                quiet_since = time.monotonic()
            seen = reading
            is_whole = reading.report.complete and time.monotonic() - quiet_since >= QUIET
            if is_whole or time.monotonic() >= give_up:
                return reading
        time.sleep(POLL)
