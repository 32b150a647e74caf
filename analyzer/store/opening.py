"""Open a store: make sure that it is one, wait for its turn, leave everything else alone."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analyzer.errors import NotAStore, StoreBusy, StoreError
from analyzer.store.local import LocalStore
from analyzer.store.making import busy, make
from analyzer.store.owner import find_owner
from analyzer.store.remote import RemoteStore
from analyzer.store.schema import CONFIG, check_schema, renew_views
from tracekit.errors import ConfigurationError
from tracekit.settings import spool_folder, store_path

PATIENCE = 5.0
"""Seconds to wait for another command that has the file open."""


def default_path() -> Path:
    """Return the store of this machine: TRACEKIT_STORE if it is a file, else the data folder's.

    Raises StoreError as `located` does.
    """
    chosen = os.environ.get("TRACEKIT_STORE", "")
    with _one_line():
        return located(chosen if chosen and not is_url(chosen) else store_path())


def located(location: str | Path) -> Path:
    """Return the file that *location* means, with ``~`` expanded and links followed.

    So DuckDB's log and the owner file lie beside the store, whatever it is called by, and a link
    stays a link. Raises StoreError for the home of nobody, for links in a circle, and for a name
    that is not UTF-8, which DuckDB cannot open.
    """
    with _one_line():
        path = Path(location).expanduser().resolve()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise StoreError(f"{path} cannot be opened: its name is not UTF-8.") from error
    return path


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ConfigurationError) as error:
        raise StoreError(f"the store cannot be found: {str(error).rstrip('.')}.") from error


def is_url(location: str | Path) -> bool:
    """Return whether *location* is a collector's URL."""
    return str(location).startswith(("http://", "https://"))


def open_shared(path: Path, *, create: bool) -> LocalStore | RemoteStore:
    """Open the file, or ask the collector that owns it; wait a few seconds for another command."""
    give_up = time.monotonic() + PATIENCE
    while True:
        owner = find_owner(path)
        if owner:
            return RemoteStore(owner.url)
        try:
            return open_file(path, create=create)
        except StoreBusy:
            if time.monotonic() > give_up:
                raise
        time.sleep(0.05)


def open_file(path: Path, *, create: bool) -> LocalStore:
    """Open the store file, or make it if *create* (or if the spool waits for this very store).

    *path* is as `located` returns it. Raises StoreError or one of its kinds, with one line that
    says what to do; a file that is not a store of this version is left as it was.
    """
    with _one_line():
        spool = spool_folder() if path == default_path() else None
    has_spool = spool is not None and any(spool.glob("*.jsonl"))
    _check_path(path, create=create or has_spool)
    connection = _connect(path)
    try:
        check_schema(connection, path)
        renew_views(connection)
    except duckdb.Error as error:
        connection.close()
        raise _damaged(path, error) from error
    except StoreError:
        connection.close()
        raise
    return LocalStore(connection, path, spool)


def _check_path(path: Path, *, create: bool) -> None:
    """Make the file if it has yet to be made; raise when it cannot be a store."""
    try:
        if _size(path):
            _check_head(path)
        elif create:
            make(path)
        else:
            raise _missing(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}.") from error


def _size(path: Path) -> int | None:
    """Return the file's bytes, None where nothing is; raise NotAStore for all but a plain file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise NotAStore(f"{path} is a folder, not a store file.")
    if not stat.S_ISREG(found.st_mode):
        raise NotAStore(f"{path} is not a regular file, so it is no store. Nothing was changed.")
    return found.st_size


def _check_head(path: Path) -> None:
    # DuckDB is never let near a file that is not its own.
    with path.open("r+b") as file:
        if file.read(12)[8:] != b"DUCK":
            raise NotAStore(f"{path} is not a tracekit store. Nothing was changed.")


def _missing(path: Path) -> StoreError:
    if path.exists():
        return NotAStore(f"{path} is empty, not a tracekit store. Nothing was changed.")
    with _one_line():
        in_data_folder = path == located(store_path())
    is_default = path == default_path()
    if is_default and in_data_folder:
        return StoreError(
            f"there are no traces in {path.parent} yet. Run `tracekit demo`, or call "
            'tracekit.init("name") in a service and send it a request, or `tracekit import FILE`.'
        )
    named_by = "TRACEKIT_STORE" if is_default else "--store"
    return StoreError(f"there is no store {path}. Check {named_by}; nothing was made.")


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), config=CONFIG)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise busy(path) from error
        raise _damaged(path, error) from error


def _damaged(path: Path, error: duckdb.Error) -> NotAStore:
    reason = str(error).splitlines()[0]
    return NotAStore(f"{path} cannot be read as a store ({reason}). Nothing was changed.")
