"""Write the record of an outgoing call as span attributes."""

from __future__ import annotations

from typing import Any

from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names
from tracekit.chunk_attributes import add_gaps
from tracekit.chunks import Chunks
from tracekit.phases import ConnectionPhases

_SECOND = 1_000_000_000


def attributes_of(record: ConnectionPhases, end: int) -> dict[str, AttributeValue]:
    """Return everything known as span attributes, for a span that ends at *end*."""
    result: dict[str, AttributeValue] = {names.CLIENT_LIBRARY: record.library}
    phases = record.bounds(end)
    for phase, bounds in phases.items():
        result[_PHASE[phase]] = bounds
    for field, value in vars(record).items():  # what was set; defaults live on the class
        name = _PLAIN.get(field)
        if name is not None and value is not None:
            result[name] = value
    _add_addresses(record, result)
    if record.is_new:
        _add_opening(record, result)
    if record.call_site is not None or record.is_new:
        _add_sites(record, result)
    _add_quality(record, result, phases)
    _add_body(record, result)
    return result


def body_attributes_of(record: ConnectionPhases, start: int) -> dict[str, AttributeValue]:
    """Return the body's part alone, for a late child span that starts at *start*."""
    result: dict[str, AttributeValue] = {}
    _add_body(record, result, start)
    return result


def _add_addresses(record: ConnectionPhases, result: dict[str, AttributeValue]) -> None:
    if record.peer is not None:
        result[names.PEER_ADDRESS], result[names.PEER_PORT] = record.peer
    if record.local is not None:
        result[names.LOCAL_ADDRESS], result[names.LOCAL_PORT] = record.local


def _add_quality(
    record: ConnectionPhases, result: dict[str, AttributeValue], phases: dict[str, tuple[int, int]]
) -> None:
    if record.resends:
        result[names.HTTP_RESEND_COUNT] = record.resends
    if record.redirects:
        result[names.REDIRECT] = record.redirects
    if record.collecting:
        result[names.GC_TIME] = record.collecting
    result.update(record.in_loop or {})
    if record.lag[0]:
        result[names.LOOP_LAG], result[names.LOOP_LAG_LARGEST] = record.lag
    if phases and record.error not in (None, str(record.status)):
        result[names.ERROR_PHASE] = next(reversed(phases))
    derived = tuple(phase for phase in record.derived if phase in phases)
    if derived:
        result[names.DERIVED] = derived
    if record.inferred:
        result[names.INFERRED] = record.inferred


def _add_opening(record: ConnectionPhases, result: dict[str, AttributeValue]) -> None:
    _add_lookups(record, result)
    _add_attempts(record, result)
    result.update(record.tls or {})
    tls = record.marks.get("tls")
    if tls is not None and record.handshake is not None:
        result[names.TLS_SETUP] = max(0, record.handshake - tls[0])


def _add_lookups(record: ConnectionPhases, result: dict[str, AttributeValue]) -> None:
    if not record.lookups:
        return
    last = record.lookups[-1]
    result[names.DNS_HOST] = last.host
    if last.error:
        result[names.DNS_ERROR] = last.error
    else:
        result[names.DNS_ADDRESSES] = last.addresses


def _add_attempts(record: ConnectionPhases, result: dict[str, AttributeValue]) -> None:
    if not record.attempts:
        return
    result[names.ATTEMPT_ADDRESSES] = tuple(one.address for one in record.attempts)
    result[names.ATTEMPT_STARTS] = tuple(
        max(0, one.start - record.start) for one in record.attempts
    )
    result[names.ATTEMPT_ENDS] = tuple(max(0, one.end - record.start) for one in record.attempts)
    result[names.ATTEMPT_OUTCOMES] = tuple(one.outcome for one in record.attempts)


def _add_sites(record: ConnectionPhases, result: dict[str, AttributeValue]) -> None:
    if record.call_site is not None:
        result[names.CODE_FILE] = record.call_site.file
        result[names.CODE_LINE] = record.call_site.line
        result[names.CODE_FUNCTION] = record.call_site.function
    if record.client_site is not None:
        result[names.CLIENT_FILE] = record.client_site.file
        result[names.CLIENT_LINE] = record.client_site.line
        result[names.CLIENT_FUNCTION] = record.client_site.function


def _add_body(
    record: ConnectionPhases, result: dict[str, AttributeValue], start: int | None = None
) -> None:
    if record.body_bytes is not None:
        result[names.BODY_BYTES] = record.body_bytes
    if record.body_complete is not None:
        result[names.BODY_COMPLETE] = record.body_complete
    if record.body is not None:
        _add_chunks(record, result, record.body, record.start if start is None else start)


def _add_chunks(
    record: ConnectionPhases, result: dict[str, AttributeValue], body: Chunks, origin: int
) -> None:
    result[names.BODY_CHUNKS] = body.count
    result[names.BODY_UNIT] = record.body_unit
    result[names.BODY_FIRST_CHUNK] = max(0, body.first - origin)
    is_event_stream = _is_event_stream(record.response_headers)
    if is_event_stream:
        # Counted from the request, wherever the span that carries it begins.
        result[names.FIRST_CHUNK_SECONDS] = max(0, body.first - record.start) / _SECOND
    if is_event_stream and body.count > 1:
        result[names.PER_CHUNK_SECONDS] = (body.last - body.first) / (body.count - 1) / _SECOND
    add_gaps(result, body, origin)


def _is_event_stream(headers: Any) -> bool:
    """Tell whether a response is one of events by its *headers*, any library's mapping."""
    kind = None if headers is None else headers.get("content-type")
    return kind is not None and kind.lower().startswith("text/event-stream")


_PHASE = {phase: names.phase(phase) for phase in names.PHASES}
_PLAIN = {
    "status": names.HTTP_STATUS,
    "error": names.ERROR_TYPE,
    "protocol": names.PROTOCOL_VERSION,
    "state": names.CONNECTION_STATE,
    "connection_id": names.CONNECTION_ID,
    "connection_use": names.CONNECTION_USE,
    "connection_age": names.CONNECTION_AGE,
    "connection_idle": names.CONNECTION_IDLE,
    "proxy": names.PROXY,
    "rtt": names.TCP_RTT,
    "retransmits": names.TCP_RETRANSMITS,
    "discards": names.POOL_DISCARDS,
    "client_age": names.CLIENT_AGE,
    "client_setup": names.CLIENT_SETUP,
    "client_requests": names.CLIENT_REQUESTS,
    "client_loop": names.CLIENT_LOOP,
}
"""Fields of the record that are attributes as they are, unless they are None."""
