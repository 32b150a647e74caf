"""What a store is to the rest of the analyzer, wherever its file is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol


@dataclass(frozen=True)
class Received:
    """What became of spans that were handed in.

    *known* is true when exactly these bytes were stored before, so that nothing changed.
    *reasons* says why spans were rejected, each reason once.
    """

    stored: int
    rejected: int = 0
    reasons: tuple[str, ...] = ()
    known: bool = False


@dataclass(frozen=True)
class Ingested:
    """What one reading of the spool brought: spans stored, and lines that could not be read."""

    stored: int = 0
    damaged_lines: int = 0


class Store(Protocol):
    """Traces at rest; a context manager that gives the file free at its end.

    *name* is how messages to the user call it.
    """

    @property
    def name(self) -> str: ...

    def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Run the named query of ``sql/`` and return its rows."""

    def ingest_spool(self) -> Ingested:
        """Read what services have written to the spool since the last time."""

    def import_file(self, path: str | Path) -> Received:
        """Store the traces of a file, or raise BadInput and store nothing of it."""

    def close(self) -> None:
        """Give the store free; calling it again does nothing."""

    def __enter__(self) -> Store: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
