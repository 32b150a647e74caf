from __future__ import annotations

import asyncio
import sys
import types

import aiohttp
import httpx
import httpx2
import pytest
from conformance.outgoing import only_call

from tracekit import attributes as names
from tracekit.clients import callsite


def installed(package, body):
    """Return a function ``call`` of *package*, which looks as if pip had installed it."""
    module = types.ModuleType(package)
    path = f"{sys.prefix}/lib/python3/site-packages/{package}/code.py"
    exec(compile(body, path, "exec"), vars(module))
    return module.call


def through(*packages):
    """Return ``find`` called through a function of each of *packages*, the first one innermost."""
    call = callsite.find
    for package in packages:
        inner, call = call, installed(package, "def call(*args):\n    return inner(*args)")
        call.__globals__["inner"] = inner
    return call


def test_the_place_is_the_users_own_line():
    line = sys._getframe().f_lineno
    site = callsite.find()

    assert (site.file, site.line) == (__file__, line + 1)
    assert site.function == "test_the_place_is_the_users_own_line"


def test_installed_libraries_on_the_way_are_passed_over():
    assert through("httpx", "some_sdk")().file == __file__


def test_the_standard_library_is_passed_over():
    found = []
    sorted([1], key=lambda _: found.append(callsite.find()))
    types.SimpleNamespace(found=list(map(lambda _: callsite.find(), [1])))  # noqa: C417

    assert found[0].file == __file__


def test_in_an_installed_application_it_is_the_code_nearest_to_the_client():
    import threading

    found = []
    call = through("httpx", "opentelemetry", "shop", "starlette")
    # A thread of its own, so that nothing of this file is on the stack.
    target = installed("runner", "def call(call, found):\n    found.append(call())")
    thread = threading.Thread(target=target, args=(call, found))
    thread.start()
    thread.join()

    assert found[0].file.endswith("/shop/code.py")


def test_with_nothing_but_plumbing_there_is_no_place():
    import threading

    found = []
    target = installed("urllib3", "def call(call, found):\n    found.append(call())")
    thread = threading.Thread(target=target, args=(through("httpx"), found))
    thread.start()
    thread.join()

    assert found == [None]


def test_an_sdk_that_carries_the_call_is_passed_over_where_all_code_is_installed():
    import threading

    found = []
    call = through("urllib3", "botocore", "boto3", "s3transfer", "httpx2", "openai", "shop")
    target = installed("runner", "def call(call, found):\n    found.append(call())")
    thread = threading.Thread(target=target, args=(call, found))
    thread.start()
    thread.join()

    assert found[0].file.endswith("/shop/code.py")


def library_coroutine(found):
    """Return a coroutine like a client's: no frame of the user's is below it once it is a task."""
    body = "async def call(find, found):\n    found.append(find())"
    return installed("httpx", body)(callsite.find, found)


def test_a_task_of_a_librarys_coroutine_has_no_place_rather_than_a_wrong_one():
    found = []

    async def main():
        await asyncio.gather(library_coroutine(found), library_coroutine(found))

    asyncio.run(main())
    assert found == [None, None]


def test_an_awaited_coroutine_has_its_callers_line():
    found = []

    async def main():
        await library_coroutine(found)

    asyncio.run(main())
    assert found[0].function.endswith("main")


def test_a_coroutine_that_the_loop_is_run_for_has_the_line_that_runs_it():
    found = []
    asyncio.run(library_coroutine(found))

    assert found[0].file == __file__


async def of_httpx(library, url, start):
    async with library.AsyncClient() as client:
        await start(client.get(url))


async def of_aiohttp(library, url, start):
    async with library.ClientSession() as session:
        await start(session._request("GET", url))


async def of_aiohttps_method(library, url, start):
    async with library.ClientSession() as session:
        await start(session.get(url))


async def gathered(calling):
    await asyncio.gather(calling)


async def as_a_task(calling):
    await asyncio.ensure_future(calling)


async def awaited(calling):
    await calling


def run(loops, main):
    if loops == "asyncio":
        asyncio.run(main)
    else:
        pytest.importorskip("uvloop").run(main)


CLIENTS = [
    pytest.param(of_httpx, httpx, id="httpx"),
    pytest.param(of_httpx, httpx2, id="httpx2"),
    pytest.param(of_aiohttp, aiohttp, id="aiohttp"),
    pytest.param(of_aiohttps_method, aiohttp, id="aiohttp's get"),
]
LOOPS = ["asyncio", "uvloop"]


@pytest.mark.parametrize("loops", LOOPS)
@pytest.mark.parametrize("start", [gathered, as_a_task])
@pytest.mark.parametrize(("client", "library"), CLIENTS)
def test_a_call_that_a_client_makes_as_a_task_has_no_place(
    client, library, start, loops, server, spans
):
    run(loops, client(library, server.url(), start))

    assert only_call(spans)[names.CONNECTION_STATE] == "new"
    assert only_call(spans)[names.CODE_FILE] is None


@pytest.mark.parametrize("loops", LOOPS)
@pytest.mark.parametrize(("client", "library"), CLIENTS)
def test_a_call_that_is_awaited_has_the_line_that_awaits_it(client, library, loops, server, spans):
    run(loops, client(library, server.url(), awaited))

    call = only_call(spans)
    assert (call[names.CODE_FILE], call[names.CODE_FUNCTION]) == (__file__, "awaited")
