"""The spool: OTLP JSON lines in files that the analyzer ingests and the exporter replays."""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import stat
import sys
import threading
import time
from pathlib import Path

from tracekit import guard

if sys.platform != "win32":
    import fcntl

FILE_LIMIT = 16 * 1024 * 1024
"""A file that has reached this many bytes is followed by a new one, so that it can be deleted."""
_ROOM = 4 * 1024 * 1024
"""Bytes written before the folder's size is looked up again."""
_FULL_SECONDS = 1.0
"""How long a full folder is taken to be full still."""


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; return whether it worked. Windows has no such lock."""
    if sys.platform == "win32":
        return True
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def folder_size(folder: Path) -> int:
    """Return the bytes that the files in *folder* hold together."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            total += info.st_size if stat.S_ISREG(info.st_mode) else 0
    return total


def make_folder(folder: Path) -> None:
    """Make the spool, and the data folder around it, for this user alone; leave what is there."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)


class Spool:
    """Appends batches to this process's own file in *folder*.

    Each batch is one write of one line to a file that no other process writes; a shared lock on it
    tells the analyzer that it is in use.
    """

    def __init__(
        self, folder: Path, service: str, *, limit: int, pending: str | None = None
    ) -> None:
        self._folder = folder
        self._service = re.sub(r"[^A-Za-z0-9_.]+", "_", service)[:64] or "service"
        self._limit = limit
        self._pending = pending
        self._numbers = itertools.count(1)
        self._tag = pending or secrets.token_hex(4)
        self._fd: int | None = None
        self._size = 0
        self._room = 0
        self._full_until = 0.0
        # The worker writes, and at shutdown whoever called it.
        self._lock = threading.RLock()

    def append(self, body: bytes) -> bool:
        """Write one batch; return False where the spool is full or cannot be written."""
        try:
            with self._lock:
                if not self._has_room(len(body) + 1):
                    guard.count("spool.full")
                    return False
                self._write(self._file(), body + b"\n")
        except OSError as error:
            guard.fault("spool.write", error)
            return False
        return True

    def close(self) -> None:
        """Close the current file; the next batch begins another one."""
        with self._lock:
            fd, self._fd = self._fd, None
            if fd is not None:
                os.close(fd)

    def after_fork(self) -> None:
        """Leave the parent's file to the parent: a child writes a file of its own."""
        self._lock = threading.RLock()
        self.close()
        self._numbers = itertools.count(1)
        self._tag = self._pending or secrets.token_hex(4)

    def _has_room(self, size: int) -> bool:
        # The folder is shared, so its size is looked up again, but not for every batch.
        if size > self._room and time.monotonic() >= self._full_until:
            make_folder(self._folder)
            self._room = min(self._limit - folder_size(self._folder), _ROOM)
        if size > self._room:
            self._full_until = time.monotonic() + _FULL_SECONDS
            return False
        self._room -= size
        return True

    def _file(self) -> int:
        fd = self._fd
        if fd is not None and (self._size >= FILE_LIMIT or not os.fstat(fd).st_nlink):
            self.close()
        if self._fd is None:
            self._fd = self._create()
            self._size = 0
        return self._fd

    def _create(self) -> int:
        make_folder(self._folder)
        ending = "pending.jsonl" if self._pending else "jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        for number in self._numbers:
            name = f"{self._service}-{os.getpid()}-{self._tag}-{number}.{ending}"
            try:
                fd = os.open(self._folder / name, flags, 0o600)
            except FileExistsError:
                continue
            # The reader may have deleted the empty file before the lock was on it.
            if lock(fd, exclusive=False) and os.fstat(fd).st_nlink:
                return fd
            os.close(fd)
        raise AssertionError("the numbers are endless")

    def _write(self, fd: int, line: bytes) -> None:
        written = os.write(fd, line)
        if written < len(line):
            # A torn line would swallow the next one, and nobody else writes this file.
            os.ftruncate(fd, self._size)
            raise OSError(errno.ENOSPC, "the disk took only part of a batch")
        self._size += written
