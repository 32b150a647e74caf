"""What the middleware is told: whom to trust, what to note, what to answer with."""

from __future__ import annotations

import gc
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sockets import Client, get, serving_asgi, serving_wsgi

import tracekit
from tracekit import ConfigurationError, guard
from tracekit import attributes as names
from tracekit.serving import serving
from tracekit.testing import Capture

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    with tracekit.stage("think"):
        time.sleep(0.002)
    headers = [(b"X-Model", b"small"), (b"Set-Cookie", b"secret=1"), (b"Server-Timing", b"db")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    with tracekit.stage("think"):
        time.sleep(0.002)
    headers = [("X-Model", "small"), ("Set-Cookie", "secret=1"), ("Server-Timing", "db")]
    start_response("200 OK", headers)
    return [b"hello"]


def under_asgi(**options: Any) -> Any:
    return serving_asgi(tracekit.ASGIMiddleware(asgi_app, **options))


def under_wsgi(**options: Any) -> Any:
    return serving_wsgi(tracekit.WSGIMiddleware(wsgi_app, **options))


BOTH = pytest.mark.parametrize("under", [under_asgi, under_wsgi], ids=["asgi", "wsgi"])
Under = Callable[..., Any]


def server_span(captured: Capture) -> Any:
    """Return the server span; its stage has ended before."""
    return captured.wait(2)[-1]


# --- whom to trust ----------------------------------------------------------------------------


def fails(_caller: Any) -> bool:
    raise ZeroDivisionError


async def coroutine(scope: Any) -> bool:
    return True


class Asynchronous:
    async def __call__(self, scope: Any) -> bool:
        return True


UNCLEAR = (lambda caller: coroutine(caller), lambda caller: "yes", lambda caller: None)
"""What cannot be refused at start, and says neither True nor False."""


@BOTH
@pytest.mark.parametrize("trust", [None, True, lambda caller: True])
def test_a_trusted_caller_is_continued(captured: Capture, under: Under, trust: Any) -> None:
    with under(trust_incoming=trust) as port:
        _, headers, _ = get(port, X_Request_ID="turn-7", traceparent=TRACEPARENT)
    span = server_span(captured)
    assert headers["x-request-id"] == "turn-7"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT


@BOTH
@pytest.mark.parametrize("trust", [False, lambda caller: False, fails, *UNCLEAR])
def test_a_caller_that_is_not_trusted_begins_anew(
    captured: Capture, under: Under, trust: Any
) -> None:
    with under(trust_incoming=trust) as port:
        _, headers, _ = get(port, X_Request_ID="turn-7", traceparent=TRACEPARENT)
    span = server_span(captured)
    assert uuid.UUID(headers["x-request-id"]).version == 7
    assert span.attributes[names.REQUEST_ID] == headers["x-request-id"]
    assert names.REQUEST_ID_REPLACED not in span.attributes
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" != TRACE


def test_a_function_that_fails_is_counted(captured: Capture) -> None:
    before = guard.faults().get("serving.trust_incoming", 0)
    with under_asgi(trust_incoming=fails) as port:
        assert get(port)[0] == 200
    assert guard.faults()["serving.trust_incoming"] == before + 1


@pytest.mark.parametrize("trust", UNCLEAR)
@pytest.mark.filterwarnings("error")  # a coroutine that nobody awaits is one
def test_a_function_that_says_neither_true_nor_false_is_counted(
    captured: Capture, trust: Any
) -> None:
    before = guard.faults().get("serving.trust_incoming", 0)
    assert serving(trust_incoming=trust).trusts({}) is False
    gc.collect()
    assert guard.faults()["serving.trust_incoming"] == before + 1


def test_a_function_that_fails_with_what_cannot_be_shown_says_no() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    def trust(_caller: Any) -> bool:
        raise Odd

    assert serving(trust_incoming=trust).trusts({}) is False


def test_a_function_chooses_by_the_scope_or_the_environ(captured: Capture) -> None:
    with under_asgi(trust_incoming=lambda scope: scope["client"][0] == "127.0.0.1") as port:
        assert get(port, X_Request_ID="a")[1]["x-request-id"] == "a"
    with under_wsgi(trust_incoming=lambda environ: environ["REMOTE_ADDR"] != "127.0.0.1") as port:
        assert get(port, X_Request_ID="a")[1]["x-request-id"] != "a"


def test_fastapis_own_telemetry_does_not_bring_back_a_trace_that_was_not_trusted(
    captured: Capture,
) -> None:
    app = FastAPI()
    app.add_api_route("/", lambda: "x")
    with serving_asgi(tracekit.ASGIMiddleware(app, trust_incoming=False)) as port:
        get(port, X_Request_ID="turn-7", traceparent=TRACEPARENT)
        captured.wait(1)
    spans = captured.spans
    assert {f"{span.context.trace_id:032x}" for span in spans}.isdisjoint({TRACE})
    assert len({span.context.trace_id for span in spans}) == 1
    assert len({span.attributes[names.REQUEST_ID] for span in spans}) == 1


# --- which headers to note --------------------------------------------------------------------


@BOTH
def test_only_the_headers_asked_for_are_noted_and_secret_ones_never(
    captured: Capture, under: Under
) -> None:
    options = {
        "capture_request_headers": ["X-Tenant", "authorization", "X-Absent"],
        "capture_response_headers": ["x-model", "Set-Cookie"],
    }
    with under(**options) as port:
        get(port, X_Tenant="blue", X_Other="1", Authorization="Bearer hidden")
    found = server_span(captured).attributes
    assert found["http.request.header.x-tenant"] == ("blue",)
    assert found["http.request.header.authorization"] == ("[redacted]",)
    assert found["http.response.header.x-model"] == ("small",)
    assert found["http.response.header.set-cookie"] == ("[redacted]",)
    noted = [name for name in found if ".header." in name]
    assert len(noted) == 4
    assert not re.search("hidden|secret=1", str(dict(found)))


def test_a_header_that_comes_twice_has_both_values(captured: Capture) -> None:
    with under_asgi(capture_request_headers=["x-tenant"]) as port:
        client = Client(port)
        client.connection.putrequest("GET", "/")
        client.connection.putheader("X-Tenant", "blue")
        client.connection.putheader("X-Tenant", "red")
        client.connection.endheaders()
        client.connection.getresponse().read()
        client.close()
    found = server_span(captured).attributes
    assert found["http.request.header.x-tenant"] == ("blue", "red")


@BOTH
def test_noting_a_header_does_not_need_trust(captured: Capture, under: Under) -> None:
    with under(trust_incoming=False, capture_request_headers=["x-request-id"]) as port:
        get(port, X_Request_ID="theirs")
    found = server_span(captured).attributes
    assert found["http.request.header.x-request-id"] == ("theirs",)
    assert found[names.REQUEST_ID] != "theirs"


def test_wsgis_two_headers_without_a_prefix_are_found(captured: Capture) -> None:
    with under_wsgi(capture_request_headers=["content-type"]) as port:
        get(port, Content_Type="text/plain")
    found = server_span(captured).attributes
    assert found["http.request.header.content-type"] == ("text/plain",)


# --- what to answer with ----------------------------------------------------------------------


@BOTH
def test_nothing_is_answered_that_was_not_asked_for(captured: Capture, under: Under) -> None:
    with under() as port:
        _, headers, _ = get(port)
    assert headers["server-timing"] == "db"
    assert "traceresponse" not in headers


@BOTH
def test_server_timing_tells_the_stages_beside_the_applications_own(
    captured: Capture, under: Under
) -> None:
    with under(server_timing=True) as port:
        client = Client(port)
        told = ", ".join(client.get().headers.get_all("server-timing") or [])
        client.close()
    found = re.fullmatch(r"db, think;dur=([\d.]+), app;dur=([\d.]+)", told)
    assert found is not None, told
    assert 2 <= float(found[1]) <= float(found[2])


@BOTH
def test_traceresponse_names_the_server_span(captured: Capture, under: Under) -> None:
    with under(traceresponse=True) as port:
        _, headers, _ = get(port)
    own = server_span(captured).context
    told = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
    assert headers["traceresponse"] == told


# --- what cannot work -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"trust_incoming": "yes"}, "trust_incoming is 'yes'"),
        ({"trust_incoming": coroutine}, "a plain function"),
        ({"trust_incoming": Asynchronous()}, "a plain function"),
        ({"server_timing": 1}, "server_timing is 1"),
        ({"traceresponse": "on"}, "traceresponse is 'on'"),
        ({"capture_request_headers": "x-tenant"}, "give a list of header names"),
        ({"capture_response_headers": ["x tenant"]}, "no header's name"),
        ({"capture_response_headers": [""]}, "no header's name"),
    ],
    ids=str,
)
@pytest.mark.parametrize("middleware", [tracekit.ASGIMiddleware, tracekit.WSGIMiddleware])
def test_an_option_that_cannot_work_is_refused_at_start(
    middleware: Any, options: Any, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        middleware(asgi_app, **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUST_INCOMING", "perhaps"),
        ("SERVER_TIMING", "2"),
        ("TRACERESPONSE", "nope"),
        ("CAPTURE_REQUEST_HEADERS", "x-tenant, x y"),
    ],
)
def test_a_variable_that_cannot_work_is_refused_and_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TRACEKIT_{name}", value)
    with pytest.raises(ConfigurationError, match=f"TRACEKIT_{name}"):
        serving()


def test_variables_say_what_arguments_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEKIT_TRUST_INCOMING", " False ")
    monkeypatch.setenv("TRACEKIT_CAPTURE_REQUEST_HEADERS", "X-Tenant, ,x-region")
    monkeypatch.setenv("TRACEKIT_CAPTURE_RESPONSE_HEADERS", "x-model")
    monkeypatch.setenv("TRACEKIT_SERVER_TIMING", "ON")
    monkeypatch.setenv("TRACEKIT_TRACERESPONSE", "1")
    found = serving()
    assert found.trust_incoming is False
    assert found.request_headers == {"x-tenant", "x-region"}
    assert found.response_headers == {"x-model"}
    assert found.server_timing
    assert found.traceresponse

    found = serving(trust_incoming=True, capture_request_headers=(), traceresponse=False)
    assert found.trust_incoming is True
    assert found.request_headers == frozenset()
    assert not found.traceresponse


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEKIT_TRUST_INCOMING", "")
    monkeypatch.setenv("TRACEKIT_CAPTURE_REQUEST_HEADERS", " ")
    assert serving().trust_incoming is True
    assert serving().request_headers == frozenset()


# --- two of our middlewares -------------------------------------------------------------------


def ignored(caplog: pytest.LogCaptureFixture, inner: Any, **outer: Any) -> list[str]:
    """Return what is logged of two requests through an *outer* middleware and the *inner* one."""
    with serving_asgi(tracekit.ASGIMiddleware(inner, **outer)) as port:
        get(port)
        get(port)
    return [one.getMessage() for one in caplog.records if "two_middlewares" in one.getMessage()]


def test_settings_of_an_inner_middleware_that_do_not_count_are_told_of_once(
    captured: Capture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_faults", Counter())
    inner = tracekit.ASGIMiddleware(asgi_app, trust_incoming=False, traceresponse=True)
    (told,) = ignored(caplog, inner)
    assert "trust_incoming, traceresponse of the inner one is ignored" in told
    assert guard.faults()["server.two_middlewares"] == 2


def test_an_inner_middleware_that_wants_nothing_else_is_not_told_of(
    captured: Capture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_faults", Counter())
    plain = tracekit.ASGIMiddleware(asgi_app)
    same = tracekit.ASGIMiddleware(asgi_app, trust_incoming=False)
    assert ignored(caplog, plain, trust_incoming=False) == []
    assert ignored(caplog, same, trust_incoming=False) == []


def test_an_edge_that_telemetry_around_it_has_left_open_is_warned_of(captured: Capture) -> None:
    app = FastAPI()  # its own telemetry is outside of what is added
    app.add_middleware(tracekit.ASGIMiddleware, trust_incoming=False)
    before = guard.faults().get("asgi.trust_incoming", 0)

    with serving_asgi(app) as port:
        get(port, "/nowhere", traceparent=TRACEPARENT)

    assert guard.faults()["asgi.trust_incoming"] == before + 1
