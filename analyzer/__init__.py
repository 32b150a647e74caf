"""The desk side of tracekit: ``open_store()`` in a notebook, ``tracekit`` in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.store import open_store

__all__ = ["open_store"]


def __getattr__(name: str) -> Any:
    """Import what a notebook asks for only then: ``tracekit --help`` works without DuckDB."""
    if name == "open_store":
        from analyzer.store import open_store

        return open_store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
