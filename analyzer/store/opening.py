"""Open a store: make sure that it is one, wait for its turn, leave everything else alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb

from analyzer.errors import NotAStore, StoreBusy, StoreError
from analyzer.store.local import LocalStore
from analyzer.store.owner import find_owner
from analyzer.store.remote import RemoteStore
from analyzer.store.schema import MINIMAL_DUCKDB, check_schema, write_schema
from tracekit.settings import spool_folder, store_path

PATIENCE = 5.0
"""Seconds to wait for another command that has the file open."""
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Whichever DuckDB makes the file, every supported one can read it.
    "storage_compatibility_version": f"v{MINIMAL_DUCKDB}",
    "autoinstall_known_extensions": "false",
}


def default_path() -> Path:
    """Return the store of this machine: TRACEKIT_STORE if it is a file, else the data folder's."""
    chosen = os.environ.get("TRACEKIT_STORE", "")
    return Path(chosen).expanduser() if chosen and not is_url(chosen) else store_path()


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

    Raises StoreError or one of its kinds, with one line that says what to do; a file that is not a
    store of this version is left as it was.
    """
    is_default = path.absolute() == default_path().absolute()
    spool = spool_folder() if is_default else None
    has_spool = spool is not None and any(spool.glob("*.jsonl"))
    is_new = _check_path(path, create=create or has_spool)
    connection = _connect(path)
    try:
        if is_new:
            write_schema(connection)
        else:
            check_schema(connection, path)
    except duckdb.Error as error:
        connection.close()
        raise _damaged(path, error) from error
    except StoreError:
        connection.close()
        raise
    return LocalStore(connection, path, spool)


def _check_path(path: Path, *, create: bool) -> bool:
    """Return whether the file has yet to be made; raise when it cannot be a store."""
    try:
        if path.is_dir():
            raise NotAStore(f"{path} is a folder, not a store file.")
        if path.exists() and path.stat().st_size:
            _check_head(path)
            return False
        if not create:
            raise _missing(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # an empty file, which DuckDB takes for a damaged one
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}.") from error
    return True


def _check_head(path: Path) -> None:
    # DuckDB is never let near a file that is not its own.
    with path.open("r+b") as file:
        if file.read(12)[8:] != b"DUCK":
            raise NotAStore(f"{path} is not a tracekit store. Nothing was changed.")


def _missing(path: Path) -> StoreError:
    if path.exists():
        return NotAStore(f"{path} is empty, not a tracekit store. Nothing was changed.")
    if path.absolute() == default_path().absolute():
        return StoreError(
            f"there are no traces in {path.parent} yet. Run `tracekit demo`, or call "
            'tracekit.init("name") in a service and send it a request, or `tracekit import FILE`.'
        )
    return StoreError(f"there is no store {path}. Check --store; nothing was made.")


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), config=CONFIG)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise StoreBusy(
                f"{path} is in use by another process. Wait for it to end, and try again."
            ) from error
        raise _damaged(path, error) from error


def _damaged(path: Path, error: duckdb.Error) -> NotAStore:
    reason = str(error).splitlines()[0]
    return NotAStore(f"{path} cannot be read as a store ({reason}). Nothing was changed.")
