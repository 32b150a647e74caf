"""The store: the only place that opens DuckDB."""

from __future__ import annotations

import os
from pathlib import Path

from analyzer.store.opening import default_path, is_url, located, open_shared
from analyzer.store.remote import RemoteStore
from analyzer.store.store import Ingested, Received, Store

__all__ = ["Ingested", "Received", "Store", "open_store"]


def open_store(location: str | Path | None = None, *, create: bool = False) -> Store:
    """Open the store at *location*: a file, a collector's URL, or None for the default.

    The default is TRACEKIT_STORE, else ``traces.duckdb`` in the data folder. Use the result as a
    context manager, and briefly: one process at a time holds the file. While a collector owns the
    file, the store that is returned asks that collector. A file that does not exist is made only if
    *create*, or if it is the default and the spool holds something for it.

    Raises StoreError or one of its kinds.
    """
    location = location or os.environ.get("TRACEKIT_STORE") or default_path()
    if is_url(location):
        return RemoteStore(str(location))
    return open_shared(located(location), create=create)
