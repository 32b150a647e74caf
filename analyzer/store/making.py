"""Make a new store: whole or not at all, so that processes that make one at once share one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analyzer.errors import StoreBusy, StoreError
from analyzer.store import private
from analyzer.store.schema import CONFIG, write_schema

try:
    import fcntl
except ImportError:  # Windows: a file that another process has open is never replaced there
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


def make(path: Path) -> None:
    """Put a store without spans at *path*, where nothing or an empty file is.

    Its maker alone may read it, and a folder that has to be made for it. A store that another
    process puts there first stays. Raises StoreError, StoreBusy for an empty file that somebody
    holds locked, or OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=private.FOLDER)
    with tempfile.TemporaryDirectory(prefix=".tracekit-", dir=path.parent) as folder:
        draft = Path(folder) / path.name
        try:
            with duckdb.connect(str(draft), config=CONFIG) as connection:
                write_schema(connection)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise StoreError(f"{path} cannot be made ({reason}).") from error
        draft.chmod(private.FILE)
        _place(draft, path)


def busy(path: Path) -> StoreBusy:
    """Return the error for a file that another process holds."""
    return StoreBusy(f"{path} is in use by another process. Wait for it to end, and try again.")


def _place(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        with _held(path) as is_empty:
            if is_empty:
                draft.replace(path)
    except OSError:  # a file system without hard links
        draft.rename(path)


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Keep others off the file, and yield whether it is empty and still the one at *path*."""
    if not HAS_LOCKS:
        yield not path.stat().st_size
        return
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise busy(path) from error
        ours = os.fstat(file.fileno())
        yield not ours.st_size and os.path.samestat(ours, path.stat())
