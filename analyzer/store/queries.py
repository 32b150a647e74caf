"""The registry of SQL: every query is one file in ``sql/``, and every file stands here.

``READABLE`` queries only read and take plain parameters; a collector answers them over HTTP. The
``INTERNAL`` ones are the store's own. A test checks both lists against the folder.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

READABLE = frozenset(
    {
        "extent",
        "failed_attempts",
        "find_requests",
        "last_use",
        "latest_request",
        "load_many",
        "load_spans",
        "recent_requests",
        "request_ids",
        "reuse_history",
        "slowest_request",
    }
)
INTERNAL = frozenset(
    {
        "forget_spool_file",
        "insert_body",
        "insert_spans",
        "known_body",
        "schema",
        "schema_version",
        "set_spool_offset",
        "spool_offsets",
        "tables",
        "views",
        "views_digest",
        "write_schema",
    }
)


@cache
def sql(name: str) -> str:
    """Return the text of query *name*; KeyError when the registry does not know it."""
    if name not in READABLE | INTERNAL:
        raise KeyError(name)
    return (files("analyzer.store") / "sql" / f"{name}.sql").read_text("utf-8")
