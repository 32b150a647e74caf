"""The schema's version: write it into a new file, and check it in an old one."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import duckdb

from analyzer.errors import NewerStore, NotAStore, StoreError
from analyzer.store.queries import sql

SCHEMA_VERSION = 1
MINIMAL_DUCKDB = "1.5.0"
"""The oldest DuckDB that reads what we write; a store states it in its table tracekit_schema."""
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Whichever DuckDB makes the file, every supported one can read it.
    "storage_compatibility_version": f"v{MINIMAL_DUCKDB}",
    "autoinstall_known_extensions": "false",
}


def write_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and views of a new store."""
    row = {
        "version": SCHEMA_VERSION,
        "minimal_duckdb": MINIMAL_DUCKDB,
        "written_by": f"tracekit {version('tracekit')}",
    }
    connection.begin()
    connection.execute(sql("schema"))
    connection.execute(sql("write_schema"), row)
    connection.commit()
    renew_views(connection)


def renew_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Replace the views of a store that another tracekit made by this one's, if they differ.

    Which ones a file has stands in a comment on the first of them.
    """
    text = sql("views")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if connection.execute(sql("views_digest")).fetchone() == (digest,):
        return
    connection.begin()
    connection.execute(text)
    connection.execute(f"COMMENT ON VIEW request_spans IS '{digest}'")
    connection.commit()


def check_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise NotAStore, NewerStore or StoreError unless the file has this very schema."""
    tables = {name for (name,) in connection.execute(sql("tables")).fetchall()}
    for needed in ("spans", "tracekit_schema"):
        if needed not in tables:
            raise NotAStore(
                f'{path} is not a tracekit store (no table "{needed}"). Nothing was changed.'
            )
    found, writer = connection.execute(sql("schema_version")).fetchone() or (0, "nobody")
    if found > SCHEMA_VERSION:
        raise NewerStore(
            f"{path} was written by {writer} (schema {found}); this tracekit reads schema "
            f"{SCHEMA_VERSION}. Install a newer one. Nothing was changed."
        )
    if found < SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema {found}, which this tracekit (schema {SCHEMA_VERSION}) cannot "
            "bring up to date. Nothing was changed."
        )
