"""The attribute names that tracekit writes and the analyzer reads.

Names come from the OpenTelemetry semantic conventions wherever those have one; only what they
lack is ``tracekit.*``. Both sides import this module, and it imports nothing, so that it is the one
place where a name is spelled.

All times inside an attribute are integer nanoseconds counted from the start of the span that
carries it; all durations are integer nanoseconds.
"""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

Values = dict[str, AttributeValue]
"""Attributes by name, as a span is given them."""

# --- the request ------------------------------------------------------------------------------
REQUEST_ID = "tracekit.request_id"
"""On every span of a request: the ID that ``tracekit analyze`` takes."""
FOREIGN_REQUEST_IDS = (
    "http.request.header.x-request-id",
    "http.request.header.x_request_id",
    "request_id",
    "correlation_id",
)
"""Where other instrumentations keep a request ID; the first one present counts."""
MILESTONE = "tracekit.milestone"
"""On a span event: true when ``mark()`` made the event. The event's name is the milestone."""

# --- the resource -----------------------------------------------------------------------------
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE_ID = "service.instance.id"
LABEL = "tracekit.label"
"""On the resource: the free label by which ``tracekit compare`` tells runs apart."""
HOST_ID = "host.id"
HOST_IP = "host.ip"
HOST_NAME = "host.name"
PROCESS_PID = "process.pid"
DROPPED_SPANS = "tracekit.dropped_spans"
"""On the resource of a batch: how many spans this process had dropped when the batch was made."""

# --- HTTP, from the semantic conventions ------------------------------------------------------
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
HTTP_RESEND_COUNT = "http.request.resend_count"
URL_FULL = "url.full"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
PEER_ADDRESS = "network.peer.address"
PEER_PORT = "network.peer.port"
PROTOCOL_VERSION = "network.protocol.version"
ERROR_TYPE = "error.type"
CODE_FILE = "code.file.path"
"""Where the call was made: first frame outside installed libraries."""
CODE_LINE = "code.line.number"
CODE_FUNCTION = "code.function.name"

# --- connection phases, on a client span ------------------------------------------------------
PHASES = ("pool", "dns", "connect", "proxy", "tls", "send", "wait", "receive")
"""The phases of an outgoing call, in the order in which they happen.

``proxy`` is a tunnel being asked for, with the TLS to the proxy itself where it has one.
"""


def phase(name: str) -> str:
    """Return the attribute that holds phase *name* as an int array ``[start, end]``.

    Both are nanoseconds from the start of the client span. A phase that did not happen is absent;
    ``connect`` runs from the first address tried to the last one's end.
    """
    return f"tracekit.phase.{name}"


CLIENT_LIBRARY = "tracekit.client.library"
"""``httpx``, ``httpx2``, ``urllib3`` (requests and boto3 too), ``aiohttp``, ``http.client``."""
CLIENT_FILE = "tracekit.client.file"
"""Where the client, session or pool was made: first frame outside installed libraries."""
CLIENT_LINE = "tracekit.client.line"
CLIENT_FUNCTION = "tracekit.client.function"
CLIENT_AGE = "tracekit.client.age"
"""Nanoseconds since the client, session or pool was made, at this call."""
CLIENT_LOOP = "tracekit.client.loop"
"""The event loop, as in ``LOOP``, whose thread made the client meanwhile; with the next one."""
CLIENT_SETUP = "tracekit.client.setup"
"""Nanoseconds that making the client took (httpx loads certificates), on its first call alone."""
CLIENT_REQUESTS = "tracekit.client.requests"
"""How many calls it had served before this one."""
POOL_DISCARDS = "tracekit.pool.discards"
"""Connections this pool has thrown away because it was full."""
CONNECTION_STATE = "tracekit.connection.state"
"""``new``, ``reused`` or ``joined`` (a multiplexed connection that was still being opened)."""
CONNECTION_ID = "tracekit.connection.id"
CONNECTION_USE = "tracekit.connection.use"
"""This call is the n-th on its connection, from 1."""
CONNECTION_AGE = "tracekit.connection.age"
CONNECTION_IDLE = "tracekit.connection.idle"
"""Nanoseconds since the connection was last used."""
DNS_HOST = "tracekit.dns.host"
DNS_ADDRESSES = "tracekit.dns.addresses"
DNS_ERROR = "tracekit.dns.error"
ATTEMPT_ADDRESSES = "tracekit.connect.addresses"
"""Every address tried, in order; the three arrays below run beside it."""
ATTEMPT_STARTS = "tracekit.connect.starts"
ATTEMPT_ENDS = "tracekit.connect.ends"
ATTEMPT_OUTCOMES = "tracekit.connect.outcomes"
"""``ok``, ``timeout``, ``cancelled``, or the errno's name (``ECONNREFUSED``)."""
TLS_VERSION = "tls.protocol.version"
TLS_CIPHER = "tls.cipher"
TLS_ALPN = "tls.next_protocol"
TLS_RESUMED = "tls.resumed"
PROXY = "tracekit.proxy"
"""``host:port`` of the proxy that the call went through."""
LOCAL_ADDRESS = "network.local.address"
LOCAL_PORT = "network.local.port"
TCP_RTT = "tracekit.tcp.rtt"
"""The shortest round-trip time of late that the kernel knew when the headers were there, in ns.

On Linux, for new connections and for calls that waited for a millisecond and more.
"""
TCP_RETRANSMITS = "tracekit.tcp.retransmits"
"""Segments sent again on this connection since its last call's headers (Linux); absent for none."""
REDIRECT = "tracekit.redirect"
"""This call follows the n-th redirect of what the host asked for; absent for none."""
ERROR_PHASE = "tracekit.error.phase"
"""The phase in which the call failed."""
GC_TIME = "tracekit.gc"
"""Nanoseconds of the span during which this process collected garbage."""
DERIVED = "tracekit.derived"
"""The phases of this call whose bounds were worked out from neighbours, not seen themselves."""
INFERRED = "tracekit.inferred"
"""What of this call is a conclusion: ``state`` where the library does not say who connected."""
TLS_SETUP = "tracekit.tls.setup"
"""Nanoseconds of the tls phase spent before the handshake (loading certificates)."""
BODY_OF = "tracekit.body_of"
"""On a late child of a client span that ended at the response's headers: the span id it completes.

The child runs from the headers to the last byte of the body, and the analyzer takes it as the
``receive`` phase of that span.
"""
BODY_BYTES = "http.response.body.size"
BODY_CHUNKS = "tracekit.body.chunks"
BODY_FIRST_CHUNK = "tracekit.body.first_chunk"
"""Nanoseconds from the span's start to the body's first chunk."""
BODY_UNIT = "tracekit.body.unit"
"""What a chunk is: ``chunks`` as the host was given them, or ``wire_reads`` with their framing."""
BODY_LARGEST_GAP = "tracekit.body.largest_gap"
"""From one chunk to the next. This and the next two are of bodies of two chunks and more."""
BODY_GAP_P50 = "tracekit.body.gap_p50"
BODY_GAP_P95 = "tracekit.body.gap_p95"
BODY_STALLS = "tracekit.body.stalls"
"""How many gaps, less what the reader took, were over five medians and 100 ms; absent for none."""
BODY_STALL_TIME = "tracekit.body.stall_time"
BODY_STALL_STARTS = "tracekit.body.stall_starts"
"""Where the longest of them began, from the span's start; their lengths run beside."""
BODY_STALL_LENGTHS = "tracekit.body.stall_lengths"
BODY_CONSUMER = "tracekit.body.consumer"
"""Nanoseconds of the body that went by in the reader's hands, between chunks."""
FIRST_CHUNK_SECONDS = "gen_ai.response.time_to_first_chunk"
"""On event streams, in seconds, as the GenAI conventions have it."""
PER_CHUNK_SECONDS = "gen_ai.client.operation.time_per_output_chunk"
"""On event streams: mean seconds between chunks (in the conventions a metric's name)."""
BODY_COMPLETE = "tracekit.body.complete"
"""False when the caller left before the last byte."""

# --- a server span ----------------------------------------------------------------------------
# The response's body has the names of a call's: BODY_BYTES to BODY_STALL_LENGTHS. There
# BODY_CONSUMER is the time that the server held the application, because the client read slowly.
FIRST_BYTE = "tracekit.first_byte"
"""Nanoseconds from the request's arrival to the response's headers being handed to the server."""
REQUEST_ID_REPLACED = "tracekit.request_id.replaced"
"""True when the caller sent a request ID that tracekit does not accept and replaced."""
QUEUE = "tracekit.queue"
"""Nanoseconds that the request waited before the span's start; absent for nothing noticeable."""
QUEUE_SOURCE = "tracekit.queue.source"
"""Who says so: ``x-request-start`` (a proxy's clock) or ``tcp_info`` (the kernel)."""
REQUEST_BODY = "tracekit.request.body"
"""``[start, end]``: the application asked for the request's body first, and had all it read."""
REQUEST_BODY_WAIT = "tracekit.request.body.wait"
"""Nanoseconds of that in which the application waited for the server to hand it a piece."""
REQUEST_BODY_BYTES = "http.request.body.size"
ENDED = "tracekit.ended"
"""``complete``, ``client_left``, ``cancelled`` or ``error`` (also a response without its end)."""
PEER_CONNECTION = "tracekit.peer.connection"
"""``new`` or ``reused``: inferred from the peer's port, which a proxy in front makes its own."""
PEER_USE = "tracekit.peer.use"
"""This request is the n-th from that port, from 1; inferred."""
LOOP_LAG = "tracekit.loop_lag"
"""Nanoseconds of the span in which its event loop ran late: something held it; absent for none."""
LOOP_LAG_LARGEST = "tracekit.loop_lag.largest"
LOOP = "tracekit.loop"
"""Where that loop ran late meanwhile: which of its process's loops the span ran on, from 1.

On server spans, and on stages and calls by clients that block: those that a thread ran say nothing.
"""
LOOP_HELD = "tracekit.loop.held"
"""True where that loop had no turn for the watch's beat from the span's start to its end."""
LOOP_ALONE = "tracekit.loop.alone"
"""On a server span, true where that loop served no other request during its largest lag."""
BACKGROUND = "tracekit.background"
"""On a child of a server span: true for what the application did after the last byte."""
WEBSOCKET_RECEIVED = "tracekit.websocket.received"
"""Messages from the client; the next ones are those to it, and the bytes of both."""
WEBSOCKET_SENT = "tracekit.websocket.sent"
WEBSOCKET_RECEIVED_BYTES = "tracekit.websocket.received_bytes"
WEBSOCKET_SENT_BYTES = "tracekit.websocket.sent_bytes"
WEBSOCKET_CLOSE = "tracekit.websocket.close_code"


def request_header(name: str) -> str:
    """Return the attribute that holds the values of request header *name* (conventions)."""
    return f"http.request.header.{name}"


def response_header(name: str) -> str:
    """Return the attribute that holds the values of response header *name*."""
    return f"http.response.header.{name}"
