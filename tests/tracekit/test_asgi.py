from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, StatusCode
from sockets import Client, get, serving_asgi
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

import tracekit
from tracekit import guard
from tracekit.testing import Capture

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SCOPE = {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": []}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def http_only(app: Any) -> Any:
    """Answer lifespan by failing, as applications without one do."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await app(scope, receive, send)

    return guarded


def outermost(spans: Any) -> Any:
    ours = [span for span in spans if span.instrumentation_scope.name == "tracekit"]
    return server_span(ours)


def server_span(spans: Any) -> Any:
    return next(span for span in spans if span.kind is SpanKind.SERVER)


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes)


def test_a_given_request_id_is_echoed_and_on_the_span(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        status, headers, body = get(port, X_Request_ID="turn-7")
    (span,) = captured.wait(1)
    assert (status, headers["x-request-id"], body) == (200, "turn-7", b"hello")
    assert attributes(span)["tracekit.request_id"] == "turn-7"
    assert span.kind is SpanKind.SERVER


def test_without_a_request_id_a_uuid7_is_made(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        _, headers, _ = get(port)
    made = uuid.UUID(headers["x-request-id"])
    assert (made.version, str(made)) == (7, headers["x-request-id"])
    assert attributes(captured.wait(1)[0])["tracekit.request_id"] == str(made)


@pytest.mark.parametrize("given", ["two words", "x" * 129, "<script>"])
def test_an_unacceptable_request_id_is_replaced_and_counted(captured: Capture, given: str) -> None:
    before = guard.faults().get("request_id.replaced", 0)
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        _, headers, _ = get(port, X_Request_ID=given)
    assert uuid.UUID(headers["x-request-id"]).version == 7
    assert attributes(captured.wait(1)[0])["tracekit.request_id.replaced"] is True
    assert guard.faults()["request_id.replaced"] == before + 1


def test_an_id_that_the_application_sets_itself_stays(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("x", headers={"X-Request-ID": "own"})(scope, receive, send)

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        client = Client(port)
        assert client.get(headers={"X-Request-ID": "theirs"}).headers.get_all("x-request-id") == [
            "own"
        ]
        client.close()


def test_the_span_tells_the_request_by_the_semantic_conventions(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        get(port, "/things/4?secret=1")
    (span,) = captured.wait(1)
    told = attributes(span)
    assert span.name == "GET"
    assert told["http.request.method"] == "GET"
    assert told["http.response.status_code"] == 200
    assert (told["url.path"], told["url.scheme"]) == ("/things/4", "http")
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", port)
    assert told["network.peer.address"] == "127.0.0.1"
    assert told["network.peer.port"] not in (0, port)
    assert 0 < told["tracekit.first_byte"] <= span.end_time - span.start_time
    assert "secret" not in str(told)


def test_a_method_unknown_to_http_does_not_name_the_span(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        client = Client(port)
        client.get(method="BREW").read()
        client.close()
    (span,) = captured.wait(1)
    assert (span.name, attributes(span)["http.request.method"]) == ("HTTP", "_OTHER")


def test_a_streamed_response_ends_the_span_with_its_last_byte(captured: Capture) -> None:
    release = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.to_thread(release.wait, 5)
        await send({"type": "http.response.body", "body": b"last"})

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        client = Client(port)
        response = client.get()
        assert response.read1() == b"first"
        assert captured.spans == []
        release.set()
        assert response.read() == b"last"
        client.close()
        assert captured.wait(1)[0].name == "GET"


def test_work_after_the_last_byte_is_not_in_the_span(captured: Capture) -> None:
    release = threading.Event()

    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x", background=BackgroundTask(release.wait, 5))

    app = tracekit.ASGIMiddleware(Starlette(routes=[Route("/", endpoint)]))
    with serving_asgi(app) as port:
        get(port)
        captured.wait(1)
        assert not release.is_set()
        release.set()


def test_an_exception_is_a_500_and_goes_on_unchanged(captured: Capture) -> None:
    raised = ZeroDivisionError("by zero")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise raised

    scope = {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": []}
    with pytest.raises(ZeroDivisionError) as seen:
        asyncio.run(tracekit.ASGIMiddleware(app)(scope, None, None))  # type: ignore[arg-type]
    assert seen.value is raised
    (span,) = captured.spans
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["http.response.status_code"] == 500
    assert attributes(span)["error.type"] == "ZeroDivisionError"
    assert span.events[0].attributes["exception.message"] == "by zero"


def test_the_frameworks_error_page_is_inside_the_span(captured: Capture) -> None:
    async def endpoint(request: Request) -> PlainTextResponse:
        raise RuntimeError("no")

    app = tracekit.ASGIMiddleware(Starlette(routes=[Route("/fail", endpoint)]))
    with serving_asgi(app) as port:
        status, headers, _ = get(port, "/fail", X_Request_ID="f1")
    (span,) = captured.wait(1)
    assert (status, headers["x-request-id"]) == (500, "f1")
    assert (span.name, span.status.status_code) == ("GET /fail", StatusCode.ERROR)


def test_overlapping_requests_do_not_mix(captured: Capture) -> None:
    arrived: list[str] = []
    all_in = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        arrived.append(tracekit.current_request_id() or "")
        if len(arrived) == 2:
            all_in.set()
        with tracekit.stage("wait"):
            await asyncio.to_thread(all_in.wait, 5)
        body = (tracekit.current_request_id() or "none").encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    with serving_asgi(tracekit.ASGIMiddleware(http_only(app))) as port:
        answers: dict[str, tuple[int, dict[str, str], bytes]] = {}

        def ask(name: str) -> None:
            answers[name] = get(port, X_Request_ID=name)

        threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    spans = captured.wait(4)
    assert {name: (h["x-request-id"], body) for name, (_, h, body) in answers.items()} == {
        "a": ("a", b"a"),
        "b": ("b", b"b"),
    }
    for name in ("a", "b"):
        mine = [span for span in spans if attributes(span)["tracekit.request_id"] == name]
        server = server_span(mine)
        stage = next(span for span in mine if span.name == "wait")
        assert stage.parent.span_id == server.context.span_id


def test_requests_on_one_connection_share_neither_trace_nor_id(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        client = Client(port)
        ids = []
        for _ in range(3):
            response = client.get()
            ids.append(response.headers["x-request-id"])
            response.read()
        client.close()
    spans = captured.wait(3)
    assert len(set(ids)) == 3
    assert len({span.context.trace_id for span in spans}) == 3
    assert [span.parent for span in spans] == [None, None, None]


def test_the_callers_trace_is_continued(captured: Capture) -> None:
    seen: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(baggage.get_baggage("tenant"))
        await hello(scope, receive, send)

    with serving_asgi(tracekit.ASGIMiddleware(http_only(app))) as port:
        get(port, traceparent=TRACEPARENT, tracestate="vendor=1", baggage="tenant=blue")
    (span,) = captured.wait(1)
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.context.trace_state.to_header() == "vendor=1"
    assert seen == ["blue"]


def test_two_traceparents_begin_a_new_trace(captured: Capture) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "http_version": "1.1",
        "headers": [(b"traceparent", TRACEPARENT.encode())] * 2,
    }

    async def send(message: Any) -> None: ...

    asyncio.run(tracekit.ASGIMiddleware(hello)(scope, None, send))  # type: ignore[arg-type]
    assert captured.spans[0].parent is None
    assert f"{captured.spans[0].context.trace_id:032x}" != TRACE


def test_an_unsampled_request_adds_no_span_but_is_answered_with_its_id(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        _, headers, _ = get(port, X_Request_ID="quiet", traceparent=TRACEPARENT[:-1] + "0")
    assert headers["x-request-id"] == "quiet"
    assert captured.spans == []


async def ok(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/items/7", "/items/{item}"),
        ("/api/v1/items/7", "/api/v1/items/{item}"),
        ("/tenants/blue/items/7", "/tenants/{tenant}/items/{item}"),
    ],
)
def test_starlettes_route_names_the_span_mounts_included(
    captured: Capture, path: str, route: str
) -> None:
    items = [Route("/items/{item}", ok)]
    app = Starlette(
        routes=[*items, Mount("/api/v1", routes=items), Mount("/tenants/{tenant}", routes=items)]
    )
    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        get(port, path)
    (span,) = captured.wait(1)
    assert (span.name, attributes(span)["http.route"]) == (f"GET {route}", route)


def test_fastapis_route_names_the_span(captured: Capture) -> None:
    router = APIRouter(prefix="/v2")
    router.add_api_route("/items/{item}", lambda item: item)
    app = FastAPI()
    app.include_router(router, prefix="/api")
    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        assert get(port, "/api/v2/items/7")[0] in (200, 422)
    assert outermost(captured.wait(2)).name == "GET /api/v2/items/{item}"


def test_fastapis_own_spans_stay_inside_the_request(captured: Capture) -> None:
    app = FastAPI()
    app.add_api_route("/", lambda: "x")
    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        get(port, X_Request_ID="f-1")
        get(port, traceparent=TRACEPARENT)
    spans = captured.spans
    assert any(span.instrumentation_scope.name == "fastapi" for span in spans)
    for span in spans:
        if span.instrumentation_scope.name == "fastapi":
            assert span.parent.span_id in {other.context.span_id for other in spans}
    assert len({span.attributes["tracekit.request_id"] for span in spans}) == 2
    assert len({span.context.trace_id for span in spans}) == 2


def test_an_unmatched_path_does_not_name_the_span(captured: Capture) -> None:
    app = Starlette(routes=[Route("/items/{item}", ok)])
    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        assert get(port, "/nowhere")[0] == 404
    assert captured.wait(1)[0].name == "GET"


def test_it_works_as_a_starlette_middleware_and_twice_is_once(captured: Capture) -> None:
    app = Starlette(routes=[Route("/", ok)])
    app.add_middleware(tracekit.ASGIMiddleware)
    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        client = Client(port)
        assert len(client.get().headers.get_all("x-request-id") or []) == 1
        client.close()
    assert len(captured.wait(1)) == 1


def test_a_client_that_leaves_ends_the_span(captured: Capture) -> None:
    gone = threading.Event()

    async def endless() -> Any:
        while not gone.is_set():
            yield b"x" * 1000
            await asyncio.sleep(0)

    async def endpoint(request: Request) -> StreamingResponse:
        return StreamingResponse(endless())

    app = tracekit.ASGIMiddleware(Starlette(routes=[Route("/", endpoint)]))
    with serving_asgi(app) as port:
        client = Client(port)
        client.get().read(10)
        client.close()
        client.connection = None  # type: ignore[assignment]
        try:
            assert captured.wait(1)[0].name == "GET /"
        finally:
            gone.set()


def test_a_cancelled_application_ends_the_span_without_calling_it_a_failure(
    captured: Capture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    scope = {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": []}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(tracekit.ASGIMiddleware(app)(scope, None, None))  # type: ignore[arg-type]
    (span,) = captured.spans
    assert attributes(span)["error.type"] == "CancelledError"
    assert span.status.status_code is StatusCode.UNSET


def test_a_message_object_that_the_application_reuses_is_not_changed(captured: Capture) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": []}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        get(port)
        get(port)
    assert start["headers"] == []


def test_headers_that_can_be_read_once_only_all_arrive(captured: Capture) -> None:
    def app_with(*pairs: tuple[bytes, bytes]) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            once = (pair for pair in pairs)
            await send({"type": "http.response.start", "status": 200, "headers": once})
            await send({"type": "http.response.body", "body": b""})

        return http_only(app)

    for own in ([], [(b"x-request-id", b"own")]):
        app = app_with((b"x-kept", b"yes"), *own, (b"content-length", b"0"))
        with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
            _, headers, _ = get(port, X_Request_ID="theirs")
        assert headers["x-kept"] == "yes"
        assert headers["x-request-id"] == ("own" if own else "theirs")


def in_another_server_span(app: Any, tracer: trace.Tracer) -> Any:
    """Serve *app* as an instrumentation does that the host has put outside of ours."""

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        with tracer.start_as_current_span("outer", propagate.extract(headers), SpanKind.SERVER):
            await app(scope, receive, send)

    return http_only(outer)


@pytest.mark.parametrize("headers", [{}, {"traceparent": TRACEPARENT}])
def test_a_server_span_that_another_instrumentation_opened_outside_is_continued(
    captured: Capture, headers: dict[str, str]
) -> None:
    app = in_another_server_span(tracekit.ASGIMiddleware(hello), trace.get_tracer("theirs"))
    with serving_asgi(app) as port:
        client = Client(port)
        for number in range(2):
            client.get(headers={"X-Request-ID": f"turn-{number}", **headers}).read()
        client.close()
    spans = captured.wait(4)
    for number in range(2):
        mine = [s for s in spans if attributes(s)["tracekit.request_id"] == f"turn-{number}"]
        ours, theirs = sorted(mine, key=lambda span: span.name)
        assert (ours.name, theirs.name) == ("GET", "outer")
        assert ours.parent.span_id == theirs.context.span_id
        assert ours.context.trace_id == theirs.context.trace_id


@pytest.mark.parametrize("trusted", [True, False])
def test_the_baggage_that_an_outer_instrumentation_read_goes_on_from_trusted_callers_only(
    captured: Capture, trusted: bool
) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(baggage.get_all()))
        await hello(scope, receive, send)

    traced = tracekit.ASGIMiddleware(app, trust_incoming=trusted)

    async def attached(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        token = attach(propagate.extract(headers))
        with trace.get_tracer("theirs").start_as_current_span("outer", kind=SpanKind.SERVER):
            await traced(scope, receive, send)
        detach(token)

    with serving_asgi(http_only(attached)) as port:
        get(port, baggage="tenant=blue")
    ours, theirs = sorted(captured.wait(2), key=lambda span: span.name)
    assert seen == [{"tenant": "blue"} if trusted else {}]
    assert ours.parent.span_id == theirs.context.span_id


def test_a_span_around_the_whole_server_is_no_part_of_its_requests(captured: Capture) -> None:
    async def send(message: Any) -> None: ...

    with trace.get_tracer("theirs").start_as_current_span("main"):
        asyncio.run(tracekit.ASGIMiddleware(hello)(dict(SCOPE), None, send))  # type: ignore[arg-type]
    assert captured.named("GET").parent is None


def test_a_request_that_one_application_makes_of_another_in_its_process_is_its_own(
    captured: Capture,
) -> None:
    inner = tracekit.ASGIMiddleware(hello)

    async def send(message: Any) -> None: ...

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await inner({**SCOPE, "path": "/inner"}, receive, send)

    asyncio.run(tracekit.ASGIMiddleware(app)(dict(SCOPE), None, send))  # type: ignore[arg-type]
    assert [span.parent for span in captured.spans] == [None, None]
    assert len({attributes(span)["tracekit.request_id"] for span in captured.spans}) == 2


def test_lifespan_passes_through(captured: Capture) -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                told.append((await receive())["type"])
                await send({"type": f"lifespan.{event}.complete"})
            return
        await hello(scope, receive, send)

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        get(port)
    assert told == ["lifespan.startup", "lifespan.shutdown"]
    assert len(captured.spans) == 1


def test_a_websocket_has_one_span_and_the_request_id_in_its_answer(captured: Capture) -> None:
    seen: list[Any] = []
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(tracekit.current_request_id())
        seen.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")
        await send({"type": "websocket.accept"})

    async def send(message: Any) -> None:
        messages.append(message)

    headers = [(b"x-request-id", b"ws-1"), (b"traceparent", TRACEPARENT.encode())]
    scope = {"type": "websocket", "path": "/", "headers": headers}
    asyncio.run(tracekit.ASGIMiddleware(app)(scope, None, send))  # type: ignore[arg-type]
    assert seen == ["ws-1", TRACE]
    assert messages == [{"type": "websocket.accept", "headers": [(b"x-request-id", b"ws-1")]}]
    (span,) = captured.spans
    assert (span.name, attributes(span)["http.response.status_code"]) == ("WEBSOCKET", 101)
    assert tracekit.current_request_id() is None


def test_a_scope_that_breaks_our_code_does_not_break_the_application() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "http", "headers": None}
    asyncio.run(tracekit.ASGIMiddleware(hello)(scope, None, send))  # type: ignore[arg-type]
    assert sent == ["http.response.start", "http.response.body"]
    assert guard.faults()["asgi.request"] >= 1


def test_the_current_span_is_the_server_span_inside_the_application(captured: Capture) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(trace.get_current_span().get_span_context().span_id)
        await hello(scope, receive, send)

    with serving_asgi(tracekit.ASGIMiddleware(http_only(app))) as port:
        get(port)
    assert seen == [captured.wait(1)[0].context.span_id]


def test_a_loop_that_is_not_asyncios_is_no_fault(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.shutdown.complete"})

    told = []

    async def receive() -> Any: ...

    async def send(message: Any) -> None:
        told.append(message["type"])

    before = guard.faults()
    lifespan = tracekit.ASGIMiddleware(app)({"type": "lifespan"}, receive, send)
    with pytest.raises(StopIteration):  # by hand, as another library's loop would
        lifespan.send(None)

    assert told == ["lifespan.shutdown.complete"]
    assert guard.faults() == before
