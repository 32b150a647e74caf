"""Every client, against real faults: the phase that was slow is the phase that says so."""

from __future__ import annotations

import pytest
from conformance.outgoing import calls, only_call
from faults.addresses import black_hole, first_address
from faults.server import DELAY, FaultServer

from tracekit import attributes as names

SLACK = 0.03
NEW = ("connect", "send", "wait", "receive")
REUSED = ("send", "wait", "receive")


def close_to(seconds):
    return pytest.approx(seconds + SLACK / 2, abs=SLACK)


def test_a_first_call_opens_a_connection_and_a_second_one_reuses_it(caller, server, spans):
    assert caller.get(server.url()) == (200, b"hello")
    assert caller.get(server.url()) == (200, b"hello")

    first, second = calls(spans)
    assert first[names.CONNECTION_STATE] == "new"
    assert second[names.CONNECTION_STATE] == "reused"
    assert first[names.CONNECTION_ID] == second[names.CONNECTION_ID]
    assert (first[names.CONNECTION_USE], second[names.CONNECTION_USE]) == (1, 2)
    assert 0 < second[names.CONNECTION_IDLE] <= second[names.CONNECTION_AGE]
    assert all(first.phase(name) > 0 for name in NEW)
    assert all(second.phase(name) > 0 for name in REUSED)
    assert second.phase("connect") == 0
    assert server.connections == 1


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
    assert [call[names.CLIENT_REQUESTS] for call in calls(spans)] == [0, 1, 2]
    assert 0 < ages[0] < ages[1] < ages[2]


def test_a_new_connection_says_where_the_call_and_the_client_were_made(caller, server, spans):
    caller.get(server.url())
    caller.get(server.url())

    first, second = calls(spans)
    assert first[names.CODE_FILE].endswith("callers.py")
    assert first[names.CODE_FUNCTION].endswith("get")
    assert first[names.CLIENT_FILE].endswith("callers.py")
    assert first[names.CLIENT_FUNCTION].endswith("__init__")
    assert second[names.CODE_FILE] is None


def test_slow_headers_are_wait(caller, server, spans):
    caller.get(server.url("/slow-headers"))

    call = only_call(spans)
    assert call.phase("wait") == close_to(DELAY)
    assert call.phase("receive") < DELAY / 2


@pytest.mark.parametrize("path", ["/slow-body", "/chunked"])
def test_a_slow_body_is_receive(caller, server, spans, path):
    assert caller.get(server.url(path)) == (200, b"helloworld")

    call = only_call(spans)
    assert call.phase("receive") == close_to(DELAY)
    assert call.phase("wait") < DELAY / 2
    assert call.of_body(names.BODY_BYTES) == 10
    assert call.of_body(names.BODY_COMPLETE) is True


def test_a_slow_name_is_dns(install, resolve, server):
    from conformance.callers import CALLERS

    resolve("slow.test", ["127.0.0.1"], delay=DELAY)
    spans = install()
    for kind in CALLERS:
        with kind() as caller:
            caller.get(server.url(host="slow.test"))

    for call in calls(spans):
        assert call.phase("dns") == close_to(DELAY)
        assert call.phase("connect") < DELAY / 2
        assert call[names.DNS_HOST] == "slow.test"
        assert call[names.DNS_ADDRESSES] == ("127.0.0.1",)
    assert len(calls(spans)) == len(CALLERS)


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


def test_a_black_holed_first_address_costs_its_timeout_before_the_second_answers(
    install, resolve, server
):
    from conformance.callers import CALLERS

    resolve("dual.test", [first_address(), "127.0.0.1"])
    spans = install()
    with black_hole(first_address(), server.port):
        for kind in CALLERS:
            with kind() as caller:
                caller.get(server.url(host="dual.test"), timeout=0.6)

    for call, kind in zip(calls(spans), CALLERS, strict=True):
        # Happy eyeballs gives the first address 250 ms and then calls it off.
        patience, outcome = (0.25, "cancelled") if "async" in kind.name else (0.6, "timeout")
        assert call.attempts == [(first_address(), outcome), ("127.0.0.1", "ok")]
        assert call.phase("connect") == close_to(patience)
        assert call[names.PEER_ADDRESS] == "127.0.0.1"
        assert call[names.SERVER_ADDRESS] == "dual.test"


def test_a_refused_first_address_is_named_with_its_errno(install, resolve, server):
    from conformance.callers import CALLERS

    resolve("dual.test", ["127.0.0.9", "127.0.0.1"])
    spans = install()
    for kind in CALLERS:
        with kind() as caller:
            caller.get(server.url(host="dual.test"))

    for call in calls(spans):
        assert call.attempts == [("127.0.0.9", "ECONNREFUSED"), ("127.0.0.1", "ok")]


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


def test_a_server_that_never_answers_fails_in_wait(caller, server, spans):
    with pytest.raises(caller.errors):
        caller.get(server.url("/hang"), timeout=0.15)

    call = only_call(spans)
    assert call.phase("wait") == close_to(0.15)
    assert call[names.HTTP_STATUS] is None
    assert call.span.status.is_ok is False


def test_a_slow_handshake_is_tls_and_says_what_was_agreed(caller, spans):
    with FaultServer(tls=True, handshake_delay=DELAY) as secure:
        caller.get(secure.url())

    call = only_call(spans)
    assert call.phase("tls") == close_to(DELAY)
    assert call.phase("connect") < DELAY / 2
    assert call[names.TLS_VERSION] == "1.3"
    assert call[names.TLS_CIPHER]
    assert call[names.TLS_RESUMED] is False


def test_a_server_that_closes_leaves_nothing_to_reuse(caller, server, spans):
    caller.get(server.url("/closing"))
    caller.get(server.url("/closing"))

    assert [call[names.CONNECTION_STATE] for call in calls(spans)] == ["new", "new"]


def test_each_redirect_is_a_call_of_its_own(caller, server, spans):
    assert caller.get(server.url("/redirect")) == (200, b"hello")

    first, second = calls(spans)
    assert (first[names.HTTP_STATUS], second[names.HTTP_STATUS]) == (302, 200)
    assert (first[names.CONNECTION_USE], second[names.CONNECTION_USE]) == (1, 2)
    assert first.span.end_time <= second.span.start_time


def test_an_abandoned_stream_is_incomplete(caller, server, spans):
    caller.abandon(server.url("/endless"))

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_BYTES) == 5
    assert call.of_body(names.BODY_CHUNKS) == 1


def test_an_error_status_is_an_error_of_the_span(caller, server, spans):
    assert caller.get(server.url("/failing"))[0] == 500

    call = only_call(spans)
    assert call[names.HTTP_STATUS] == 500
    assert call[names.ERROR_TYPE] == "500"
    assert call.span.status.is_ok is False


@pytest.mark.parametrize("path", ["/", "/slow-headers", "/slow-body", "/redirect"])
def test_phases_are_in_order_and_inside_the_span(caller, server, spans, path):
    caller.get(server.url(path))

    for call in calls(spans):
        bounds = [call[names.phase(name)] for name in names.PHASES]
        moments = [moment for pair in bounds if pair for moment in pair]
        assert moments == sorted(moments)
        assert moments[0] >= 0
        assert moments[-1] <= call.span.end_time - call.span.start_time


def test_little_of_a_plain_call_is_unexplained(caller, server, spans):
    caller.get(server.url())
    caller.get(server.url("/slow-headers"))

    call = calls(spans)[1]
    explained = sum(call.phase(name) for name in names.PHASES)
    whole = call.duration + (call.phase("receive") if call.body is not None else 0)
    assert whole - explained < 0.005
