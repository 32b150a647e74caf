"""Where spans go, and whether they get there."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tracekit.delivery import Answer, Verdict, judge
from tracekit.redaction import shown_url
from tracekit.settings import Settings
from tracekit.spool import folder_size
from tracekit.transport import Transport

_PATIENCE = 3.0
"""Seconds to wait for the endpoint's answer: nobody waits longer for a doctor."""
_EMPTY = b'{"resourceSpans":[]}'


class Destination(NamedTuple):
    """Where spans go."""

    kind: str
    """``endpoint`` or ``spool``."""
    place: str
    state: str
    spool: str
    """The folder that takes them, or takes them meanwhile."""
    spool_bytes: int
    spool_limit: int
    status: int | None = None
    """The endpoint's HTTP status; None where it did not answer, or is not asked."""
    milliseconds: float | None = None
    wrong: str = ""
    mend: str = ""


def look_at_destination(settings: Settings) -> Destination:
    """Try the endpoint with an empty batch, or look whether the spool can be written."""
    spool = _spool(settings)
    return spool if settings.endpoint is None else _endpoint(settings, settings.endpoint, spool)


def _spool(settings: Settings) -> Destination:
    folder, limit = settings.spool, settings.spool_limit
    try:
        size = folder_size(folder) if folder.exists() else 0
        _try_to_write(folder)
        is_writable = True
    except OSError:
        size, is_writable = 0, False
    state = f"{'writable' if is_writable else 'not writable'}, {_bytes(size)} of {_bytes(limit)}"
    found = Destination("spool", str(folder), state, str(folder), size, limit)
    if not is_writable:
        return found._replace(
            wrong=f"the spool folder {folder} cannot be written",
            mend="set TRACEKIT_HOME to a folder that can, or TRACEKIT_ENDPOINT to a collector",
        )
    if size >= limit:
        return found._replace(
            wrong=f"the spool folder {folder} is full: spans are dropped",
            mend="run `tracekit list`, which takes in what waits, or raise TRACEKIT_SPOOL_LIMIT",
        )
    return found


def _try_to_write(folder: Path) -> None:
    """Make a file in *folder*, or a folder where it would be made; leave nothing behind.

    What the permissions say is not enough: /proc has them and takes nothing.
    """
    if folder.is_dir():
        with tempfile.TemporaryFile(dir=folder):
            return
    os.rmdir(tempfile.mkdtemp(prefix=".tracekit-", dir=_nearest(folder)))


def _nearest(folder: Path) -> Path:
    """Return *folder*, or the nearest one above it that exists: there it would be made."""
    while not folder.is_dir():
        if os.path.lexists(folder) or folder.parent == folder:
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(folder))
        folder = folder.parent
    return folder


def _endpoint(settings: Settings, endpoint: str, spool: Destination) -> Destination:
    place = shown_url(endpoint)
    headers = {**settings.headers, "Content-Type": "application/json"}
    transport = Transport(endpoint, headers, min(settings.timeout, _PATIENCE))
    started = time.perf_counter()
    answer = transport.post(_EMPTY)
    took = round((time.perf_counter() - started) * 1000, 1)
    transport.close()
    if answer.status is None:
        state, took_ms = "does not answer", None
    else:
        state, took_ms = f"answers {answer.status} in {took:g} ms", took
    wrong, mend = _verdict(place, answer)
    return spool._replace(
        kind="endpoint",
        place=place,
        state=state,
        status=answer.status,
        milliseconds=took_ms,
        wrong=wrong,
        mend=mend,
    )


def _verdict(place: str, answer: Answer) -> tuple[str, str]:
    if answer.status is None:
        cause = "in time" if answer.timed_out else f"({type(answer.error).__name__})"
        return (
            f"{place} does not answer {cause}; spans wait in the spool folder",
            "start the collector (`tracekit serve`), or correct the endpoint",
        )
    if judge(answer) is Verdict.DELIVERED:
        return "", ""
    mend = {
        401: "give the collector's credentials in OTEL_EXPORTER_OTLP_HEADERS",
        403: "give the collector's credentials in OTEL_EXPORTER_OTLP_HEADERS",
        404: "give the collector's base URL: /v1/traces is added to it",
        415: "the collector takes no OTLP JSON: choose one that does, such as `tracekit serve`",
    }
    default = "see what the collector logs"
    return f"{place} answers {answer.status} to a batch", mend.get(answer.status, default)


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"
