"""Requests in a store: name one, list them, load one's spans. All that the analysis asks for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from analyzer.errors import AmbiguousRequest, BadInput, NoSuchRequest
from analyzer.parts import part_of, partition
from analyzer.span import Span
from analyzer.store import Store
from analyzer.store.rows import to_span

SHORTEST = 4
"""Fewest characters that may stand for a longer ID."""
SHORT_FORM = 8
SHOWN_WHOLE = 20
WHOLE = (0, 1)
"""What find_requests.sql calls a fit with all of a request ID or a trace ID."""
EXTREMES = ("latest", "slowest")
AT_ONCE = 100
"""How many requests one query loads."""
CANDIDATES = 5
"""How many IDs a message lists."""
LIKE, MUCH_LIKE = 0.3, 0.7
"""How near an ID must be to a few characters, and to a whole ID, to be named instead."""


@dataclass(frozen=True)
class RequestRow:
    """One line of ``tracekit list``.

    *request_id* is the key that `load` takes: the request ID, or the trace ID where there is none.
    *connection_ns* is what pool waits, DNS, connects and TLS add up to, over all its calls.
    """

    request_id: str
    trace_id: str
    start_ns: int
    service: str
    name: str
    duration_ns: int
    connection_ns: int
    status: int | None
    error: bool
    services: tuple[str, ...]
    spans: int
    label: str | None
    version: str | None


@dataclass(frozen=True)
class ProcessReuse:
    """What one process of a service has of its calls to one target; a pool lives in a process.

    *instance* is the resource's ``service.instance.id``, else host and process id; None stands for
    all processes that say neither. *needless* counts the new ones that began when an earlier call
    had left a connection, *first_calls* those that were the first of their client; None where an
    older collector counts neither.
    """

    instance: str | None
    calls: int
    new: int
    reused: int
    needless: int | None = None
    first_calls: int | None = None


@dataclass(frozen=True)
class Reuse:
    """How one service's calls to one target got their connections, over the whole store.

    *failed_attempts* counts, by address, the calls that tried it in vain. *processes* has the calls
    of each process apart, the busiest first.
    """

    calls: int
    new: int
    reused: int
    unknown: int
    failed_attempts: Mapping[str, int]
    processes: tuple[ProcessReuse, ...]


def short_id(key: str) -> str:
    """Return the form of a request's key to show in a narrow place; `resolve` takes it back.

    Generated IDs begin with the time, the same for all requests of a minute, and end in random
    digits: their last 8 characters are shown. Short IDs are shown whole.
    """
    if len(key) <= SHOWN_WHOLE:
        return key
    return key[-SHORT_FORM:]


def resolve(store: Store, text: str) -> str:
    """Return the key of the request that *text* means, for `load`.

    *text* is a request ID, a trace ID, at least 4 characters that begin the ID of just one request
    (or, failing that, begin its short form, or end it), ``latest`` (of one minute rather one whose
    root span has come) or ``slowest``. Raises NoSuchRequest or AmbiguousRequest.
    """
    if text in EXTREMES:
        return _extreme(store, text)
    rows = store.query(
        "find_requests", text=text, most=CANDIDATES, whole=SHOWN_WHOLE, short=SHORT_FORM
    )
    if len(rows) > 1 and rows[0].get("trace"):
        return str(rows[0]["trace"])  # several requests share it
    if rows and rows[0]["how"] in WHOLE:
        return str(rows[0]["request"])
    if len(text) < SHORTEST:
        raise NoSuchRequest(
            f'"{text}" is too short: give at least {SHORTEST} characters of the ID.'
        )
    if not rows:
        raise NoSuchRequest(_unknown(store, text))
    if len(rows) > 1:
        fits = f"fits {rows[0]['fits']} requests: {_listed(rows)}"
        raise AmbiguousRequest(f'"{text}" {fits}. Give more of it.')
    return str(rows[0]["request"])


def load(store: Store, key: str) -> list[Span]:
    """Return every span of the request in the order of arrival, duplicates included (R0).

    That is each span with the request ID *key*, and all spans of those spans' traces but those of
    other requests (`part_of`); where *key* is a trace ID, all spans of the trace.
    """
    return part_of([to_span(row) for row in store.query("load_spans", request=key)], key)


def load_many(store: Store, keys: Sequence[str]) -> Iterator[list[Span]]:
    """Yield for each of *keys* what `load` returns, in their order, by one query for many.

    A query takes as long for a hundred requests as for one: it looks through the whole store.
    """
    for first in range(0, len(keys), AT_ONCE):
        some = keys[first : first + AT_ONCE]
        try:
            rows = store.query("load_many", requests=list(some))
        except BadInput:  # a collector that is older than the query
            yield from (load(store, key) for key in some)
        else:
            yield from partition([to_span(row) for row in rows], some)


def recent(
    store: Store,
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    service: str | None = None,
    min_duration_ns: int | None = None,
    errors: bool = False,
    label: str | None = None,
    version: str | None = None,
    limit: int | None = 20,
) -> list[RequestRow]:
    """Return the requests that pass every filter, newest first; times are Unix nanoseconds.

    *since_ns* counts as inside, *until_ns* as outside; *service* is any that took part; *label* and
    *version* are those of the root's service; *limit* None returns all.
    """
    rows = store.query(
        "recent_requests",
        since_ns=since_ns,
        until_ns=until_ns,
        service=service,
        min_duration_ns=min_duration_ns,
        errors=errors,
        label=label,
        version=version,
        most=limit,
    )
    return [_request_row(row) for row in rows]


def reuse_history(store: Store, client: str, target: str) -> Reuse:
    """Return how service *client* got its connections to *target* (``address:port``)."""
    rows = store.query("reuse_history", client=client, target=target)
    failed = store.query("failed_attempts", client=client, target=target)
    calls, new, reused = (sum(row[what] for row in rows) for what in ("calls", "new", "reused"))
    return Reuse(
        calls=calls,
        new=new,
        reused=reused,
        unknown=calls - new - reused,
        failed_attempts={entry["address"]: entry["calls"] for entry in failed},
        processes=tuple(_process_reuse(row) for row in rows),
    )


def last_use(
    store: Store,
    client: str,
    target: str,
    *,
    process: str,
    born_ns: int,
    within_ns: int,
    before_ns: int,
) -> int | None:
    """Return when a client object was last done with an answered call to *target*, in Unix ns.

    Of service *client* and *process* (as in `ProcessReuse`), made *within_ns* of *born_ns*; only
    calls that began *before_ns* count. None where there is none.
    """
    rows = store.query(
        "last_use",
        client=client,
        target=target,
        process=process,
        born_ns=born_ns,
        within_ns=within_ns,
        before_ns=before_ns,
    )
    found: int | None = rows[0]["end_ns"]
    return found


def _process_reuse(row: Mapping[str, Any]) -> ProcessReuse:
    # A collector of another version may count less, or more.
    return ProcessReuse(
        **{one.name: row[one.name] for one in fields(ProcessReuse) if one.name in row}
    )


def _request_row(row: Mapping[str, Any]) -> RequestRow:
    values = dict(row)
    return RequestRow(
        request_id=values.pop("request"), services=tuple(values.pop("services")), **values
    )


def _extreme(store: Store, which: str) -> str:
    rows = store.query(f"{which}_request")
    if not rows:
        raise NoSuchRequest(f"no requests in {store.name} yet.")
    return str(rows[0]["request"])


def _unknown(store: Store, text: str) -> str:
    # Whole IDs of one minute are alike by their time alone: only what tells them apart is compared.
    rows = store.query("request_ids", most=10_000)
    known = list(dict.fromkeys(short_id(str(row["request"])) for row in rows))
    alike = MUCH_LIKE if len(text) > SHOWN_WHOLE else LIKE
    near = difflib.get_close_matches(short_id(text), known, CANDIDATES, alike)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    return f'no request "{text}" in {store.name} ({_extent(store)}).{hint}'


def _extent(store: Store) -> str:
    (row,) = store.query("extent")
    if not row["requests"]:
        return "0 requests"
    first, last = (_local(row[edge]) for edge in ("first_ns", "last_ns"))
    form = "%H:%M" if first.date() == last.date() == datetime.now().date() else "%Y-%m-%d %H:%M"
    return f"{row['requests']} requests, {first:{form}}–{last:{form}}"


def _local(unix_ns: int) -> datetime:
    return datetime.fromtimestamp(unix_ns / 1e9)


def _listed(rows: list[dict[str, Any]]) -> str:
    ids = [str(row["request"]) for row in rows]
    short = [short_id(key) for key in ids]
    shown = short if len(set(short)) == len(short) else ids
    return ", ".join(shown) + (", …" if rows[0]["fits"] > len(rows) else "")
