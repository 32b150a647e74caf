"""The store of a running collector, asked over HTTP with the same named queries."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import urllib3

from analyzer.decode import read_file
from analyzer.errors import BadInput, StoreError
from analyzer.store.owner import health
from analyzer.store.queries import READABLE
from analyzer.store.store import Ingested, Received

TIMEOUT = urllib3.Timeout(connect=5.0, read=120.0)


class RemoteStore:
    """A store behind a collector's URL, opened by `analyzer.store.open_store`."""

    def __init__(self, url: str) -> None:
        """Ask the collector at *url* once whether it is there; StoreError when not."""
        self._url = url.rstrip("/")
        about = health(self._url)
        if "store" not in about:
            raise StoreError(
                f"no tracekit collector answers at {self._url}. Start `tracekit serve`."
            )
        self.name = f"{about['store']} (collector at {self._url})"
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Run the named readable query at the collector; KeyError for a name that is not one."""
        if name not in READABLE:
            raise KeyError(name)
        rows: list[dict[str, Any]] = self._post(f"/v1/query/{name}", json.dumps(params).encode())
        return rows

    def ingest_spool(self) -> Ingested:
        """Let the collector read the spool that belongs to its store."""
        return Ingested(**self._post("/v1/ingest", b""))

    def import_file(self, path: str | Path) -> Received:
        """Send a file of traces to the collector; BadInput when it cannot be read."""
        content = read_file(Path(path))
        answer = self._post(f"/v1/import?name={quote(str(path), errors='replace')}", content)
        return Received(**{**answer, "reasons": tuple(answer["reasons"])})

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()

    def __enter__(self) -> RemoteStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _post(self, path: str, body: bytes) -> Any:
        try:
            answer = self._pool.request("POST", self._url + path, body=body)
            content = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise StoreError(f"the collector at {self._url} does not answer.") from error
        if answer.status == 200:
            return content
        message = content.get("error", f"status {answer.status}")
        raise (BadInput if answer.status in (400, 413) else StoreError)(message)
