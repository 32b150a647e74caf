"""The real OpenAI SDK, streaming from a server that pauses in a known way and times itself."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time

import lateness
import pytest
from conformance.outgoing import calls, only_call
from integration.scripted_server import Exchange, ScriptedServer, stream
from integration.traced_calls import in_one_of_five_runs, traced_calls

from tracekit import attributes as names
from tracekit import clients

openai = pytest.importorskip("openai")

MILLISECOND = 1_000_000
CLOSE = 5 * MILLISECOND
WORDS = ["Once", " upon", " a", " time", " there", " was", " a", " trace"]
HEADERS, FIRST, PAUSE, STALL = 0.03, 0.05, 0.015, 0.2
STALLED = 5
"""The word that comes late."""
DONE = b"data: [DONE]\n\n"


def near(expected):
    """5 ms either way, and what the machine itself was late by."""
    return pytest.approx(expected, abs=CLOSE + lateness.allowed() * 1e9)


def event(word):
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**chunk, "choices": [choice]}).encode() + b"\n\n"


EVENTS = [*map(event, WORDS), DONE]


def tell(exchange: Exchange):
    time.sleep(HEADERS)
    exchange.begin(content_type="text/event-stream", transfer_encoding="chunked")
    pauses = [FIRST, *[PAUSE] * (len(EVENTS) - 1)]
    pauses[STALLED] = STALL
    stream(exchange, zip(pauses, EVENTS, strict=True))
    exchange.end()


def break_off(exchange: Exchange):
    exchange.begin(content_type="text/event-stream", transfer_encoding="chunked")
    stream(exchange, [(0, event("Once")), (PAUSE, event(" upon"))])
    exchange.break_off()


class Sync:
    """The SDK as a script uses it."""

    def __init__(self, url):
        self.client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)

    def ask(self, words=None, forget=False):
        answer = self.client.chat.completions.create(model="m", messages=[], stream=True)
        said = []
        for chunk in answer:
            said.append(chunk.choices[0].delta.content)
            if len(said) == words:
                if not forget:
                    answer.close()
                break
        return said

    def close(self):
        self.client.close()


class Async:
    """The same on an event loop."""

    def __init__(self, url):
        self.loop = asyncio.new_event_loop()
        self.client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def _ask(self, words, forget):
        answer = await self.client.chat.completions.create(model="m", messages=[], stream=True)
        said = []
        async for chunk in answer:
            said.append(chunk.choices[0].delta.content)
            if len(said) == words:
                if not forget:
                    await answer.close()
                break
        return said

    def ask(self, words=None, forget=False):
        said = self.loop.run_until_complete(self._ask(words, forget))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        return said

    def close(self):
        self.loop.run_until_complete(self.client.close())
        self.loop.close()


@pytest.fixture
def spans():
    with traced_calls() as captured:
        yield captured


@pytest.fixture(params=[Sync, Async])
def sdk(request, spans):
    """Make the SDK's client for an address; close them all at the end."""
    made = []

    def make(url):
        made.append(request.param(url))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_first_byte_first_chunk_gaps_and_stalls_are_those_of_the_server(sdk, spans):
    with ScriptedServer(tell) as server:
        client = sdk(server.url)

        def run():
            assert client.ask() == WORDS
            compare(calls(spans)[-1], server.exchanges[-1])

        in_one_of_five_runs(run)


def compare(call, served):
    began, first = served.began - served.came, served.sent[0] - served.came
    stall = served.gaps[STALLED - 1]
    start, end = call[names.phase("wait")]
    chunk_seconds = call.of_body(names.FIRST_CHUNK_SECONDS)
    assert end - start == near(began)
    assert chunk_seconds * 1e9 == near(first)
    # Beside a span that ended at the headers the body has one of its own, and counts from there.
    before = 0 if call.body is None else began
    assert call.of_body(names.BODY_FIRST_CHUNK) == near(first - before)
    assert call.of_body(names.BODY_GAP_P50) == near(statistics.median_low(served.gaps))
    assert call.of_body(names.BODY_LARGEST_GAP) == near(stall)
    assert call.of_body(names.BODY_GAP_P95) == near(stall)
    mean = sum(served.gaps) / len(served.gaps)
    assert call.of_body(names.PER_CHUNK_SECONDS) * 1e9 == near(mean)
    assert call.of_body(names.BODY_CHUNKS) == len(EVENTS)
    assert call.of_body(names.BODY_BYTES) == sum(map(len, EVENTS))
    compare_stall(call, served, stall)


def compare_stall(call, served, stall):
    assert call.of_body(names.BODY_STALLS) == 1
    assert call.of_body(names.BODY_STALL_TIME) == near(stall)
    assert call.of_body(names.BODY_STALL_LENGTHS)[0] == near(stall)
    origin = served.came if call.body is None else served.began
    start = served.sent[STALLED - 1] - origin
    assert call.of_body(names.BODY_STALL_STARTS)[0] == near(start)


def test_the_async_sdk_reads_to_the_end_and_keeps_its_connection(spans):
    with ScriptedServer(tell) as server:
        client = Async(server.url)
        assert [client.ask(), client.ask()] == [WORDS, WORDS]
        client.close()

    first, second = calls(spans)
    assert [one.of_body(names.BODY_COMPLETE) for one in (first, second)] == [True, True]
    assert (first[names.CONNECTION_STATE], second[names.CONNECTION_STATE]) == ("new", "reused")
    assert second[names.CONNECTION_USE] == 2
    assert server.connections == 1


def test_the_sync_sdk_leaves_at_done_and_loses_its_connection():
    # It closes the response at "[DONE]", before the chunk that ends it: with tracekit and without.
    with ScriptedServer(tell) as bare:
        client = Sync(bare.url)
        assert [client.ask(), client.ask()] == [WORDS, WORDS]
        client.close()
    with traced_calls() as spans, ScriptedServer(tell) as server:
        client = Sync(server.url)
        assert [client.ask(), client.ask()] == [WORDS, WORDS]
        client.close()

    for call in calls(spans):
        assert call.of_body(names.BODY_COMPLETE) is False
        assert call.of_body(names.ERROR_TYPE) is None
        assert call[names.CONNECTION_STATE] == "new"
    assert bare.connections == server.connections == 2


def test_a_plain_answer_keeps_the_connection_for_the_next(spans):
    completion = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    body = json.dumps(completion).encode()
    with ScriptedServer(lambda x: x.answer(body, content_type="application/json")) as server:
        client = openai.OpenAI(base_url=server.url, api_key="none")
        client.chat.completions.create(model="m", messages=[])
        client.chat.completions.create(model="m", messages=[])
        client.close()

    first, second = calls(spans)
    assert (first[names.CONNECTION_STATE], second[names.CONNECTION_STATE]) == ("new", "reused")
    assert second.of_body(names.BODY_BYTES) == len(body)
    assert second.of_body(names.FIRST_CHUNK_SECONDS) is None


@pytest.mark.parametrize("forget", [False, True], ids=["closes it", "forgets it"])
def test_a_reader_who_leaves_is_told_from_an_answer_that_ends(sdk, spans, forget):
    with ScriptedServer(tell) as server:
        assert sdk(server.url).ask(words=2, forget=forget) == WORDS[:2]
        gc.collect()
        clients.reap()

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_CHUNKS) == 2
    assert call.of_body(names.BODY_BYTES) == sum(map(len, EVENTS[:2]))
    assert call.of_body(names.ERROR_TYPE) is None


def test_an_upstream_that_breaks_off_is_an_error(sdk, spans):
    with ScriptedServer(break_off) as server, pytest.raises(openai.APIConnectionError):
        sdk(server.url).ask()

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_CHUNKS) == 2
    assert call.of_body(names.ERROR_TYPE) == "RemoteProtocolError"


def test_the_new_connection_names_the_line_of_the_call_and_of_the_client(sdk, spans):
    with ScriptedServer(tell) as server:
        client = sdk(server.url)
        client.ask(words=1)

    call = only_call(spans)
    assert call[names.CODE_FILE] == call[names.CLIENT_FILE] == __file__
    assert call[names.CODE_FUNCTION].endswith("ask")
    # Before Python 3.11 a function's qualified name is not on its code.
    assert call[names.CLIENT_FUNCTION] in (f"{type(client).__name__}.__init__", "__init__")


def test_retries_of_the_sdk_are_calls_of_their_own(spans):
    # The SDK sends anew through its client: nothing below it knows that these belong together.
    answers = iter([503, 200])

    def answer(exchange):
        exchange.answer(b"{}", status=next(answers), content_type="application/json")

    with ScriptedServer(answer) as server:
        client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=1)
        client.chat.completions.create(model="m", messages=[])
        client.close()

    assert [one[names.HTTP_STATUS] for one in calls(spans)] == [503, 200]
