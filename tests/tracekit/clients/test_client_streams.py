"""Twenty streams at once through each client: each one's record is its own and exact."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conformance.caller import AsyncCaller, Options
from conformance.callers import CALLERS
from conformance.outgoing import calls, only_call
from integration.scripted_server import Exchange, ScriptedServer

from tracekit import attributes as names

AT_ONCE = 20


class Streams:
    """Answers ``/<kind>/<n>`` with n + 1 chunks, all requests of a round side by side."""

    def __init__(self):
        self._round = threading.Barrier(AT_ONCE)

    def __call__(self, exchange: Exchange):
        kind, number = exchange.path.strip("/").split("/")
        self._round.wait(20)
        sends = {"events": chunked_events, "chunked": chunks, "sized": sized}[kind]
        sends(exchange, pieces_of(kind, int(number)))


def pieces_of(kind, number):
    """Return the pieces of one stream; their sizes tell it from all others."""
    if kind == "events":
        return [b"data: %s\n\n" % (b"x" * (number * 10 + one)) for one in range(number + 1)]
    return [b"x" * (1 + number * 100 + one) for one in range(number + 1)]


def chunked_events(exchange, pieces):
    chunks(exchange, pieces, content_type="text/event-stream")


def chunks(exchange, pieces, **headers):
    exchange.begin(transfer_encoding="chunked", **headers)
    for piece in pieces:
        exchange.chunk(piece)
    exchange.end()


def sized(exchange, pieces):
    exchange.begin(content_length=str(sum(map(len, pieces))))
    for piece in pieces:
        exchange.write(piece)


async def take_all(caller, url):
    """Read a stream piece by piece; return their lengths."""
    if caller.library == "aiohttp":
        async with caller.client.get(url) as response:
            return [len(piece) async for piece in response.content.iter_any()]
    async with caller.client.stream("GET", url) as response:
        return [len(piece) async for piece in response.aiter_raw()]


def read_together(caller, urls):
    """Read these streams side by side; return the lengths of the pieces of each."""
    if isinstance(caller, AsyncCaller):

        async def all_of_them():
            return await asyncio.gather(*(take_all(caller, url) for url in urls))

        return caller.run(all_of_them())

    def read(url):
        lengths = []
        caller.read(url, lambda piece: lengths.append(len(piece)))
        return lengths

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(read, urls))


@pytest.fixture(params=CALLERS, ids=lambda kind: kind.name)
def caller(request, spans):
    with request.param(Options(pool=AT_ONCE)) as made:
        yield made


@pytest.mark.parametrize("kind", ["events", "chunked", "sized"])
def test_every_stream_of_twenty_at_once_is_recorded_exactly(caller, spans, kind):
    with ScriptedServer(Streams()) as server:
        urls = {f"{server.url}/{kind}/{number}": number for number in range(AT_ONCE)}
        # The second time on connections that have carried another stream.
        taken = [read_together(caller, list(urls)) for _ in range(2)]

    told = calls(spans)
    for url, number in urls.items():
        mine = [call for call in told if call[names.URL_FULL] == url]
        given = [one[number] for one in taken]
        length = sum(map(len, pieces_of(kind, number)))
        assert [sum(lengths) for lengths in given] == [length, length]
        assert [one.of_body(names.BODY_BYTES) for one in mine] == [length, length]
        compare_chunks(mine, given, kind)
    assert len(told) == 2 * AT_ONCE


def compare_chunks(mine, given, kind):
    counts = [call.of_body(names.BODY_CHUNKS) for call in mine]
    if mine[0].of_body(names.BODY_UNIT) == "chunks":
        assert sorted(counts) == sorted(map(len, given))
    else:
        assert min(counts) >= 1
    for call, count in zip(mine, counts, strict=True):
        assert call.of_body(names.BODY_COMPLETE) is True
        assert call.of_body(names.ERROR_TYPE) is None
        assert (call.of_body(names.BODY_LARGEST_GAP) is not None) == (count > 1)
        assert (call.of_body(names.FIRST_CHUNK_SECONDS) is not None) == (kind == "events")


def test_streams_that_break_off_are_told_from_those_beside_them_that_do_not(caller, spans):
    together = threading.Barrier(AT_ONCE)

    def answer(exchange):
        together.wait(20)
        exchange.begin(transfer_encoding="chunked")
        exchange.chunk(b"hello")
        if int(exchange.path.rpartition("/")[2]) % 2:
            exchange.break_off()
        else:
            exchange.end()

    def attempt(url):
        try:
            caller.read(url, len)
        except Exception:
            return False
        return True

    async def attempts(urls):
        done = await asyncio.gather(
            *(take_all(caller, url) for url in urls), return_exceptions=True
        )
        return [not isinstance(one, Exception) for one in done]

    with ScriptedServer(answer) as server:
        urls = [f"{server.url}/{number}" for number in range(AT_ONCE)]
        if isinstance(caller, AsyncCaller):
            whole = caller.run(attempts(urls))
        else:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                whole = list(threads.map(attempt, urls))

    assert whole == [True, False] * (AT_ONCE // 2)
    told = {one[names.URL_FULL]: one.of_body(names.BODY_COMPLETE) for one in calls(spans)}
    assert [told[url] for url in urls] == whole


def test_a_stream_without_chunks_is_complete_and_has_no_first_one(caller, spans):
    def answer(exchange):
        exchange.begin(transfer_encoding="chunked", content_type="text/event-stream")
        exchange.end()

    with ScriptedServer(answer) as server:
        if isinstance(caller, AsyncCaller):
            assert caller.run(take_all(caller, server.url)) == []
        else:
            caller.read(server.url, lambda _: pytest.fail("nothing was sent"))

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is True
    assert not call.of_body(names.BODY_BYTES)
