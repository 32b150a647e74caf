"""The store in a DuckDB file that this process holds open."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from analyzer.decode import decode_any, read_file
from analyzer.errors import StoreError
from analyzer.span import Span
from analyzer.store.body import Body, SpoolMark, digest_of
from analyzer.store.private import as_private_as, hide_log
from analyzer.store.queries import READABLE, sql
from analyzer.store.rows import harmless, to_line
from analyzer.store.spool import ingest
from analyzer.store.store import Ingested, Received


class LocalStore:
    """A store file, opened by `analyzer.store.open_store`; use it from one thread at a time."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path, spool: Path | None
    ) -> None:
        """Keep the open *connection*; *spool* is the folder that belongs to this store, if any."""
        self._connection = connection
        self._spool = spool
        self.path = path
        hide_log(path)

    @property
    def name(self) -> str:
        """Return the file's path, with ``~`` for the user's home."""
        home = Path.home().resolve()
        inside = self.path.is_relative_to(home)
        return f"~/{self.path.relative_to(home)}" if inside else str(self.path)

    def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Run the named readable query; KeyError for a name that is not one."""
        if name not in READABLE:
            raise KeyError(name)
        return self._run(name, harmless(params))

    def insert(self, spans: Sequence[Span], digest: str | None = None) -> int:
        """Store spans and return how many: none when a body of this digest was stored before."""
        return self.write([Body(spans, digest)])

    def write(self, bodies: Sequence[Body], mark: SpoolMark | None = None) -> int:
        """Store the bodies not known yet and the mark, all or nothing; return how many spans."""
        with self._transaction():
            fresh = [span for body in bodies if self._remember(body) for span in body.spans]
            self._insert(fresh)
            if mark:
                self._run("set_spool_offset", {"path": mark.path, "read_to": mark.read_to})
        return len(fresh)

    def spool_offsets(self) -> dict[str, int]:
        """Return how far each spool file has been read, by its path."""
        return {row["path"]: row["read_to"] for row in self._run("spool_offsets", {})}

    def forget_spool_file(self, path: str) -> None:
        """Drop the offset of a spool file that is gone."""
        with self._transaction():
            self._run("forget_spool_file", {"path": path})

    def ingest_spool(self) -> Ingested:
        """Read the spool folder that belongs to this store; nothing happens when none does."""
        return ingest(self, self._spool) if self._spool else Ingested()

    def import_file(self, path: str | Path) -> Received:
        """Store the traces of a file; BadInput, and nothing stored, when it cannot be read."""
        return self.import_bytes(read_file(Path(path)), str(path))

    def import_bytes(self, content: bytes, name: str) -> Received:
        """Store the traces of a file's *content*; *name* stands in the error."""
        decoded = decode_any(content, name)
        digest = digest_of(content)
        if self._run("known_body", {"digest": digest}):
            return Received(0, known=True)
        return Received(self.insert(decoded.spans, digest), decoded.rejected, decoded.reasons)

    def close(self) -> None:
        """Write what is in memory to the file and let other processes open it."""
        self._connection.close()

    def __enter__(self) -> LocalStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _remember(self, body: Body) -> bool:
        if body.digest is None:
            return True
        if self._run("known_body", {"digest": body.digest}):
            return False
        self._run("insert_body", {"digest": body.digest})
        return True

    def _insert(self, spans: Sequence[Span]) -> None:
        if not spans:
            return
        # A file is the quickest way in that keeps types: see "Why do spans go in through a file?".
        with tempfile.TemporaryDirectory(prefix="tracekit-") as folder:
            path = Path(folder) / "spans.jsonl"
            with path.open("wb") as lines:
                lines.writelines(to_line(span) + b"\n" for span in spans)
            self._run("insert_spans", {"path": str(path)})

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        with as_private_as(self.path):
            self._connection.commit()

    def _run(self, name: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            cursor = self._connection.execute(sql(name), params)
            columns = [column[0] for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise StoreError(f"{self.name}: {str(error).splitlines()[0]}") from error
