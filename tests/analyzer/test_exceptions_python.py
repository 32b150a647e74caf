"""Where an exception was raised, out of the text that Python's stack traces are."""

from __future__ import annotations

import sys
import time
import traceback
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracekit
from analyzer.exceptions_python import Frame, raised_at

APP = "/srv/shop/app.py"
LIBRARY = "/srv/.venv/lib/python3.12/site-packages/flask/app.py"
STANDARD = "/usr/lib/python3.12/asyncio/tasks.py"
NOT_OWN = (
    LIBRARY,
    STANDARD,
    "/usr/lib/python3/dist-packages/yaml/reader.py",
    "/opt/pypy/lib/pypy3.10/json/decoder.py",
    "/root/.pex/installed_wheels/1f/flask-3.0-py3-none-any.whl/flask/app.py",
    r"C:\Users\me\AppData\Local\Programs\Python\Python312\Lib\json\decoder.py",
    r"C:\Users\me\miniconda3\Lib\json\decoder.py",
    r"C:\Users\me\miniconda3\envs\shop\lib\json\decoder.py",
    "<frozen importlib._bootstrap>",
    "<string>",
    "uvloop/loop.pyx",
    tracekit.__file__,
    tracekit.stage.__code__.co_filename,
)
OWN = (
    APP,
    "app.py",
    r"C:\shop\lib\app.py",
    r"\\host\python\lib\app.py",
    "/srv/python/lib/app.py",
    "/home/me/tracekit/shop.py",
    '/srv/a "quoted", line 3, in folder/app.py',
)


def calling(file: str, what: Any) -> Any:
    """Return a function in *file*, on its third line, that calls *what*."""
    scope: dict[str, Any] = {"what": what}
    exec(compile("\n\ndef through(): what()", file, "exec"), scope)
    return scope["through"]


def raising(error: BaseException) -> Any:
    """Return a function of no file of its own that raises *error*."""
    scope: dict[str, Any] = {"error": error}
    exec(compile("def fail(): raise error", "<string>", "exec"), scope)
    return scope["fail"]


def caught(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:
        # Without this test's own frame, which is no part of the service.
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def found(error: BaseException) -> Frame | None:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return raised_at("".join(traceback.format_exception(error)), name, str(error))


@pytest.mark.parametrize("file", NOT_OWN)
def test_installed_code_is_passed_over(file):
    error = caught(calling(APP, calling(file, raising(ValueError("no")))))

    assert found(error) == Frame(APP, 3, "through")


@pytest.mark.parametrize("file", OWN)
def test_the_innermost_line_of_the_application_is_told(file):
    error = caught(calling("/srv/main.py", calling(file, calling(LIBRARY, raising(KeyError(1))))))

    assert found(error) == Frame(file, 3, "through")


def test_where_all_is_installed_the_innermost_line_is_told():
    error = caught(calling(LIBRARY, calling(STANDARD, partial(int, "x"))))

    assert found(error) == Frame(STANDARD, 3, "through")


def chained(cause: BaseException, error: BaseException, *, is_direct: bool) -> Any:
    def chain() -> None:
        try:
            calling("/srv/shop/cause.py", raising(cause))()
        except BaseException as first:
            if is_direct:
                raise error from first
            calling(APP, raising(error))()

    return chain


@pytest.mark.parametrize("is_direct", [True, False])
def test_of_a_chain_the_last_exception_is_told(is_direct):
    error = caught(chained(KeyError("a"), ValueError("b"), is_direct=is_direct))

    frame = found(error)

    assert frame is not None
    assert frame.file == (__file__ if is_direct else APP)


def test_of_a_longer_chain_the_last_exception_is_told_as_well():
    first = caught(chained(KeyError("a"), KeyError("b"), is_direct=True))
    error = caught(chained(first, ValueError("c"), is_direct=False))

    assert found(error) == Frame(APP, 3, "through")


def test_a_trace_within_a_message_is_nobodys():
    inner = caught(chained(KeyError("a"), ValueError("b"), is_direct=False))
    told = "".join(traceback.format_exception(inner)).replace(APP, "/worker/job.py")
    for message in (told, f"a job failed:\n{told}", f"{told}\nand more", f"{told}ValueError: b"):
        error = caught(calling(APP, raising(RuntimeError(message))))

        assert found(error) == Frame(APP, 3, "through")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="has no exception groups")
def test_of_a_group_its_own_line_is_told():
    part = caught(calling("/srv/shop/part.py", raising(KeyError("a"))))
    group = ExceptionGroup("some", [part])  # noqa: F821 - of Python 3.11

    assert found(caught(calling(APP, raising(group)))) == Frame(APP, 3, "through")
    error = caught(chained(group, ValueError("b"), is_direct=False))
    assert found(error) == Frame(APP, 3, "through")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="has no notes")
def test_an_exception_may_carry_notes():
    error = ValueError("b")
    error.add_note("a note\nTraceback (most recent call last):\n")

    assert found(caught(calling(APP, raising(error)))) == Frame(APP, 3, "through")


def test_an_exception_of_no_message_and_one_that_tells_of_a_file_have_a_line():
    for error in (ValueError(), SyntaxError("no", ("made.py", 1, 2, "x="))):
        assert found(caught(calling(APP, raising(error)))) == Frame(APP, 3, "through")


def test_a_trace_that_is_cut_off_tells_no_line():
    error = caught(chained(KeyError("a"), ValueError("b"), is_direct=False))
    whole = "".join(traceback.format_exception(error)).rstrip("\n")
    last = whole.rindex("\n") + 1

    cut = {raised_at(whole[:end], "ValueError", "b") for end in range(last)}

    assert cut == {None}


@pytest.mark.parametrize(
    "trace",
    [
        "",
        "java.lang.IllegalStateException: no\n\tat com.shop.Cart.add(Cart.java:33)\n",
        "Error: no\n    at handler (/srv/shop/app.js:33:9)\n",
        "goroutine 1 [running]:\nmain.main()\n\t/srv/shop/app.go:33 +0x1d\n",
    ],
)
def test_a_trace_of_another_language_tells_no_line(trace):
    assert raised_at(trace, "Error", "no") is None


FILES = st.sampled_from([APP, LIBRARY, STANDARD, "<string>", "x.py"])
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
PIECES = st.sampled_from(
    [
        "Traceback (most recent call last):\n",
        "  + Exception Group Traceback (most recent call last):\n",
        f'  File "{APP}", line 3, in f\n',
        f'  |   File "{APP}", line 99999999999999999999, in f\n',
        "    f()\n    ~^^\n",
        "  [Previous line repeated 975 more times]\n",
        "ValueError: no\n",
        "  | ExceptionGroup: no (2 sub-exceptions)\n",
        DURING,
        "\nThe above exception was the direct cause of the following exception:\n\n",
        "\n",
    ]
)


@given(st.lists(PIECES | st.text(max_size=20), max_size=30).map("".join), st.text(), st.text())
def test_no_text_makes_it_fail(trace, kind, message):
    raised_at(trace, kind, message)
    raised_at(trace, "ValueError", "no")


@given(
    st.lists(st.tuples(FILES, st.integers(1, 999)), min_size=1, max_size=8),
    st.lists(PIECES | st.text(max_size=20), max_size=8).map("".join),
)
def test_the_line_is_found_whatever_the_message_holds(frames, message):
    lines = [f'  File "{file}", line {line}, in f\n    f()\n' for file, line in frames]
    trace = f"Traceback (most recent call last):\n{''.join(lines)}shop.No: {message}\n"
    own = [frame for frame in frames if frame[0] in (APP, "x.py")]

    assert raised_at(trace, "shop.No", message) == Frame(*(own or frames)[-1], "f")


HEADER, SIZE = "Traceback (most recent call last):\n", 1_000_000


@pytest.mark.parametrize(
    ("trace", "message"),
    {
        "one letter": ("a" * SIZE, "a" * (SIZE // 2) + "b"),
        "blanks": (HEADER + " " * SIZE, ""),
        "lines": (HEADER + "\n" * SIZE, ""),
        "quotes": (HEADER + '  File "' + '", line 1, in ' * (SIZE // 14), ""),
        "digits": (HEADER + '  File "a", line ' + "1" * SIZE, ""),
        "headers": (HEADER * (SIZE // len(HEADER)), ""),
        "folders": (HEADER + f'  File "C:{"/python/lib" * (SIZE // 11)}", line 1, in f\nE', ""),
        "frames": (HEADER + f'  File "{LIBRARY}", line 1, in f\n' * (SIZE // 80) + "E", ""),
        "chain": ((DURING + HEADER + "E\n") * (SIZE // 110), ""),
    }.values(),
)
def test_a_megabyte_takes_no_second(trace, message):
    began = time.process_time()

    raised_at(trace, "E", message)

    assert time.process_time() - began < 1
