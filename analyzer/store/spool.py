"""Read the spool: the OTLP files of services that have no collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from analyzer.decode import decode_line
from analyzer.errors import BadInput
from analyzer.store.body import Body, SpoolMark, digest_of
from analyzer.store.store import Ingested

if TYPE_CHECKING:
    from analyzer.store.local import LocalStore

try:
    import fcntl
except ImportError:  # Windows: no way to know whether a writer lives, so nothing is deleted
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

BATCH = 8 << 20
"""Bytes of lines that go into one transaction."""
PENDING = ".pending.jsonl"
"""Files that the exporter replays and deletes itself."""


def ingest(store: LocalStore, folder: Path) -> Ingested:
    """Store every whole line not read before; delete files read to their end that nobody writes.

    The offset of a file is committed with its spans. A damaged line is counted and passed over.
    """
    offsets = store.spool_offsets()
    files = {str(path): path for path in sorted(folder.glob("*.jsonl"))}
    for gone in offsets.keys() - files.keys():
        if Path(gone).parent == folder:
            store.forget_spool_file(gone)
    parts = [_ingest_file(store, path, offsets.get(key, 0)) for key, path in files.items()]
    return Ingested(sum(part.stored for part in parts), sum(part.damaged_lines for part in parts))


def _ingest_file(store: LocalStore, path: Path, start: int) -> Ingested:
    stored = damaged = 0
    read_to = start
    # The exporter may delete a pending file at any moment.
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(start)
        for lines in _batches(file):
            bodies = [_body(line) for line in lines if line.strip()]
            read_to += sum(map(len, lines))
            whole = [body for body in bodies if body]
            damaged += len(bodies) - len(whole)
            stored += store.write(whole, SpoolMark(str(path), read_to))
        if read_to and not path.name.endswith(PENDING):
            _delete_if_done(file, path, read_to)
    return Ingested(stored, damaged)


def _batches(file: BinaryIO) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    size = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        lines.append(line)
        size += len(line)
        if size >= BATCH:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _body(line: bytes) -> Body | None:
    # The digest is that of the same batch sent over HTTP, so both ways together store it once.
    content = line.rstrip(b"\r\n")
    try:
        return Body(decode_line(content).spans, digest_of(content))
    except BadInput:
        return None


def _delete_if_done(file: BinaryIO, path: Path, read_to: int) -> None:
    if not HAS_LOCKS:
        return
    # The writer holds a shared lock while the file is its current one.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_size == read_to:
            path.unlink()
