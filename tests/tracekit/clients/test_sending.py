from __future__ import annotations

import asyncio
import threading
from time import perf_counter_ns

import pytest
import requests
import urllib3
from conformance.outgoing import calls

from tracekit import attributes as names
from tracekit import guard
from tracekit.clients import sending
from tracekit.clients.registry import Clients
from tracekit.phases import ConnectionPhases


class OneCall:
    """As much of a ``Call`` as counting needs."""

    def __init__(self, status=None):
        self.record = ConnectionPhases("urllib3", perf_counter_ns())
        self.record.status = status


def sent(*statuses):
    """Send a request after another in one call of the host; return their records."""
    around, records = sending.Sending(object(), None), []
    for status in statuses:
        call = OneCall()
        around.begin(call)
        call.record.status = status
        around.end()
        records.append(call.record)
    return records


def test_a_request_sent_again_is_counted():
    assert [one.resends for one in sent(503, None, 200)] == [0, 1, 2]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_follows_a_redirect_is_one(status):
    assert [one.redirects for one in sent(status, 503, status, 200)] == [0, 1, 1, 2]


def test_a_304_leads_nowhere():
    assert [one.redirects for one in sent(304, 200)] == [0, 0]


def test_a_request_without_an_answer_is_no_redirect_though_the_one_before_was():
    assert [one.redirects for one in sent(302, None, 200)] == [0, 1, 1]


def test_ending_what_never_began_is_nothing():
    around = sending.Sending(object(), None)
    around.end()

    assert around.status is None


class Maker:
    """A client of some library."""

    def __init__(self, fails=False):
        if fails:
            raise ValueError("not like this")

    def send(self, inner=None):
        found = sending.current.get()
        return found if inner is None else (found, inner())

    def fail(self):
        raise ValueError("refused")

    async def asend(self):
        await asyncio.sleep(0)
        return sending.current.get()


@pytest.fixture
def clients():
    return Clients()


def test_a_client_is_remembered_with_its_place_and_what_it_took(clients):
    make = sending.making(clients)(Maker.__init__)
    one = Maker.__new__(Maker)
    make(one)

    known = clients.get(one)
    assert known.site.file == __file__
    assert known.site.function.endswith("its_place_and_what_it_took")
    assert 0 <= known.setup < 1_000_000_000


def test_a_client_that_could_not_be_made_is_not_remembered(clients):
    one = Maker.__new__(Maker)
    with pytest.raises(ValueError, match="not like this"):
        sending.making(clients)(Maker.__init__)(one, fails=True)

    assert clients.get(one) is None


def test_each_request_of_a_client_is_served_by_it(clients):
    one = Maker()
    sending.note(clients, one, perf_counter_ns())
    around, served = sending.Sending(one, clients.get(one)), []
    for _ in range(2):
        call = OneCall()
        around.begin(call)
        around.end()
        served.append((call.record.client_requests, call.record.client_setup is None))

    assert served == [(0, False), (1, True)]


def test_a_client_that_sends_through_itself_sends_one_call(clients):
    send = sending.sending(clients, joins=sending.always)(Maker.send)
    one = Maker()
    outer, inner = send(one, lambda: send(one))

    assert outer is inner
    assert sending.current.get() is None


def test_a_client_that_sends_through_another_leaves_that_one_its_own_call(clients):
    send = sending.sending(clients)(Maker.send)
    one, other = Maker(), Maker()
    outer, inner = send(one, lambda: send(other))

    assert (outer.owner, inner.owner) == (one, other)
    assert sending.current.get() is None


def test_after_an_error_nothing_is_being_sent(clients):
    with pytest.raises(ValueError, match="refused"):
        sending.sending(clients)(Maker.fail)(Maker())

    assert sending.current.get() is None


def test_calls_of_one_client_at_the_same_time_are_apart(clients):
    send, one = sending.sending_async(clients)(Maker.asend), Maker()

    async def together():
        return await asyncio.gather(*(send(one) for _ in range(20)))

    assert len(set(asyncio.run(together()))) == 20
    assert sending.current.get() is None


def test_a_cancelled_call_is_no_longer_being_sent(clients):
    async def forever(_client):
        await asyncio.Event().wait()

    async def cancelled():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sending.sending_async(clients)(forever)(Maker()), 0.01)
        return sending.current.get()

    assert asyncio.run(cancelled()) is None


def test_when_counting_fails_the_host_still_sends(monkeypatch, clients):
    monkeypatch.setattr(sending, "Sending", lambda *_args, **_options: 1 / 0)
    before = guard.faults().get("clients.sending", 0)

    assert sending.sending(clients)(Maker.send)(Maker()) is None
    assert guard.faults()["clients.sending"] == before + 1


def told(spans):
    return [
        (one[names.HTTP_STATUS], one[names.HTTP_RESEND_COUNT], one[names.REDIRECT])
        for one in calls(spans)
    ]


def test_a_session_that_is_redirected_and_then_used_again_counts_anew(server, spans):
    with requests.Session() as session:
        session.get(server.url("/redirect"))
        session.get(server.url())

    assert told(spans) == [(302, None, None), (200, 1, 1), (200, None, None)]


def test_retries_by_a_pool_are_counted_in_their_order(server, spans):
    retries = urllib3.Retry(2, status_forcelist=[500])
    with (
        urllib3.PoolManager(retries=retries) as pools,
        pytest.raises(urllib3.exceptions.MaxRetryError),
    ):
        pools.request("GET", server.url("/failing"))

    assert told(spans) == [(500, None, None), (500, 1, None), (500, 2, None)]


def test_calls_of_twenty_threads_through_one_session_do_not_count_for_each_other(server, spans):
    with requests.Session() as session:
        threads = [
            threading.Thread(target=session.get, args=(server.url("/redirect"),)) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(told(spans), key=str) == [(200, 1, 1)] * 20 + [(302, None, None)] * 20
