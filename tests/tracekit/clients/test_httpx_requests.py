"""Whose request is whose: one that is sent twice, and those that are sent on behalf of another."""

from __future__ import annotations

import asyncio
import threading

from conformance.outgoing import calls

from tracekit import attributes as names


def told(spans):
    """Return path, resends and redirects of each call, in the order of their starts."""
    return [(one.path, one[names.HTTP_RESEND_COUNT], one[names.REDIRECT]) for one in calls(spans)]


def test_a_token_that_an_auth_flow_fetches_is_no_resend(library, server, spans):
    class Token(library.Auth):
        def sync_auth_flow(self, request):
            client.post(server.url("/headers"), auth=None)
            yield request

    with library.Client(auth=Token(), follow_redirects=True) as client:
        client.get(server.url("/redirect"))

    assert told(spans) == [("/headers", None, None), ("/redirect", None, None), ("/", 1, 1)]


def test_a_token_that_an_async_auth_flow_fetches_is_no_resend(library, server, spans):
    async def call():
        class Token(library.Auth):
            async def async_auth_flow(self, request):
                await client.post(server.url("/headers"), auth=None)
                yield request

        async with library.AsyncClient(auth=Token(), follow_redirects=True) as client:
            await client.get(server.url("/redirect"))

    asyncio.run(call())
    assert told(spans) == [("/headers", None, None), ("/redirect", None, None), ("/", 1, 1)]


def test_what_a_request_hook_asks_is_no_resend(library, server, spans):
    def ask_first(request):
        if request.url.path == "/":
            client.get(server.url("/headers"))

    with library.Client(event_hooks={"request": [ask_first]}) as client:
        client.get(server.url())

    assert told(spans) == [("/headers", None, None), ("/", None, None)]


def test_what_a_background_task_of_a_hook_asks_is_no_resend(library, server, spans):
    async def call():
        tasks = []

        async def refresh():
            for _ in range(3):
                await client.get(server.url("/headers"))

        async def begin(request):
            if request.url.path == "/redirect":
                await client.get(server.url("/echo/1"))
                tasks.append(asyncio.create_task(refresh()))

        hooks = {"request": [begin]}
        async with library.AsyncClient(event_hooks=hooks, follow_redirects=True) as client:
            await client.get(server.url("/redirect"))
            await asyncio.gather(*tasks)

    asyncio.run(call())
    assert sorted(told(spans), key=str) == [
        ("/", 1, 1),
        ("/echo/1", None, None),
        *[("/headers", None, None)] * 3,
        ("/redirect", None, None),
    ]


class Sent:
    """A request as it was before it is sent twice at once, and what has to be true afterwards."""

    def __init__(self, request):
        self.request = request
        self.headers, self.extensions = request.headers, dict(request.extensions)
        self.raw = list(request.headers.raw)

    def check(self, server, spans):
        assert self.request.headers is self.headers
        assert self.request.headers.raw == self.raw
        assert self.request.extensions == self.extensions
        first, second = calls(spans)
        ids = [format(one.span.context.span_id, "016x") for one in (first, second)]
        assert [one.headers["traceparent"].split("-")[2] for one in server.requests] == ids
        assert first[names.CONNECTION_ID] != second[names.CONNECTION_ID]
        # What the second one does is not written on the first, which the server has got by then.
        assert moment(first, "send") < moment(second, "connect") < moment(second, "send")
        assert first.bounds().keys() == second.bounds().keys() >= {"connect", "send", "wait"}


def moment(call, phase):
    return call.span.start_time + call.bounds()[phase][0]


def test_a_request_that_is_sent_twice_at_once_is_two_calls(library, server, spans):
    with library.Client() as client:
        sent = Sent(client.build_request("GET", server.url("/held")))
        threads = [threading.Thread(target=client.send, args=(sent.request,)) for _ in range(2)]
        for thread in threads:
            thread.start()
            server.arrived.acquire()
        server.released.set()
        for thread in threads:
            thread.join()

    sent.check(server, spans)


def test_a_request_that_two_tasks_send_at_once_is_two_calls(library, server, spans):
    async def call():
        async with library.AsyncClient() as client:
            sent = Sent(client.build_request("GET", server.url("/held")))
            tasks = []
            for _ in range(2):
                tasks.append(asyncio.create_task(client.send(sent.request)))
                await asyncio.to_thread(server.arrived.acquire)
            server.released.set()
            await asyncio.gather(*tasks)
            return sent

    asyncio.run(call()).check(server, spans)
