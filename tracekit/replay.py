"""Replay the batches that waited in the spool for the collector to come back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tracekit import guard
from tracekit.delivery import Verdict
from tracekit.spool import lock

Post = Callable[[bytes], Verdict]


class Replay:
    """The pending files of one endpoint, whichever process left them.

    *tag* stands in their names and is the digest of the endpoint, so that a batch only ever goes
    where it was meant to go.
    """

    def __init__(self, folder: Path, tag: str) -> None:
        self._folder = folder
        self._tag = tag
        # Progress stays in memory: the analyzer reads these files by offset, so they are never
        # rewritten. A batch resent after a crash is recognised by its digest.
        self._offsets: dict[Path, int] = {}

    def files(self) -> list[Path]:
        """Return the files that wait, oldest name first."""
        return sorted(self._folder.glob(f"*-{self._tag}-*.pending.jsonl"))

    def run(self, post: Post) -> bool:
        """Send what waits; return False as soon as the collector does not take a batch.

        A file in use by a living process is left to that process.
        """
        return all(self._replay(file, post) for file in self.files())

    def _replay(self, file: Path, post: Post) -> bool:
        try:
            fd = os.open(file, os.O_RDWR)
        except OSError:
            return True  # another process has just finished it
        with os.fdopen(fd, "rb") as lines:
            if not lock(fd, exclusive=True):
                return True
            lines.seek(self._offsets.get(file, 0))
            for body in _whole_lines(lines):
                if post(body) is Verdict.TRY_AGAIN:
                    return False
                self._offsets[file] = self._offsets.get(file, 0) + len(body) + 1
            self._delete(file)
        return True

    def _delete(self, file: Path) -> None:
        self._offsets.pop(file, None)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            guard.fault("spool.delete", error)


def _whole_lines(lines: Iterator[bytes]) -> Iterator[bytes]:
    # A last line without its end was torn by a crash; nobody completes it.
    return (line[:-1] for line in lines if line.endswith(b"\n"))
