"""What an HTTP request's span says over ASGI, where no table of servers shows it."""

from __future__ import annotations

import asyncio
import gc
import types
import weakref
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

import tracekit
from tracekit import attributes as names
from tracekit import guard
from tracekit.testing import Capture

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b""}


class Server:
    """What an ASGI server gives an application: uvicorn and Hypercorn keep flags on the owner."""

    def __init__(self, *incoming: dict[str, Any], gone_after: int | None = None) -> None:
        self.incoming = list(incoming)
        self.sent: list[dict[str, Any]] = []
        self.closed = self.disconnected = False
        self.state: Any = None
        self._gone_after = gone_after

    async def receive(self) -> dict[str, Any]:
        return self.incoming.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        if self._gone_after is not None and len(self.sent) >= self._gone_after:
            raise OSError("the client has left")
        self.sent.append(message)
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        self.closed = self.closed or (is_last and "trailers" not in self.sent[0])

    def serve(self, app: Any, method: str = "GET") -> None:
        scope = {"type": "http", "method": method, "path": "/", "headers": []}
        traced = tracekit.ASGIMiddleware(app)
        asyncio.run(traced(scope, self.receive, self.send))  # type: ignore[arg-type]


def says(*messages: dict[str, Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def piece(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def told(captured: Capture) -> dict[str, Any]:
    (span,) = captured.spans
    return dict(span.attributes or {})


def test_an_empty_piece_is_no_chunk(captured: Capture) -> None:
    Server().serve(says(START, piece(b"ab"), piece(b""), piece(b"cde"), END))
    found = told(captured)
    assert (found[names.BODY_CHUNKS], found[names.BODY_BYTES]) == (2, 5)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)], ids=str)
def test_a_body_that_no_server_sends_is_not_counted(
    captured: Capture, method: str, status: int
) -> None:
    Server().serve(says({**START, "status": status}, piece(b"x" * 10, more=False)), method)
    found = told(captured)
    assert (found[names.BODY_CHUNKS], found[names.BODY_BYTES]) == (0, 0)
    assert found[names.ENDED] == "complete"


def test_trailers_end_the_response(captured: Capture) -> None:
    ended: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "trailers": True})
        await send(piece(b"x", more=False))
        ended.append(len(captured.spans))
        trailers = {"type": "http.response.trailers", "headers": []}
        await send({**trailers, "more_trailers": True})
        ended.append(len(captured.spans))
        await send(trailers)
        ended.append(len(captured.spans))

    Server().serve(app)
    assert ended == [0, 0, 1]
    assert told(captured)[names.ENDED] == "complete"


@pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend"])
def test_a_file_that_the_server_sends_by_itself_ends_the_response_without_a_size(
    captured: Capture, kind: str
) -> None:
    Server().serve(says(START, {"type": kind, "path": "/x", "file": 3}))
    found = told(captured)
    assert found[names.ENDED] == "complete"
    assert names.BODY_BYTES not in found


def test_other_messages_pass_and_end_nothing(captured: Capture) -> None:
    early = {"type": "http.response.early_hint", "links": []}
    server = Server()
    server.serve(says(early, START, piece(b"x", more=False)))
    assert server.sent[0] is early
    assert told(captured)[names.BODY_BYTES] == 1


def test_a_response_without_its_end_is_an_error(captured: Capture) -> None:
    Server().serve(says(START, piece(b"x")))
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == "error"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("flag", ["closed", "disconnected"])
def test_a_client_whose_leaving_only_the_server_knows_has_left(
    captured: Capture, flag: str
) -> None:
    server = Server()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(piece(b"x"))
        setattr(server, flag, True)
        await send(piece(b"y"))
        await send(END)

    server.serve(app)
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == "client_left"
    assert span.status.status_code is StatusCode.UNSET


def test_a_server_that_closes_after_the_last_byte_has_completed(captured: Capture) -> None:
    server = Server()
    server.serve(says(START, piece(b"x", more=False)))
    assert server.closed
    assert told(captured)[names.ENDED] == "complete"


def test_a_send_that_fails_because_the_client_has_left_is_no_failure(captured: Capture) -> None:
    with pytest.raises(OSError, match="left"):
        Server(gone_after=1).serve(says(START, piece(b"x")))
    (span,) = captured.spans
    found = told(captured)
    assert found[names.ENDED] == "client_left"
    assert names.ERROR_TYPE not in found
    assert found[names.BODY_BYTES] == 0
    assert span.status.status_code is StatusCode.UNSET


def test_an_exception_after_the_headers_keeps_their_status(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Server().serve(app)
    found = told(captured)
    assert (found[names.HTTP_STATUS], found[names.ERROR_TYPE]) == (200, "ZeroDivisionError")
    assert found[names.ENDED] == "error"


def test_the_first_of_two_answers_counts_its_bytes_and_the_span_ends_once(
    captured: Capture,
) -> None:
    Server().serve(says(START, piece(b"x", more=False), piece(b"yy", more=False)))
    assert told(captured)[names.BODY_BYTES] == 1


def test_a_body_in_pieces_is_timed_from_the_first_question(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(START)
        await send(END)

    request = {"type": "http.request"}
    Server({**request, "body": b"abc", "more_body": True}, {**request, "body": b"de"}).serve(
        app, "POST"
    )
    found = told(captured)
    start, end = found[names.REQUEST_BODY]
    assert found[names.REQUEST_BODY_BYTES] == 5
    assert 0 <= start <= end
    assert found[names.REQUEST_BODY_WAIT] <= end - start


def test_a_request_that_the_client_left_unfinished_has_the_bytes_that_came(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        raise RuntimeError("no body")

    with pytest.raises(RuntimeError):
        Server(
            {"type": "http.request", "body": b"abc", "more_body": True},
            {"type": "http.disconnect"},
        ).serve(app, "POST")
    found = told(captured)
    assert found[names.ENDED] == "client_left"
    assert found[names.REQUEST_BODY_BYTES] == 3
    assert names.ERROR_TYPE not in found


def test_a_message_that_our_code_cannot_read_reaches_the_server_all_the_same(
    captured: Capture,
) -> None:
    before = guard.faults().get("asgi.response", 0)
    broken = {"type": "http.response.start", "headers": [(1, 2)]}
    server = Server()
    server.serve(says(broken, piece(b"x", more=False)))
    assert [message["type"] for message in server.sent] == [broken["type"], "http.response.body"]
    assert guard.faults()["asgi.response"] == before + 1


def test_work_after_an_error_page_is_in_the_background_like_any_other(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 503})
        await send(piece(b"sorry", more=False))
        await asyncio.sleep(0.05)

    Server().serve(app)
    page, background = captured.spans
    assert page.attributes[names.HTTP_STATUS] == 503
    assert page.attributes[names.ERROR_TYPE] == "503"
    assert background.name == "background"
    assert background.start_time == page.end_time
    assert background.end_time - background.start_time >= 45_000_000


def test_a_turn_of_the_event_loop_after_the_last_byte_is_no_background_work(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(END)
        await asyncio.sleep(0.008)

    Server().serve(app)
    assert [span.name for span in captured.spans] == ["GET"]


def test_an_exception_after_an_error_page_is_the_pages(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 500})
        await send(piece(b"sorry", more=False))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Server().serve(app)
    (span,) = captured.spans
    assert span.attributes[names.ERROR_TYPE] == "ZeroDivisionError"
    assert [event.name for event in span.events] == ["exception"]


def sized(size: int) -> dict[str, Any]:
    return {**START, "headers": [(b"Content-Length", b"%d" % size)]}


@pytest.mark.parametrize("flag", ["closed", "disconnected"])
def test_a_response_is_complete_with_its_last_byte_whoever_closes_then(
    captured: Capture, flag: str
) -> None:
    server = Server({"type": "http.disconnect"})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(3))
        await send(piece(b"ab"))
        await send(piece(b"c"))
        setattr(server, flag, True)
        await receive()
        await send(END)

    server.serve(app)
    found = told(captured)
    assert found[names.ENDED] == "complete"
    assert found[names.BODY_BYTES] == 3


def test_an_application_that_is_cancelled_after_the_last_byte_has_completed(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(1))
        await send(piece(b"x"))
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        Server().serve(app)
    assert told(captured)[names.ENDED] == "complete"


@pytest.mark.parametrize("flag", ["closed", "disconnected"])
def test_a_client_that_leaves_before_the_last_byte_of_a_known_length_has_left(
    captured: Capture, flag: str
) -> None:
    server = Server()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(3))
        await send(piece(b"ab"))
        setattr(server, flag, True)
        await send(piece(b"c", more=False))

    server.serve(app)
    assert told(captured)[names.ENDED] == "client_left"


def test_a_client_that_disconnects_in_the_middle_of_a_known_length_has_left(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(3))
        await send(piece(b"ab"))
        await receive()

    Server({"type": "http.disconnect"}).serve(app)
    assert told(captured)[names.ENDED] == "client_left"


def test_a_head_without_a_body_is_complete_though_the_client_closes_at_once(
    captured: Capture,
) -> None:
    server = Server()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(3))
        server.disconnected = True
        await send(END)

    server.serve(app, "HEAD")
    assert told(captured)[names.ENDED] == "complete"


def test_a_head_that_the_server_ends_at_its_headers_is_complete(captured: Capture) -> None:
    """granian says ``http.disconnect`` then, and Starlette sends no body any more."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await receive()

    Server({"type": "http.disconnect"}).serve(app, "HEAD")
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == "complete"
    assert span.status.status_code is StatusCode.UNSET


def test_the_first_of_two_statuses_stays(captured: Capture) -> None:
    Server().serve(says(START, {**START, "status": 500}, piece(b"x", more=False)))
    (span,) = captured.spans
    assert told(captured)[names.HTTP_STATUS] == 200
    assert span.status.status_code is StatusCode.UNSET


def test_an_error_page_for_a_client_that_has_left_is_no_failure(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({**START, "status": 500})
        await send(piece(b"no body", more=False))

    Server({"type": "http.disconnect"}).serve(app, "POST")
    (span,) = captured.spans
    found = told(captured)
    assert (found[names.ENDED], found[names.HTTP_STATUS]) == ("client_left", 500)
    assert names.ERROR_TYPE not in found
    assert span.status.status_code is StatusCode.UNSET


GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize(("state", "ended"), [("CLOSED", "complete"), ("RESPONSE", "client_left")])
def test_a_server_that_closes_inside_the_last_send_has_completed_if_the_end_went_out_before(
    captured: Capture, state: str, ended: str
) -> None:
    class Closing(Server):
        async def send(self, message: dict[str, Any]) -> None:
            await super().send(message)
            if self.closed:
                await asyncio.Event().wait()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(piece(b"ab"))
        sending = asyncio.create_task(send(piece(b"c", more=False)))
        await asyncio.sleep(0)
        assert await receive() is GONE
        sending.cancel()  # as a framework does that has listened meanwhile
        await asyncio.wait([sending])

    server = Closing(GONE)
    server.state = types.SimpleNamespace(name=state)
    server.serve(app)
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == ended
    assert told(captured)[names.BODY_BYTES] == (3 if ended == "complete" else 2)
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("status", [200, 500])
def test_a_disconnect_after_the_end_is_no_leaving(captured: Capture, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": status})
        await send(piece(b"x", more=False))
        await receive()

    Server(GONE).serve(app)
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == "complete"
    assert told(captured)[names.BODY_BYTES] == 1
    assert (span.status.status_code is StatusCode.ERROR) == (status == 500)


def test_what_an_application_sends_after_the_client_has_left_is_not_counted(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.03)
        for message in (START, piece(b"x"), piece(b"y", more=False)):
            await send(message)

    Server(GONE).serve(app)
    span, background = captured.spans
    found = dict(span.attributes or {})
    assert (found[names.ENDED], found[names.HTTP_STATUS]) == ("client_left", 200)
    assert not {names.FIRST_BYTE, names.BODY_BYTES} & set(found)
    assert (background.start_time, background.name) == (span.end_time, "background")


def test_an_exception_after_the_client_has_left_is_not_the_background_works(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await receive()
        await asyncio.sleep(0.03)
        raise RuntimeError("nobody there")

    with pytest.raises(RuntimeError):
        Server(GONE).serve(app)
    span, background = captured.spans
    assert dict(span.attributes or {})[names.ENDED] == "client_left"
    for one in (span, background):
        assert one.status.status_code is StatusCode.UNSET
        assert names.ERROR_TYPE not in dict(one.attributes or {})


def test_a_request_that_fails_leaves_no_cycle_behind(captured: Capture) -> None:
    class Failure(Exception):
        pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise Failure

    async def failing() -> weakref.ref[Failure]:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        server = Server()
        try:
            await tracekit.ASGIMiddleware(app)(scope, server.receive, server.send)  # type: ignore[arg-type]
        except Failure as error:
            return weakref.ref(error)
        raise AssertionError

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(failing())() is None
    finally:
        gc.enable()


def test_a_scope_that_is_used_again_is_another_request(captured: Capture) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    app = tracekit.ASGIMiddleware(tracekit.ASGIMiddleware(says(START, END)))
    for _ in range(3):
        server = Server()
        asyncio.run(app(scope, server.receive, server.send))  # type: ignore[arg-type]
    assert len({span.attributes[names.REQUEST_ID] for span in captured.spans}) == 3
