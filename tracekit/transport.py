"""One kept-alive connection to the collector: a post, its answer, and never more than its time."""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.util import Retry, Timeout

from tracekit import guard
from tracekit.delivery import Answer, parse_retry_after, rejected
from tracekit.errors import ConfigurationError
from tracekit.redaction import shown_url

CONNECT_SECONDS = 1.0
LONGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; a longer one costs its connection."""

# Retry(False) and not False: urllib3 logs the conversion.
_NO_RETRIES = Retry(False)
_LOGGERS = ("urllib3.connection", "urllib3.connectionpool")


class Transport:
    """Posts bodies to *endpoint*; its time-out is for the whole answer, however it drips."""

    def __init__(self, endpoint: str, headers: dict[str, str], timeout: float) -> None:
        limits = Timeout(connect=CONNECT_SECONDS, read=timeout)
        try:
            self._path = urllib3.util.parse_url(endpoint).request_uri
            self._pool = urllib3.connectionpool.connection_from_url(
                endpoint, maxsize=1, timeout=limits, retries=_NO_RETRIES, headers=headers
            )
        except LocationValueError:
            raise ConfigurationError(
                f"the endpoint {shown_url(endpoint)!r} is no URL",
                "give one such as http://127.0.0.1:4318",
            ) from None  # its text shows all of the URL
        secure = isinstance(self._pool, urllib3.HTTPSConnectionPool)
        self._pool.ConnectionCls = _SecureConnection if secure else _Connection
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_not_ours)

    def post(self, body: bytes) -> Answer:
        """Return the collector's answer, or what went wrong in its place."""
        _own.posting = True
        _own.fresh = False
        try:
            response = self._pool.urlopen(
                "POST", self._path, body=body, redirect=False, preload_content=False
            )
            return _answer(response)
        except (HTTPError, OSError) as error:
            return Answer(error=error, stale=not _own.fresh, timed_out=_is_late(error))
        finally:
            _own.posting = False

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Own(threading.local):
    posting = False
    fresh = False
    """Whether a connection has been opened for this post."""


_own = _Own()


def _not_ours(record: logging.LogRecord) -> bool:
    # A host that logs everything at DEBUG wants to see its own calls and not our batches.
    return not _own.posting


class _Deadline(io.RawIOBase):
    """The bytes that come within the socket's time-out, which the socket grants to every read."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._end = time.monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Deadline(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        _own.fresh = True
        super().connect()


class _SecureConnection(HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        _own.fresh = True
        super().connect()


def _answer(response: urllib3.BaseHTTPResponse) -> Answer:
    body = _read(response)
    partly = rejected(body) if response.status == 200 else None
    if partly is not None:
        guard.warn("exporter.partly_refused", partly)
    return Answer(response.status, parse_retry_after(response.headers.get("Retry-After")))


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the answer's body, or as much of it as is of interest; leave the connection usable."""
    try:
        return response.read(LONGEST_ANSWER, decode_content=False)
    except (HTTPError, OSError):
        return b""  # the status has said already what becomes of the batch
    finally:
        if not response.closed:  # there is more to come: another connection is cheaper
            response.close()
        response.release_conn()


def _is_late(error: BaseException) -> bool:
    """Tell whether *error* came by the clock; a refused connection derives from a time-out too."""
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return False
    causes = (error, *error.args)
    return any(isinstance(e, (TimeoutError, urllib3.exceptions.TimeoutError)) for e in causes)
