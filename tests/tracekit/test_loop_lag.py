from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import uvloop
from opentelemetry.sdk.trace import TracerProvider
from sockets import serving_asgi

import tracekit
from tracekit import attributes as names
from tracekit import clients, guard, loop_lag
from tracekit.loop_lag import Lag
from tracekit.testing import Capture

HELD = 0.2
MS = 1_000_000


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = request.param
    return found


def hold(seconds: float = HELD) -> None:
    """Hold the loop, as a handler does that computes."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def until(condition: Callable[[], object]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(poll(), 5)


async def beaten() -> None:
    """Wait until the running loop's watch has had its next beat."""
    watch = loop_lag.here.watch
    assert watch is not None
    due = watch.due
    await until(lambda: watch.due != due)


async def idle() -> Any:
    """Wait until the running loop's watch has stopped beating."""
    watch = loop_lag.here.watch
    assert watch is not None
    await until(lambda: not watch.beating)
    return watch


def test_all_that_overlap_a_block_see_it_and_those_after_it_do_not(run: Any) -> None:
    async def main() -> tuple[list[Lag], Lag]:
        inside = [loop_lag.enter() for _ in range(3)]
        await beaten()
        hold()
        after = loop_lag.enter()  # before the loop has seen the late beat
        seen = [loop_lag.leave(one) for one in inside]
        await asyncio.sleep(0)
        return seen, loop_lag.leave(after)

    seen, after = run(main())
    for lag in seen:
        assert 0.9 * HELD * 1e9 < lag.largest <= lag.total < 2 * HELD * 1e9
    assert after.total < 0.5 * HELD * 1e9


def test_two_blocks_add_up_and_the_longer_one_is_the_largest(run: Any) -> None:
    async def main() -> tuple[Lag, Lag]:
        both = loop_lag.enter()
        hold(0.2)
        await beaten()
        second = loop_lag.enter()
        hold(0.1)
        await beaten()
        return loop_lag.leave(both), loop_lag.leave(second)

    both, second = run(main())
    assert both.total > 280 * MS - 2 * 10 * MS
    assert both.largest > 190 * MS - 10 * MS
    assert 80 * MS < second.largest < both.largest


def test_a_loop_that_is_not_held_says_next_to_nothing(run: Any) -> None:
    async def main() -> Lag:
        watched = loop_lag.enter()
        await asyncio.sleep(0.1)
        return loop_lag.leave(watched)

    # Three times, because a busy machine holds everything up.
    assert min(run(main()).total for _ in range(3)) < 20 * MS


def test_the_beat_stops_when_nobody_wants_to_know(run: Any) -> None:
    async def main() -> None:
        watched = loop_lag.enter()
        await beaten()
        loop_lag.leave(watched)
        watch = await idle()
        assert not watch._wanted
        assert not watch._largest

    run(main())


def test_an_idle_loop_has_no_timers() -> None:
    async def main() -> list[Any]:
        loop_lag.leave(loop_lag.enter())
        await idle()
        loop: Any = asyncio.get_running_loop()
        return [timer for timer in loop._scheduled if not timer.cancelled()]

    # What is left is the time-out of `idle` itself, which has been cancelled.
    assert asyncio.run(main()) == []


def slow_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(loop_lag, "_LIVELY", int(seconds * 1e9))


def beats(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each beat."""
    seen: list[int] = []
    beat = loop_lag.Watch._beat

    def counted(watch: loop_lag.Watch) -> None:
        seen.append(1)
        beat(watch)

    monkeypatch.setattr(loop_lag.Watch, "_beat", counted)
    return seen


def test_what_is_only_kept_open_hardly_wakes_the_loop(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_after(monkeypatch, 0.05)
    seen = beats(monkeypatch)

    async def main() -> int:
        watched = loop_lag.enter()
        await until(lambda: loop_lag.here.watch._is_slow)  # type: ignore[union-attr]
        before = len(seen)
        await asyncio.sleep(0.5)
        assert watched is not None
        return len(seen) - before

    assert 1 <= run(main()) <= 6


def test_the_beat_is_quick_again_as_soon_as_somebody_enters(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_after(monkeypatch, 0.05)
    seen = beats(monkeypatch)

    async def main() -> Lag:
        kept_open = loop_lag.enter()
        watch: Any = loop_lag.here.watch
        await until(lambda: watch._is_slow)
        slow_after(monkeypatch, 60)
        entered = loop_lag.enter()
        assert not watch._is_slow
        before = len(seen)
        await until(lambda: len(seen) >= before + 3)
        hold(0.06)
        await beaten()
        assert loop_lag.leave(kept_open).total >= 40 * MS
        return loop_lag.leave(entered)

    assert run(main()).largest >= 40 * MS


def test_a_long_block_is_seen_by_the_slow_beat_too(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_after(monkeypatch, 0.05)

    async def main() -> Lag:
        kept_open = loop_lag.enter()
        watch: Any = loop_lag.here.watch
        await until(lambda: watch._is_slow)
        hold(0.3)
        await beaten()
        return loop_lag.leave(kept_open)

    assert 190 * MS < run(main()).largest < 600 * MS


def test_one_that_never_leaves_does_not_keep_the_beat(run: Any) -> None:
    async def main() -> None:
        forgotten = loop_lag.enter()
        assert forgotten is not None
        del forgotten
        gc.collect()
        await idle()

    run(main())


def test_many_lags_take_bounded_room(run: Any) -> None:
    async def main() -> tuple[int, Lag]:
        watched = loop_lag.enter()
        watch: Any = loop_lag.here.watch
        for late in range(2000, 0, -1):  # the worst order: none exceeds the one before
            watch.due = 0
            watch._note(late * MS)
        watch.due = time.perf_counter_ns()
        return len(watch._largest), watch.leave(watched)

    kept, lag = run(main())
    assert kept <= 256
    assert lag.largest == 2000 * MS


def test_outside_of_a_loop_nobody_counts() -> None:
    assert loop_lag.enter() is None
    assert loop_lag.leave(None) == (0, 0)


def test_another_thread_may_end_what_a_loop_began(run: Any) -> None:
    async def main() -> Lag:
        watched = loop_lag.enter()
        await beaten()
        hold()
        await beaten()
        return await asyncio.to_thread(loop_lag.leave, watched)

    assert run(main()).largest > 0.9 * HELD * 1e9


def test_a_fault_in_the_beat_is_counted_and_the_loop_goes_on(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = guard.faults().get("loop_lag.beat", 0)

    async def main() -> None:
        loop_lag.enter()
        monkeypatch.setattr(loop_lag.Watch, "_note", lambda *_: 1 / 0)
        hold(0.03)
        await until(lambda: guard.faults().get("loop_lag.beat", 0) > before)

    run(main())
    assert guard.faults()["loop_lag.beat"] == before + 1


def test_a_block_is_told_on_every_request_that_it_held_up(captured: Capture) -> None:
    waiting, held = threading.Semaphore(0), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/hold":
            hold()
            held.set()
        elif scope["path"] == "/held":
            waiting.release()
            while not held.is_set():
                await asyncio.sleep(0.001)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        url = f"http://127.0.0.1:{port}"
        threads = [threading.Thread(target=httpx.get, args=(f"{url}/held",)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=5)
        httpx.get(f"{url}/hold")
        for thread in threads:
            thread.join()
        httpx.get(f"{url}/after")
    spans: list[dict[str, Any]] = [dict(span.attributes or {}) for span in captured.wait(5)]
    told = [(span[names.URL_PATH], span.get(names.LOOP_LAG, 0)) for span in spans]
    lags = sorted(lag for path, lag in told if path != "/after")
    assert len(lags) == 4
    assert lags[0] > 0.9 * HELD * 1e9
    assert dict(told)["/after"] < 100 * MS


@pytest.mark.parametrize("library", ["httpx", "httpx2", "aiohttp"])
def test_a_block_is_told_on_the_call_that_it_held_up(library: str) -> None:
    captured, provider = Capture(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(captured)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not done.is_set():
            await asyncio.sleep(0.001)
        await send({"type": "http.response.body", "body": b"ok"})

    async def get(url: str) -> None:
        if library == "aiohttp":
            import aiohttp

            async with aiohttp.ClientSession() as session, session.get(url) as response:
                await response.read()
            return
        async with __import__(library).AsyncClient() as client:
            await client.get(url)

    async def main(url: str) -> None:
        call = asyncio.ensure_future(get(url))
        await until(lambda: getattr(loop_lag.here.watch, "_wanted", None))
        hold()
        done.set()
        await call

    done = threading.Event()
    clients.install(provider)
    try:
        with serving_asgi(app) as port:
            asyncio.run(main(f"http://127.0.0.1:{port}/"))
    finally:
        clients.uninstall()
    (span,) = captured.wait(1)
    found: Any = (span.attributes or {}).get(names.LOOP_LAG_LARGEST)
    assert found > 0.9 * HELD * 1e9
