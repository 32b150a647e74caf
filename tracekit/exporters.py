"""Where batches go: to a collector over one kept-alive connection, or to the spool."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Protocol

from tracekit import guard
from tracekit.delivery import (
    Answer,
    Verdict,
    absence,
    judge,
    pause_before,
)
from tracekit.replay import Replay
from tracekit.settings import DEFAULT_SERVICE, Settings
from tracekit.spool import Spool
from tracekit.transport import Transport


class Exporter(Protocol):
    """What the worker needs; its thread alone calls, except for ``keep`` at shutdown."""

    batch: int
    """So many spans are worth an ``export``, and no more go in one."""

    def export(self, body: bytes) -> bool:
        """Bring one batch to safety; return False if it is lost."""

    def keep(self, body: bytes) -> bool:
        """Bring one batch to safety without waiting for anybody; return False if it is lost."""

    def due(self) -> float | None:
        """Return the seconds until ``tick`` has something to do; None for nothing."""

    def tick(self) -> None:
        """Do what is due."""

    def after_fork(self) -> None:
        """Part from the parent's files and connections."""

    def close(self) -> None:
        """Let go of files and connections."""


class SpoolExporter:
    """Writes every batch to the spool folder; the analyzer ingests it from there."""

    # Small enough to be encoded while the spans are in the processor's cache, and within one
    # millisecond of the interpreter's lock.
    batch = 64

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def export(self, body: bytes) -> bool:
        return self._spool.append(body)

    def keep(self, body: bytes) -> bool:
        return self._spool.append(body)

    def due(self) -> float | None:
        return None

    def tick(self) -> None:
        """Nothing is ever due."""

    def after_fork(self) -> None:
        self._spool.after_fork()

    def close(self) -> None:
        self._spool.close()


class HttpExporter:
    """Posts every batch to the collector; the spool takes it while the collector is away.

    After a failure the collector is left alone for a while (``delivery.absence``), and batches go
    straight to the spool. A hanging collector so costs one time-out after each absence and not one
    for every batch; meanwhile spans wait in the queue.
    """

    # The collector commits each.
    batch = 512

    def __init__(
        self,
        endpoint: str,
        headers: dict[str, str],
        spool: Spool,
        replay: Replay,
        *,
        timeout: float,
    ) -> None:
        self._endpoint = endpoint
        self._shown = endpoint.partition("?")[0]  # a query may hold a key
        self._headers = {**headers, "Content-Type": "application/json"}
        self._timeout = timeout
        self._spool = spool
        self._replay = replay
        self._failures = 0
        self._again_at: float | None = time.monotonic()
        """When to look for waiting batches; None when none wait."""
        self._connect()

    def export(self, body: bytes) -> bool:
        if self._failures and time.monotonic() < (self._again_at or 0.0):
            return self.keep(body)
        verdict = self._deliver(body)
        if verdict is Verdict.TRY_AGAIN:
            return self.keep(body)
        return verdict is Verdict.DELIVERED

    def keep(self, body: bytes) -> bool:
        if self._again_at is None:
            self._again_at = time.monotonic()
        return self._spool.append(body)

    def due(self) -> float | None:
        return None if self._again_at is None else max(0.0, self._again_at - time.monotonic())

    def tick(self) -> None:
        if self.due() != 0.0:
            return
        self._spool.close()
        if self._replay.run(self._deliver):
            self._again_at = None

    def after_fork(self) -> None:
        self._spool.after_fork()
        self._connect()

    def close(self) -> None:
        self._halt.set()
        self._spool.close()
        self._transport.close()

    def _connect(self) -> None:
        self._halt = threading.Event()
        self._transport = Transport(self._endpoint, self._headers, self._timeout)

    def _deliver(self, body: bytes) -> Verdict:
        answer = self._attempts(body)
        verdict = judge(answer)
        if verdict is Verdict.TRY_AGAIN:
            self._failures += 1
            self._again_at = time.monotonic() + absence(self._failures, answer)
            cause = answer.error or f"status {answer.status}"
            guard.warn("exporter.away", f"{self._shown} ({cause}); batches wait in the spool")
            return verdict
        self._failures = 0
        if verdict is Verdict.REFUSED:
            guard.warn("exporter.refused", f"{self._shown} answered {answer.status}: dropped")
        return verdict

    def _attempts(self, body: bytes) -> Answer:
        attempt = 1
        while True:
            answer = self._transport.post(body)
            if judge(answer) is not Verdict.TRY_AGAIN:
                return answer
            attempt += 1
            pause = pause_before(attempt, answer)
            if pause is None or self._halt.wait(pause):
                return answer


def make_exporter(settings: Settings) -> Exporter:
    """Return the exporter that *settings* ask for."""
    service = settings.service or DEFAULT_SERVICE
    if settings.endpoint is None:
        return SpoolExporter(Spool(settings.spool, service, limit=settings.spool_limit))
    headers = dict(settings.headers)
    tag = hashlib.sha256(repr((settings.endpoint, sorted(headers.items()))).encode()).hexdigest()[
        :8
    ]
    spool = Spool(settings.spool, service, limit=settings.spool_limit, pending=tag)
    replay = Replay(settings.spool, tag)
    return HttpExporter(settings.endpoint, headers, spool, replay, timeout=settings.timeout)
