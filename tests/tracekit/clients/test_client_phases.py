"""What every client says of a call besides its phases, which ``conformance`` looks at."""

from __future__ import annotations

import sys

import pytest
from conformance.outgoing import calls, only_call
from faults.server import FaultServer

from tracekit import attributes as names


def test_the_span_says_what_was_called_in_the_words_of_the_conventions(caller, server, spans):
    caller.get(server.url("/hello?token=secret"))

    call = only_call(spans)
    assert call.span.name == "GET"
    assert call[names.HTTP_METHOD] == "GET"
    assert call[names.HTTP_STATUS] == 200
    assert call[names.URL_FULL] == server.url("/hello")
    assert (call[names.SERVER_ADDRESS], call[names.SERVER_PORT]) == ("127.0.0.1", server.port)
    assert (call[names.PEER_ADDRESS], call[names.PEER_PORT]) == ("127.0.0.1", server.port)
    assert call[names.PROTOCOL_VERSION] == "1.1"
    assert call[names.CLIENT_LIBRARY] == caller.library


def test_a_client_says_how_old_it_is_and_how_much_it_has_served(caller, server, spans):
    for _ in range(3):
        caller.get(server.url())

    ages = [call[names.CLIENT_AGE] for call in calls(spans)]
    served = [call[names.CLIENT_REQUESTS] for call in calls(spans)]
    assert served == ([0, 1, 2] if caller.keeps else [0, 0, 0])
    assert ages[0] > 0
    assert not caller.keeps or ages[0] < ages[1] < ages[2]


def test_a_new_connection_says_where_the_call_and_the_client_were_made(caller, server, spans):
    caller.get(server.url())
    caller.get(server.url())

    first, second = calls(spans)
    assert first[names.CODE_FILE].endswith(("caller.py", "callers.py"))
    assert first[names.CODE_FUNCTION].endswith(("get", "_sent"))
    assert first[names.CLIENT_FILE].endswith(("caller.py", "callers.py"))
    assert first[names.CLIENT_FUNCTION].endswith(caller.made_in)
    if not caller.keeps:
        assert second[names.CODE_FILE] is not None
    elif second.phase("pool") < 0.0005:  # who waits for a connection has a line too
        assert second[names.CODE_FILE] is None


def test_an_address_needs_no_look_up(caller, server, spans):
    caller.get(server.url(host="127.0.0.1"))

    assert only_call(spans)[names.phase("dns")] is None


def test_a_name_that_does_not_exist_fails_in_dns(caller, spans):
    with pytest.raises(caller.errors):
        caller.get("http://nobody.invalid/")

    call = only_call(spans)
    assert call[names.DNS_HOST] == "nobody.invalid"
    assert call[names.DNS_ERROR].startswith("EAI")
    assert call[names.phase("connect")] is None
    assert call.span.status.is_ok is False


def test_a_refused_connection_fails_in_connect(caller, spans):
    with FaultServer() as gone:
        url = gone.url()
    with pytest.raises(caller.errors):
        caller.get(url)

    call = only_call(spans)
    assert call.attempts == [("127.0.0.1", "ECONNREFUSED")]
    assert call.phase("connect") > 0
    assert call[names.phase("wait")] is None
    assert call.span.status.is_ok is False
    assert call[names.ERROR_TYPE]


def test_redirects_and_failures_say_where_the_call_was_made(caller, server, spans):
    caller.get(server.url("/"))  # a connection that they find open
    caller.get(server.url("/redirect"))
    with pytest.raises(caller.errors):
        caller.get(server.url("/reset"))

    _, moved, followed, *failed = calls(spans)
    assert moved[names.HTTP_STATUS] == 302
    assert failed
    hops = [] if caller.name == "http.client" else [followed]  # there they are two calls
    for call in [*hops, *failed]:
        assert call[names.CODE_FILE].endswith(("caller.py", "callers.py"))


def test_a_streamed_body_says_where_its_call_was_made(caller, server, spans):
    caller.get(server.url("/"))
    caller.get(server.url("/chunked"))

    streamed = calls(spans)[1]
    if caller.name == "urllib3":  # which has read the body before it hands out the response
        assert streamed[names.CODE_FILE] is None
    else:
        assert streamed[names.CODE_FILE].endswith(("caller.py", "callers.py"))


def test_a_stream_that_another_function_reads_is_at_the_line_of_the_call(library, server, spans):
    def read(response):
        return b"".join(response.iter_bytes())

    with library.Client() as client:
        client.get(server.url("/"))
        line = sys._getframe().f_lineno + 1
        with client.stream("GET", server.url("/chunked")) as response:
            read(response)

    assert calls(spans)[1][names.CODE_LINE] == line
