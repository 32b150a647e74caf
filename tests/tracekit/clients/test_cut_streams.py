"""Chunked streams whose server goes away between two chunks: an error, and nobody who left."""

from __future__ import annotations

import http.client

import pytest
import requests
import urllib3
from conformance.outgoing import only_call
from opentelemetry.trace import StatusCode

from tracekit import attributes as names


def by_urllib3(url):
    pools = urllib3.PoolManager()
    return b"".join(pools.request("GET", url, preload_content=False).stream())


def by_urllib3_in_chunks(url):
    pools = urllib3.PoolManager()
    return b"".join(pools.request("GET", url, preload_content=False).read_chunked())


def by_requests(url):
    return requests.get(url).content


def by_requests_in_lines(url):
    return b"".join(requests.get(url, stream=True).iter_lines())


def by_requests_in_pieces(url):
    return b"".join(requests.get(url, stream=True).iter_content(2))


READERS = [by_urllib3, by_urllib3_in_chunks, by_requests, by_requests_in_lines]
ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)


@pytest.mark.parametrize("read", [*READERS, by_requests_in_pieces])
def test_a_stream_that_ends_between_chunks_is_an_error(server, spans, read):
    server.released.set()  # the server leaves after the first chunk
    with pytest.raises(ERRORS):
        read(server.url("/endless-chunks"))

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "ProtocolError"
    assert call[names.ERROR_PHASE] == "receive"
    assert call[names.BODY_COMPLETE] is False
    assert call.span.status.status_code is StatusCode.ERROR


def test_a_host_that_leaves_a_stream_between_chunks_is_no_error(server, spans):
    response = requests.get(server.url("/endless-chunks"), stream=True)
    assert next(response.iter_content(None)) == b"hello"
    response.close()

    call = only_call(spans)
    assert call[names.ERROR_TYPE] is None
    assert call[names.BODY_COMPLETE] is False
    assert call.span.status.status_code is StatusCode.UNSET
