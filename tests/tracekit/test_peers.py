from __future__ import annotations

import threading
import time

import pytest

from tracekit import peers


@pytest.fixture(autouse=True)
def nobody_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_seen", {})


def test_the_requests_of_one_port_are_counted() -> None:
    assert [peers.use(("a", 1, 80)) for _ in range(3)] == [1, 2, 3]


def test_another_host_port_or_listener_is_another_connection() -> None:
    for peer in (("a", 1, 80), ("b", 1, 80), ("a", 2, 80), ("a", 1, 81)):
        assert peers.use(peer) == 1


def test_a_port_that_was_silent_for_long_is_given_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.monotonic_ns()
    monkeypatch.setattr(peers.time, "monotonic_ns", lambda: now)
    assert [peers.use(("a", 1, 80)), peers.use(("a", 1, 80))] == [1, 2]
    monkeypatch.setattr(peers.time, "monotonic_ns", lambda: now + 601 * 10**9)
    assert peers.use(("a", 1, 80)) == 1


def test_only_the_last_peers_are_remembered_and_one_in_use_is_not_forgotten() -> None:
    for port in range(10_000):
        peers.use(("a", port, 80))
        assert peers.use(("a", "busy", 80)) == port + 1
    assert len(peers._seen) == 4096


def test_threads_may_ask_at_once() -> None:
    failures: list[BaseException] = []

    def ask(name: str) -> None:
        try:
            for port in range(3000):
                peers.use((name, port, 80))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(peers._seen) <= 4096 + 4
