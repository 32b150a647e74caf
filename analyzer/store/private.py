"""Who may read a store: a new one only its maker, and DuckDB's log only who may read its store.

The log beside the store holds the same data. DuckDB makes it when it first commits after opening,
and again after every checkpoint, with whatever mode the process's umask leaves.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700
"""The modes of what is made; what exists keeps its own."""


@contextmanager
def as_private_as(store: Path) -> Iterator[None]:
    """Make every file within readable by those at most who may read *store*.

    The umask is the whole process's, so keep it short.
    """
    denied = _denied(store)
    before = os.umask(0o077)
    os.umask(before | denied)
    try:
        yield
    finally:
        os.umask(before)


def hide_log(store: Path) -> None:
    """Close a log that lies beside *store* already to those who may not read *store*."""
    log = store.with_name(f"{store.name}.wal")
    with suppress(OSError):  # there is none, as usual, or it is another user's
        mode = stat.S_IMODE(log.stat().st_mode)
        if mode & _denied(store):
            log.chmod(mode & ~_denied(store))


def _denied(store: Path) -> int:
    try:
        return 0o077 & ~store.stat().st_mode
    except OSError:
        return 0o077
