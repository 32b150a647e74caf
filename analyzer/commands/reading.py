"""What the commands that read requests share: a request's key becomes its report."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from analyzer.analysis import analyze
from analyzer.render.safe import print_error
from analyzer.report import Report
from analyzer.requests import Reuse, load, reuse_history
from analyzer.store import Store

History = Callable[[str, str], Reuse]


def history_of(store: Store) -> History:
    """Return the look-up of past calls in *store*, which asks once per client and target."""
    return lru_cache(maxsize=None)(partial(reuse_history, store))


def report_of(store: Store, key: str, history: History | None = None) -> Report:
    """Load the request *key* and analyse it; *history* is what findings may look back on."""
    return analyze(load(store, key), history=history)


def read_spool(store: Store) -> None:
    """Bring what services have written into *store*, and say on stderr what could not be read."""
    damaged = store.ingest_spool().damaged_lines
    if damaged:
        lines = "line" if damaged == 1 else "lines"
        print_error(f"{damaged} {lines} of the spool could not be read and were left out.")
