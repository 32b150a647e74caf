"""A signal that Python would miss, or forget, still ends the process that it was sent to."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from processes import DEADLINE, clean_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

_HEAD = """
import multiprocessing, os, select, signal, subprocess, sys, threading, time
import tracekit

def miss(number=signal.SIGTERM):
    # In another thread it interrupts nothing in the main one: as if it had come just before.
    def wait_and_miss():
        state = f"/proc/self/task/{os.getpid()}/stat"
        while os.path.exists(state) and open(state).read().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), number)
    threading.Thread(target=wait_and_miss, daemon=True).start()

def wakeup():
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found, warn_on_full_buffer=False)
    return found
"""
_SPAN = """
with tracekit.request("r", request_id="kept"):
    pass
"""


def ended(home: Path, code: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _HEAD + textwrap.dedent(code)],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    return done.returncode, done.stderr


def spooled(home: Path) -> str:
    return "".join(file.read_text() for file in home.glob("spool/*.jsonl"))


@pytest.mark.parametrize(
    "wait",
    [
        "time.sleep(60)",
        "multiprocessing.Semaphore(0).acquire()",
        "import asyncio; asyncio.run(asyncio.sleep(60))",
    ],
    ids=["sleep", "semaphore", "loop"],
)
def test_a_signal_that_comes_just_before_a_wait_ends_it(wait: str, tmp_path: Path) -> None:
    began = time.monotonic()
    code = "tracekit.init('s')" + _SPAN + f"miss()\n{wait}\n"
    assert ended(tmp_path, code) == (-signal.SIGTERM, "")
    assert time.monotonic() - began < DEADLINE / 2
    assert '"kept"' in spooled(tmp_path)


def test_so_does_one_in_a_forked_child(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        child = os.fork()
        if child == 0:
            miss()
            time.sleep(60)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        with tracekit.request("r"):  # where Python counts its threads late, this has it go on
            pass
        miss(signal.SIGHUP)
        time.sleep(60)
    """
    assert ended(tmp_path, code) == (-signal.SIGHUP, "")


def test_a_child_that_has_hardly_begun_ends_as_well(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        for _ in range(5):
            child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
            child.start()
            child.terminate()
            child.join(5)
            assert child.exitcode == -signal.SIGTERM, child.exitcode
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
    """
    assert ended(tmp_path, code) == (0, "")


def test_a_child_inherits_no_mask_and_a_parents_own_stays(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        child = os.fork()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert blocked == {signal.SIGHUP}, blocked
        if child:
            assert os.waitpid(child, 0)[1] == 0
    """
    assert ended(tmp_path, code) == (0, "")


def test_a_fork_finds_no_thread_that_watches_and_both_sides_have_one_again(tmp_path: Path) -> None:
    code = """
        def threads():
            return len(os.listdir("/proc/self/task"))
        # Registered first, so it runs last of all.
        found = []
        os.register_at_fork(before=lambda: found.append(threads()))
        tracekit.init("s")
        from tracekit import nudge
        nudge.rests_for_forks = True  # as from Python 3.12 on
        nudge._FORK_SECONDS = 5.0  # however busy the machine is
        child = os.fork()
        with tracekit.request("r"):  # starts what does not start by itself, and exports
            pass
        assert (found, threads()) == ([1], 3), (found, threads())
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    if not Path("/proc/self/task").exists():
        pytest.skip("threads are only seen on Linux")
    assert ended(tmp_path, code) == (0, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("own = os.pipe()[1]; os.set_blocking(own, False); signal.set_wakeup_fd(own)", "== own"),
        ("import types; sys.modules['trio'] = types.ModuleType('trio')", "== -1"),
        ("signal.signal(signal.SIGURG, lambda *_: None)", "== -1"),
        ("signal.signal(signal.SIGTERM, print); signal.signal(signal.SIGHUP, print)", "== -1"),
    ],
    ids=["descriptor", "trio", "SIGURG", "handlers"],
)
def test_it_stays_out_of_others_way(before: str, after: str, tmp_path: Path) -> None:
    code = f"{before}\ntracekit.init('s')\nassert wakeup() {after}\n"
    assert ended(tmp_path, code) == (0, "")


def test_it_gives_way_to_trio(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        assert wakeup() != -1
        import trio
        assert wakeup() == -1
        assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    """
    (tmp_path / "trio.py").touch()
    code = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n" + textwrap.dedent(code)
    assert ended(tmp_path, code) == (0, "")


def test_a_hosts_own_handler_may_take_its_time(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        calls = []
        signal.signal(signal.SIGURG, lambda *_: calls.append("SIGURG"))
        signal.signal(signal.SIGTERM, lambda *_: calls.append("SIGTERM"))
        miss()
        time.sleep(0.5)  # what a nudge would cut short
        assert calls == ["SIGTERM"], calls
    """
    assert ended(tmp_path, code) == (0, "")


def test_shutdown_leaves_nothing(tmp_path: Path) -> None:
    code = """
        before = sorted(os.listdir("/proc/self/fd"))
        for _ in range(3):
            tracekit.init("s")
            assert wakeup() != -1
            tracekit.shutdown()
        assert wakeup() == -1
        assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
        assert len(os.listdir("/proc/self/task")) == 1
        assert sorted(os.listdir("/proc/self/fd")) == before
    """
    if not Path("/proc/self/fd").exists():
        pytest.skip("descriptors are only seen on Linux")
    assert ended(tmp_path, code) == (0, "")


def test_who_has_taken_its_place_may_put_it_back(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        own = os.pipe()[1]
        os.set_blocking(own, False)
        ours = signal.set_wakeup_fd(own)
        tracekit.shutdown()
        assert signal.set_wakeup_fd(ours) == own
    """
    assert ended(tmp_path, code) == (0, "")


def test_a_daemon_that_closes_every_descriptor_gets_none_of_ours_back(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        os.closerange(3, 1024)
        files = [open(os.devnull) for _ in range(300)]
        deadline = time.monotonic() + 10
        while wakeup() != -1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert wakeup() == -1
        child = os.fork()
        if child == 0:
            os._exit(wakeup() != -1)
        assert os.waitpid(child, 0)[1] == 0
        for file in files:
            file.close()  # they are the host's, all of them
    """
    assert ended(tmp_path, code)[0] == 0


def test_nothing_is_done_while_nothing_comes(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        before = time.process_time()
        time.sleep(0.5)  # what is measured
        assert time.process_time() - before < 0.02
    """
    assert ended(tmp_path, code) == (0, "")


def test_a_handler_that_raises_during_a_fork_leaves_nothing_blocked(tmp_path: Path) -> None:
    code = """
        def late(*_):
            raise TimeoutError
        tracekit.init("s")
        signal.signal(signal.SIGALRM, late)
        sys.unraisablehook = lambda _: None  # one that raises inside a hook is lost
        for number in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 * (number % 60 + 1))
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except TimeoutError:
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
    """
    assert ended(tmp_path, code)[0] == 0  # what its handler raised inside a hook is told


def test_after_a_sweep_that_somebody_interrupted_the_signal_still_ends_the_process(
    tmp_path: Path,
) -> None:
    code = """
        tracekit.init("s")
        from tracekit import lifecycle
        worker = lifecycle._process.worker
        whole = worker.sweep
        def broken():
            worker.sweep = whole
            raise KeyboardInterrupt
        worker.sweep = broken
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    """
    assert ended(tmp_path, code) == (-signal.SIGTERM, "")
