"""What a request, a stage and a call say of the event loop they ran on, where that ran late."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
import uvloop
from opentelemetry import trace
from sockets import serving_asgi, serving_wsgi

import tracekit
from tracekit import attributes as names
from tracekit import clients, guard, in_loop, loop_lag
from tracekit.loop_lag import Watched
from tracekit.testing import Capture

HELD = 0.1
SAID = (names.LOOP, names.LOOP_HELD, names.LOOP_ALONE)


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = request.param
    return found


def hold(seconds: float = HELD) -> None:
    """Hold the loop, as a handler does that computes."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def beaten() -> None:
    """Wait until the running loop's watch has had its next beat."""
    watch: Any = loop_lag.here.watch
    due = watch.due
    await until(lambda: watch.due != due)


async def until(condition: Callable[[], object]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(poll(), 5)


def enter() -> Watched:
    found = loop_lag.enter(serving=True)
    assert found is not None
    return found


def leave(watched: Watched) -> dict[str, Any]:
    """Return what the request of *watched*, which is over, says of its loop."""
    found: dict[str, Any] = {}
    loop_lag.add(found, watched)
    loop_lag.served(watched)
    return {name: found[name] for name in SAID if name in found}


def said(span: Any) -> dict[str, Any]:
    return {name: span.attributes[name] for name in SAID if name in span.attributes}


def test_a_request_that_held_its_loop_all_the_time_says_so(run: Any) -> None:
    async def main() -> tuple[int, dict[str, Any]]:
        watched = enter()
        hold()
        return watched.watch.id, leave(watched)

    number, found = run(main())
    assert found == {names.LOOP: number, names.LOOP_HELD: True, names.LOOP_ALONE: True}


def test_a_request_that_let_the_loop_run_did_not_hold_it_all_the_time(run: Any) -> None:
    async def main() -> dict[str, Any]:
        watched = enter()
        await beaten()
        hold()
        return leave(watched)

    found = run(main())
    assert names.LOOP_HELD not in found
    assert found[names.LOOP_ALONE] is True


def test_of_two_requests_the_one_that_held_the_loop_is_known(run: Any) -> None:
    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        waiting = enter()
        await beaten()
        culprit = enter()
        hold()
        told = leave(culprit)
        await beaten()
        return told, leave(waiting)

    culprit, waiting = run(main())
    assert culprit.keys() == {names.LOOP, names.LOOP_HELD}
    assert waiting.keys() == {names.LOOP}


def test_a_request_is_alone_again_once_the_other_one_is_over(run: Any) -> None:
    async def main() -> dict[str, Any]:
        watched, other = enter(), enter()
        await beaten()
        leave(other)
        hold()
        await beaten()
        return leave(watched)

    assert run(main())[names.LOOP_ALONE] is True


def test_what_an_application_does_after_its_response_counts_as_another_request(run: Any) -> None:
    async def main() -> dict[str, Any]:
        watched, other = enter(), enter()
        loop_lag.add({}, other)  # its last byte is out
        await beaten()
        hold()
        loop_lag.served(other)
        await beaten()
        return leave(watched)

    assert names.LOOP_ALONE not in run(main())


def test_a_request_that_was_forgotten_is_no_company(run: Any) -> None:
    async def main() -> dict[str, Any]:
        watched = enter()
        enter()
        await beaten()
        hold()
        await beaten()
        return leave(watched)

    assert run(main())[names.LOOP_ALONE] is True


def test_a_loop_that_is_on_time_is_not_spoken_of(run: Any) -> None:
    async def main() -> dict[str, Any]:
        return leave(enter())

    # Three times, because a busy machine holds everything up.
    assert {} in [run(main()) for _ in range(3)]


def test_a_stage_that_held_the_loop_says_so(run: Any, captured: Capture) -> None:
    async def main() -> int:
        watched = enter()
        with tracekit.stage("compute"):
            hold()
        return watched.watch.id

    assert run(main()) == captured.named("compute").attributes[names.LOOP]  # type: ignore[index]
    assert names.LOOP_HELD in said(captured.named("compute"))


def test_a_stage_that_let_the_loop_run_says_only_where_it_was(run: Any, captured: Capture) -> None:
    async def main() -> None:
        watched = enter()
        with tracekit.stage("wait"):
            await beaten()
            hold()
            await beaten()
        leave(watched)

    run(main())
    assert said(captured.named("wait")).keys() == {names.LOOP}


def test_stages_in_a_thread_say_nothing(run: Any, captured: Capture) -> None:
    def work() -> None:
        with tracekit.stage("think"):
            inside.set()
            assert over.wait(5)

    async def main() -> None:
        watched = enter()
        working = asyncio.ensure_future(asyncio.to_thread(work))
        await until(inside.is_set)
        hold()
        over.set()
        await working
        leave(watched)

    inside, over = threading.Event(), threading.Event()
    run(main())
    assert said(captured.named("think")) == {}


def test_the_loop_that_a_thread_runs_is_told_from_the_request_s(
    run: Any, captured: Capture
) -> None:
    async def inner() -> None:
        watched = enter()
        with tracekit.stage("inner"):
            hold()
        leave(watched)

    async def main() -> int:
        watched = enter()
        await asyncio.to_thread(asyncio.run, inner())
        return watched.watch.id

    assert run(main()) != said(captured.named("inner"))[names.LOOP]


def test_a_stage_where_no_loop_is_watched_says_nothing(run: Any, captured: Capture) -> None:
    async def main() -> None:
        leave(enter())
        watch: Any = loop_lag.here.watch
        await until(lambda: not watch.beating)
        with tracekit.stage("script"):
            hold()

    run(main())
    assert said(captured.named("script")) == {}


def test_a_stage_in_a_thread_whose_loop_has_ended_says_nothing(run: Any, captured: Capture) -> None:
    async def main() -> Watched:
        return enter()

    watched = run(main())
    with tracekit.stage("after"):
        hold()
    leave(watched)
    assert said(captured.named("after")) == {}


def test_a_request_that_an_application_keeps_is_over_all_the_same(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        kept.append(scope)
        if scope["path"] == "/hold":
            hold()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    kept: list[Any] = []
    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        ask(port, "/")
        ask(port, "/hold")
    held: Any = captured.wait(2)[-1]
    assert said(held).keys() == set(SAID)


def test_a_fault_leaves_the_stage_as_it_is(
    run: Any, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        enter()
        with tracekit.stage("compute"):
            hold()

    monkeypatch.setattr(in_loop, "_is_running", lambda _: 1 / 0)
    before = guard.faults().get("in_loop.since", 0)
    run(main())
    assert guard.faults()["in_loop.since"] == before + 1
    assert said(captured.named("compute")) == {}


def answer(environ: Any, start_response: Any) -> Any:
    time.sleep(HELD)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def urllib3_get(url: str) -> None:
    requests.get(url, timeout=5)


def httpx_get(url: str) -> None:
    httpx.get(url)


@pytest.mark.parametrize("get", [urllib3_get, httpx_get])
def test_a_call_that_blocks_says_whether_it_did_so_on_the_loop(
    get: Callable[[str], None], captured: Capture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/loop":
            get(backend)
        else:
            await asyncio.to_thread(get, backend)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    clients.install(trace.get_tracer_provider())
    try:
        with serving_wsgi(answer) as port, serving_asgi(tracekit.ASGIMiddleware(app)) as front:
            backend = f"http://127.0.0.1:{port}/"
            ask(front, "/loop")
            ask(front, "/thread")
            spans: list[Any] = captured.wait(4)
    finally:
        clients.uninstall()
    servers = {one.attributes[names.URL_PATH]: one for one in spans if one.kind.name == "SERVER"}
    calls = {one.parent.span_id: one for one in spans if one.kind.name == "CLIENT"}
    here, elsewhere = (calls[servers[path].context.span_id] for path in ("/loop", "/thread"))
    number = servers["/loop"].attributes[names.LOOP]
    assert said(here) == {names.LOOP: number, names.LOOP_HELD: True}
    assert said(elsewhere) == {}
    if get is httpx_get:  # which makes its client for this call
        assert here.attributes[names.CLIENT_LOOP] == number
        assert names.CLIENT_LOOP not in elsewhere.attributes


def ask(port: int, path: str) -> None:
    """Ask for *path* without a client that is traced."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        while sock.recv(1000):
            pass
