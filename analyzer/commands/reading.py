"""What the commands that read requests share: a request's key becomes its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.analysis import analyze
from analyzer.findings import History
from analyzer.render.safe import print_error
from analyzer.report import Report
from analyzer.requests import Reuse, last_use, load_many, reuse_history
from analyzer.store import Store

SECOND = 1_000_000_000


class StoreHistory:
    """What *store* remembers of past calls; it is asked once per client and target."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reuse: dict[tuple[str, str], Reuse] = {}
        self._uses: dict[tuple[str, str, str, int, int], int | None] = {}

    def __call__(self, client: str, target: str, /) -> Reuse:
        key = client, target
        if key not in self._reuse:
            self._reuse[key] = reuse_history(self._store, client, target)
        return self._reuse[key]

    def last_use(
        self,
        client: str,
        target: str,
        *,
        process: str,
        born_ns: int,
        within_ns: int,
        before_ns: int,
    ) -> int | None:
        """Return when a client object was last done with an answered call, in Unix ns."""
        # Calls side by side ask nearly the same: a second more or less of a pause is none.
        key = client, target, process, born_ns // within_ns, before_ns // SECOND
        if key not in self._uses:
            self._uses[key] = last_use(
                self._store,
                client,
                target,
                process=process,
                born_ns=born_ns,
                within_ns=within_ns,
                before_ns=before_ns,
            )
        return self._uses[key]


def history_of(store: Store) -> History:
    """Return what findings may look back on in *store*."""
    return StoreHistory(store)


def reports_of(
    store: Store, keys: Sequence[str], history: History | None = None
) -> Iterator[Report]:
    """Yield the report of each of *keys*, in order, with few queries."""
    return (analyze(spans, history=history) for spans in load_many(store, keys))


def read_spool(store: Store) -> None:
    """Bring what services have written into *store*, and say on stderr what could not be read."""
    damaged = store.ingest_spool().damaged_lines
    if damaged:
        lines = "line" if damaged == 1 else "lines"
        print_error(f"{damaged} {lines} of the spool could not be read and were left out.")
