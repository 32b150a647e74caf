"""How a response of aiohttp arrives, ends, breaks off or is left."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest
from aiohttp import web
from aiohttp_calls import fetch, fetch_with, site
from conformance.outgoing import calls, only_call
from faults.server import DELAY

from tracekit import attributes as names

EVENTS = {"Content-Type": "text/event-stream"}


@pytest.mark.parametrize("path", ["/slow-body", "/chunked"])
def test_a_stream_is_counted_by_wire_reads(server, spans, path):
    async def stream():
        async with aiohttp.ClientSession() as session, session.get(server.url(path)) as response:
            return [piece async for piece in response.content.iter_any()]

    assert asyncio.run(stream()) == [b"hello", b"world"]
    call = only_call(spans)
    assert call[names.BODY_UNIT] == "wire_reads"
    assert (call[names.BODY_CHUNKS], call[names.BODY_BYTES]) == (2, 10)
    assert call[names.BODY_LARGEST_GAP] == pytest.approx(DELAY * 1e9, rel=0.5)
    assert call[names.BODY_COMPLETE] is True


def test_the_span_ends_with_the_last_byte_not_with_the_reader(server, spans):
    async def read_late():
        async with aiohttp.ClientSession() as session, session.get(server.url()) as response:
            await asyncio.sleep(0.1)
            return await response.read()

    assert asyncio.run(read_late()) == b"hello"
    assert only_call(spans).duration < 0.09


def test_what_a_slow_reader_holds_up_is_no_stall_of_the_servers(spans):
    pieces, size = 6, 1 << 20

    async def answer(_request):
        return web.Response(body=bytes(pieces * size))

    async def read_slowly():
        async with (
            site(answer) as url,
            aiohttp.ClientSession() as session,
            session.get(url) as response,
        ):
            async for _ in response.content.iter_chunked(size):
                await asyncio.sleep(DELAY)

    asyncio.run(read_slowly())
    call = only_call(spans)
    assert call[names.BODY_BYTES] == pieces * size
    assert call[names.BODY_CONSUMER] > DELAY * 1e9
    assert call[names.BODY_CONSUMER] < call.phase("receive") * 1e9
    assert call[names.BODY_STALLS] is None


def test_a_slow_server_is_no_slow_reader(server, spans):
    asyncio.run(fetch(server.url("/paused")))

    call = only_call(spans)
    assert call[names.BODY_CONSUMER] is None
    assert call[names.BODY_STALLS] == 1


def test_an_event_stream_has_the_names_of_genai(spans):
    async def answer(request):
        response = web.StreamResponse(headers=EVENTS)
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"data: x\n\n")
            await asyncio.sleep(0.02)
        return response

    async def stream():
        async with site(answer) as url:
            await fetch(url)

    asyncio.run(stream())
    call = only_call(spans)
    assert call[names.FIRST_CHUNK_SECONDS] < 0.1
    assert call[names.PER_CHUNK_SECONDS] == pytest.approx(0.02, abs=0.01)


def test_a_compressed_body_has_no_sizes_of_decoded_pieces(spans):
    async def answer(_request):
        response = web.Response(body=b"x" * 10_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async def read():
        async with site(answer) as url:
            return await fetch(url)

    assert asyncio.run(read()) == b"x" * 10_000
    assert (only_call(spans)[names.BODY_BYTES] or 0) < 1000
    assert only_call(spans)[names.BODY_COMPLETE] is True


@pytest.mark.parametrize("leave", ["release", "close"])
def test_a_stream_that_is_left_is_incomplete(server, spans, leave):
    async def left():
        async with aiohttp.ClientSession() as session:
            response = await session.get(server.url("/endless"))
            assert await response.content.readany() == b"hello"
            getattr(response, leave)()

    asyncio.run(left())
    call = only_call(spans)
    assert call[names.BODY_COMPLETE] is False
    assert call[names.ERROR_TYPE] is None


def test_a_forgotten_response_ends_where_it_was_last_seen_alive(server, spans):
    async def forget():
        async with aiohttp.ClientSession() as session:
            response = await session.get(server.url("/endless"))
            await response.content.readany()
            await asyncio.sleep(DELAY)
            del response
            gc.collect()
            await fetch_with(session, server.url())

    asyncio.run(forget())
    forgotten, plain = calls(spans)
    assert forgotten[names.BODY_COMPLETE] is False
    assert forgotten.duration < DELAY
    assert plain[names.BODY_COMPLETE] is True


def test_a_body_that_breaks_off_is_an_error(server, spans):
    with pytest.raises(aiohttp.ClientPayloadError):
        asyncio.run(fetch(server.url("/broken-off")))

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "ClientPayloadError"
    assert call[names.BODY_COMPLETE] is False
    assert call[names.ERROR_PHASE] == "receive"


@pytest.mark.parametrize(("path", "phase"), [("/hang", "wait"), ("/endless", "receive")])
@pytest.mark.parametrize("limit", ["total", "sock_read"])
def test_a_time_out_falls_in_the_phase_it_cut(server, spans, path, phase, limit):
    patience = aiohttp.ClientTimeout(**{limit: 0.1})
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(fetch(server.url(path), timeout=patience))

    call = only_call(spans)
    assert call[names.ERROR_TYPE] in ("TimeoutError", "SocketTimeoutError")
    assert call[names.ERROR_PHASE] == phase
    assert call.phase(phase) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("path", "phase"), [("/hang", "wait"), ("/endless", "receive")])
def test_a_cancelled_call_says_so(server, spans, path, phase):
    async def cancel():
        async with aiohttp.ClientSession() as session:
            task = asyncio.ensure_future(fetch_with(session, server.url(path)))
            await asyncio.to_thread(server.arrived.acquire)
            asyncio.get_running_loop().call_later(0.05, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel())
    call = only_call(spans)
    assert (call[names.ERROR_TYPE], call[names.ERROR_PHASE]) == ("CancelledError", phase)


def test_an_exception_the_host_is_handling_is_not_the_calls(server, spans):
    async def fall_back():
        async with aiohttp.ClientSession() as session:
            try:
                raise asyncio.TimeoutError
            except asyncio.TimeoutError:
                async with session.get(server.url("/endless")) as response:
                    await response.content.readany()

    asyncio.run(fall_back())
    assert only_call(spans)[names.ERROR_TYPE] is None


def test_an_upload_is_send_until_its_last_byte(server, spans):
    async def slowly():
        yield b"a"
        await asyncio.sleep(DELAY)
        yield b"b"

    async def upload():
        async with aiohttp.ClientSession() as session:
            headers = {"Content-Length": "2"}
            async with session.post(server.url(), data=slowly(), headers=headers) as response:
                await response.read()

    asyncio.run(upload())
    call = only_call(spans)
    assert call.phase("send") == pytest.approx(DELAY, abs=0.03)
    assert call.phase("wait") < DELAY / 2
