"""A signal that ends a process still does, and what waits is safe before."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from processes import DEADLINE, clean_environment

_HEAD = """
import os, signal, sys, threading, time
import tracekit
"""
_SPAN = """
with tracekit.request("r", request_id="kept"):
    pass
"""
_WAIT = """
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def start(home: Path, code: str, **environ: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HEAD + textwrap.dedent(code)],
        env=clean_environment(home, **environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


def spooled(home: Path) -> str:
    return "".join(file.read_text() for file in home.glob("spool/*.jsonl"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_spans_are_safe_and_the_status_is_the_signals(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(tmp_path, "tracekit.init('s')" + _SPAN + _WAIT)
    assert ended(process, number) == (-number, "", "")
    assert spooled(tmp_path).count('"kept"') == 1


def test_an_interrupt_is_an_exception_and_the_exit_saves(tmp_path: Path) -> None:
    process = start(tmp_path, "tracekit.init('s')" + _SPAN + _WAIT)
    code, _, err = ended(process, signal.SIGINT)
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in err
    assert '"kept"' in spooled(tmp_path)


@pytest.mark.parametrize(
    ("code", "environ"),
    [("tracekit.init('s', sigterm=False)", {}), ("tracekit.init('s')", {"TRACEKIT_SIGTERM": "no"})],
)
def test_it_can_be_told_to_leave_signals_alone(
    code: str, environ: dict[str, str], tmp_path: Path
) -> None:
    code += "\nassert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"
    assert ended(start(tmp_path, code + _WAIT, **environ))[0] == -signal.SIGTERM


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_host_with_a_handler_of_its_own_keeps_it(when: str, tmp_path: Path) -> None:
    own = "\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
    begin = "\ntracekit.init('s')\n"
    process = start(tmp_path, (own + begin if when == "before" else begin + own) + _WAIT)
    assert ended(process)[0] == 7


def test_a_host_that_ignores_the_signal_goes_on(tmp_path: Path) -> None:
    process = start(
        tmp_path,
        """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
tracekit.init("s")
"""
        + _WAIT,
    )
    process.send_signal(signal.SIGHUP)
    assert ended(process)[0] == -signal.SIGTERM


def test_a_handler_that_calls_the_one_before_it_decides_how_it_goes_on(tmp_path: Path) -> None:
    process = start(
        tmp_path,
        """
tracekit.init("s")
before = signal.getsignal(signal.SIGTERM)
def own(*arguments):
    before(*arguments)
    with tracekit.request("r", request_id="later"):
        pass
    sys.exit(3)
signal.signal(signal.SIGTERM, own)
"""
        + _SPAN
        + _WAIT,
    )
    assert ended(process)[0] == 3
    assert '"kept"' in spooled(tmp_path)
    assert '"later"' in spooled(tmp_path)


def test_shutdown_puts_the_default_back(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        assert callable(signal.getsignal(signal.SIGTERM))
        tracekit.shutdown()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        print("ready")
    """
    process = start(tmp_path, code)
    assert process.communicate(timeout=DEADLINE) == ("", "")


def test_a_forked_child_saves_what_is_its_own(tmp_path: Path) -> None:
    process = start(
        tmp_path,
        """
tracekit.init("s")
with tracekit.request("r", request_id="parents"):
    pass
child = os.fork()
if child == 0:
    with tracekit.request("r", request_id="kept"):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
"""
        + _WAIT,
    )
    assert ended(process)[0] == -signal.SIGTERM
    text = spooled(tmp_path)
    assert (text.count('"kept"'), text.count('"parents"')) == (1, 1)


@pytest.mark.parametrize("kind", ["event", "logging", "thread"])
def test_a_lock_in_the_interrupted_thread_delays_the_end_and_no_more(
    kind: str, tmp_path: Path
) -> None:
    taken = {
        "event": "lifecycle._process.worker._thread.awake._cond",
        "logging": "logging._lock",
        "thread": "threading._active_limbo_lock",
    }[kind]
    process = start(
        tmp_path,
        f"""
import logging
from tracekit import lifecycle
tracekit.init("s")
{_SPAN}
with {taken}:
    print("ready", flush=True)
    while True:
        time.sleep(60)
""",
    )
    began = time.monotonic()
    assert ended(process)[0] == -signal.SIGTERM
    assert time.monotonic() - began < 4
    assert '"kept"' in spooled(tmp_path)


def test_twice_is_at_once(tmp_path: Path) -> None:
    code = f"""
from tracekit import lifecycle
tracekit.init("s")
{_SPAN}
with lifecycle._process.worker._thread.awake._cond:
    print("ready", flush=True)
    while True:
        time.sleep(60)
"""
    process = start(tmp_path, code)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    while process.poll() is None and time.monotonic() - began < DEADLINE:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)  # the interval of a poll
    assert process.wait(DEADLINE) == -signal.SIGTERM
    assert time.monotonic() - began < 1.5
    assert '"kept"' in spooled(tmp_path)
    process.communicate()


def test_a_loop_that_handles_no_signals_ends_as_well(tmp_path: Path) -> None:
    for runner in ("asyncio", "uvloop"):
        home = tmp_path / runner
        process = start(
            home,
            f"""
import asyncio, {runner}
tracekit.init("s")
{_SPAN}
async def main():
    print("ready", flush=True)
    await asyncio.Event().wait()
{runner}.run(main())
""",
        )
        assert ended(process)[0] == -signal.SIGTERM
        assert '"kept"' in spooled(home)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_loses_nothing(method: str, tmp_path: Path) -> None:
    script = tmp_path / "jobs.py"
    script.write_text(
        textwrap.dedent(f"""
        import multiprocessing, tracekit

        def job(number):
            tracekit.init("s")
            with tracekit.request("job", request_id=f"job-{{number}}"):
                pass

        if __name__ == "__main__":
            tracekit.init("s")
            with tracekit.request("r", request_id="parent"):
                pass
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                pool.map(job, range(8))
            # The block's end sends SIGTERM to its workers.
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env=clean_environment(tmp_path),
        timeout=DEADLINE,
        check=True,
        capture_output=True,
    )
    text = spooled(tmp_path)
    assert done.returncode == 0
    assert [text.count(f'"job-{number}"') for number in range(8)] == [1] * 8
    assert text.count('"parent"') == 1


def test_a_fork_finds_no_thread_of_ours(tmp_path: Path) -> None:
    code = """
        tracekit.init("s")
        for number in range(3):
            with tracekit.request("r", request_id=f"parent-{number}"):
                pass
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        with tracekit.request("r", request_id="kept"):
            pass
        print("ready")
    """
    process = start(tmp_path, code)
    # Python 3.12 and later warn of a fork beside threads.
    assert process.communicate(timeout=DEADLINE) == ("", "")
    text = spooled(tmp_path)
    for name in ("parent-0", "parent-1", "parent-2", "kept"):
        assert text.count(f'"{name}"') == 1


def test_only_the_main_thread_may_set_handlers(tmp_path: Path) -> None:
    code = """
        thread = threading.Thread(target=tracekit.init, args=("s",))
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        print("ready")
    """
    assert start(tmp_path, code).communicate(timeout=DEADLINE) == ("", "")
