from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sockets import Collector, answer, free_port


def run(home: Path, code: str, timeout: float = 30, **environ: str) -> str:
    """Run *code* as a program of its own; give what it printed. It must not write to stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TRACEKIT_"))}
    # Python 3.12 and later warn a program that forks beside any thread, the exporter's too.
    quiet = ["-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *quiet, "-c", textwrap.dedent(code)],
        env={**clean, "TRACEKIT_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def spooled(home: Path) -> list[dict[str, Any]]:
    """Return the spool's spans in the order of their start, each with its ``resource``."""
    files = (home / "spool").glob("*.jsonl")
    spans = spans_in(line for file in files for line in file.read_bytes().splitlines())
    return sorted(spans, key=lambda span: int(span["startTimeUnixNano"]))


def spans_in(bodies: Any) -> list[dict[str, Any]]:
    return [
        {**span, "resource": values(group["resource"])}
        for body in bodies
        for group in json.loads(body)["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def values(owner: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in owner["attributes"]}


def named(spans: list[dict[str, Any]]) -> list[str]:
    return sorted(span["name"] for span in spans)


def test_spans_are_in_the_spool_when_the_interpreter_has_exited(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        import tracekit
        tracekit.init("stt", label="before", version="1.2")
        with tracekit.request("turn", request_id="t-1"):
            pass
        """,
    )
    (span,) = spooled(tmp_path)
    resource = span["resource"]
    assert values(span)["tracekit.request_id"] == "t-1"
    assert resource["service.name"] == "stt"
    assert resource["service.version"] == "1.2"
    assert resource["tracekit.label"] == "before"
    assert resource["telemetry.sdk.language"] == "python"
    assert {"service.instance.id", "host.name", "host.id", "process.pid"} <= set(resource)
    assert span["traceId"] != "0" * 32


def test_without_a_name_the_service_is_unknown(tmp_path: Path) -> None:
    run(tmp_path, "import tracekit as t; t.init()\nwith t.request('r'): pass")
    assert spooled(tmp_path)[0]["resource"]["service.name"] == "unknown_service"


def test_resource_attributes_come_from_opentelemetrys_variable(tmp_path: Path) -> None:
    run(
        tmp_path,
        "import tracekit as t; t.init()\nwith t.request('r'): pass",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,service.name=named%20there",
    )
    resource = spooled(tmp_path)[0]["resource"]
    assert resource["deployment.environment.name"] == "test"
    assert resource["service.name"] == "named there"


def test_initialising_twice_doubles_nothing_and_other_settings_are_not_taken(
    tmp_path: Path,
) -> None:
    run(
        tmp_path,
        """
        import logging, tracekit
        logging.getLogger("tracekit").addHandler(logging.NullHandler())
        tracekit.init("stt")
        tracekit.init("stt")
        tracekit.init("tts")
        with tracekit.request("turn"):
            pass
        """,
    )
    (span,) = spooled(tmp_path)
    assert span["resource"]["service.name"] == "stt"


def test_it_can_be_shut_down_and_started_again(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import tracekit
        for label in ("a", "b"):
            tracekit.init("stt", label=label)
            with tracekit.request(label):
                pass
            print(tracekit.shutdown(), tracekit.shutdown())
        """,
    )
    assert out == "True True\n" * 2
    assert [(s["name"], s["resource"]["tracekit.label"]) for s in spooled(tmp_path)] == [
        ("a", "a"),
        ("b", "b"),
    ]


def test_what_the_first_start_named_does_not_stay_for_the_second(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        import tracekit
        tracekit.init("stt", label="before", version="1")
        tracekit.shutdown()
        tracekit.init("stt")
        with tracekit.request("second"):
            pass
        """,
    )
    resource = spooled(tmp_path)[0]["resource"]
    assert resource["service.name"] == "stt"
    assert not {"tracekit.label", "service.version"} & set(resource)


def test_starting_again_and_again_costs_each_span_no_more(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import tracekit
        from tracekit import processor
        started = []
        for _ in range(10):
            tracekit.init("stt")
            tracekit.shutdown()
        tracekit.init("stt")
        named = processor.name_request
        processor.name_request = lambda *args: started.append(args) or named(*args)
        with tracekit.request("turn"):
            pass
        print(len(started))
        """,
    )
    assert out == "1\n"
    assert named(spooled(tmp_path)) == ["turn"]


def test_shutdown_puts_the_http_clients_back(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import socket, tracekit, urllib3
        def hooked():
            return urllib3.HTTPConnectionPool.urlopen, socket.getaddrinfo
        before = hooked()
        tracekit.init("stt")
        assert hooked() != before
        tracekit.shutdown()
        print(hooked() == before)
        """,
    )
    assert out == "True\n"


def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import tracekit
        from opentelemetry import trace
        try:
            tracekit.init("stt", endpoint="http://" + "\u00e4" * 80)
        except tracekit.ConfigurationError as error:
            print("http://127.0.0.1:4318" in str(error))
        print(type(trace.get_tracer_provider()).__name__)
        """,
    )
    assert out == "True\nProxyTracerProvider\n"


@pytest.mark.parametrize(("status", "safe"), [(200, True), (400, False)])
def test_shutdown_tells_whether_the_collector_took_the_spans(
    tmp_path: Path, status: int, safe: bool
) -> None:
    collector = Collector()
    collector.script = [answer(status)]
    with collector.listening() as endpoint:
        out = run(
            tmp_path,
            """
            import logging, tracekit
            logging.getLogger("tracekit").addHandler(logging.NullHandler())
            tracekit.init("s")
            with tracekit.request("r"):
                pass
            print(tracekit.shutdown())
            """,
            TRACEKIT_ENDPOINT=endpoint,
        )
    assert out == f"{safe}\n"


def test_a_forked_child_may_start_under_a_name_of_its_own(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        import multiprocessing
        import tracekit

        def work():
            with tracekit.request("before"):
                pass
            tracekit.init("child")
            with tracekit.request("in-child"):
                pass

        tracekit.init("parent")
        with tracekit.request("in-parent"):
            pass
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        """,
    )
    assert [(s["name"], s["resource"]["service.name"]) for s in spooled(tmp_path)] == [
        ("in-parent", "parent"),
        ("before", "parent"),
        ("in-child", "child"),
    ]


def test_an_existing_provider_is_joined_and_keeps_what_it_has(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import tracekit
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        theirs = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({"service.name": "shop", "team": "blue"}))
        provider.add_span_processor(SimpleSpanProcessor(theirs))
        trace.set_tracer_provider(provider)
        tracekit.init(label="joined")
        with tracekit.request("turn", request_id="t-1"):
            with trace.get_tracer("theirs").start_as_current_span("their span"):
                pass
        assert trace.get_tracer_provider() is provider
        print(*[(s.name, s.attributes["tracekit.request_id"]) for s in theirs.get_finished_spans()])
        """,
    )
    assert out == "('their span', 't-1') ('turn', 't-1')\n"
    spans = spooled(tmp_path)
    assert named(spans) == ["their span", "turn"]
    resource = spans[0]["resource"]
    assert (resource["service.name"], resource["team"]) == ("shop", "blue")
    assert resource["tracekit.label"] == "joined"


def test_a_provider_that_takes_no_processors_is_a_configuration_error(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import tracekit
        from opentelemetry import trace
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        try:
            tracekit.init("stt")
        except tracekit.ConfigurationError as error:
            print(error)
        """,
    )
    assert "NoOpTracerProvider" in out


def test_a_disabled_sdk_makes_no_spans_but_ids_are_given_and_sent_on(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import tracekit
        from opentelemetry import propagate
        tracekit.init("stt")
        def app(environ, start_response):
            headers = {}
            propagate.inject(headers)
            print(headers["X-Request-ID"])
            start_response("200 OK", [])
            return []
        def started(status, headers):
            print(dict(headers)["X-Request-ID"])
        tracekit.WSGIMiddleware(app)(
            {"REQUEST_METHOD": "GET", "SERVER_NAME": "x", "HTTP_X_REQUEST_ID": "q"}, started)
        """,
        OTEL_SDK_DISABLED="true",
    )
    assert out == "q\nq\n"
    assert not (tmp_path / "spool").exists()


def test_the_sampler_comes_from_opentelemetrys_variables(tmp_path: Path) -> None:
    run(
        tmp_path,
        "import tracekit as t; t.init('s')\nwith t.request('r'): pass",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    assert spooled(tmp_path) == []


def test_a_home_that_cannot_be_written_is_a_configuration_error_unless_there_is_a_collector(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = run(
        tmp_path / "file" / "home",
        """
        import tracekit
        try:
            tracekit.init("stt")
        except tracekit.ConfigurationError as error:
            print(error)
        tracekit.init("stt", endpoint="http://127.0.0.1:9")
        """,
    )
    assert "TRACEKIT_HOME" in out
    assert "TRACEKIT_ENDPOINT" in out


def test_a_collector_gets_the_spans_of_a_program_that_ends(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        run(
            tmp_path,
            "import tracekit as t; t.init('s')\nwith t.request('r'): pass",
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.removesuffix("/v1/traces"),
        )
    assert named(spans_in(collector.bodies)) == ["r"]
    assert spooled(tmp_path) == []


HURRIED = """
    import time, tracekit, logging
    logging.getLogger("tracekit").addHandler(logging.NullHandler())
    tracekit.init("s")
    with tracekit.request("r"):
        pass
    start = time.monotonic()
    tracekit.shutdown(timeout=1.0)
    print(time.monotonic() - start)
"""


def test_shutdown_is_in_time_with_a_collector_that_is_down_and_keeps_the_spans(
    tmp_path: Path,
) -> None:
    out = run(tmp_path, HURRIED, TRACEKIT_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert float(out) < 1.5
    assert named(spooled(tmp_path)) == ["r"]


@contextmanager
def hanging_collector() -> Iterator[str]:
    collector, release = Collector(), threading.Event()
    collector.script = [lambda handler: release.wait(20) and None] * 10
    with collector.listening() as endpoint:
        try:
            yield endpoint
        finally:
            release.set()


def test_shutdown_is_in_time_with_a_collector_that_hangs_and_keeps_the_spans(
    tmp_path: Path,
) -> None:
    with hanging_collector() as endpoint:
        out = run(tmp_path, HURRIED, TRACEKIT_ENDPOINT=endpoint)
    assert float(out) < 1.5
    assert "r" in named(spooled(tmp_path))


FORKING = """
    import os, tracekit
    tracekit.init("s", endpoint=None)
    with tracekit.request("parent"):
        pass
    pid = os.fork()
    if pid == 0:
        with tracekit.request("child"):
            pass
        raise SystemExit
    os.waitpid(pid, 0)
"""


def test_a_forked_process_sends_its_own_spans_under_its_own_pid(tmp_path: Path) -> None:
    run(tmp_path, FORKING)
    spans = spooled(tmp_path)
    assert named(spans) == ["child", "parent"]
    for key in ("process.pid", "service.instance.id"):
        assert len({span["resource"][key] for span in spans}) == 2


def test_a_forked_process_opens_its_own_connection(tmp_path: Path) -> None:
    collector = Collector()
    with collector.listening() as endpoint:
        run(tmp_path, FORKING, TRACEKIT_ENDPOINT=endpoint)
    assert named(spans_in(collector.bodies)) == ["child", "parent"]
    assert collector.connections == 2


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_flush_although_they_leave_past_atexit(
    tmp_path: Path, method: str
) -> None:
    script = tmp_path / "jobs.py"
    script.write_text(
        textwrap.dedent(f"""
        import multiprocessing, tracekit

        def job(number):
            tracekit.init("s")
            with tracekit.request(f"job {{number}}"):
                pass

        if __name__ == "__main__":
            tracekit.init("s")
            with tracekit.request("parent"):
                pass
            start = multiprocessing.get_context("{method}").Process
            jobs = [start(target=job, args=(n,)) for n in range(2)]
            [job.start() for job in jobs]
            [job.join() for job in jobs]
        """)
    )
    run(tmp_path, f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')")
    assert named(spooled(tmp_path)) == ["job 0", "job 1", "parent"]


def test_the_asgi_lifespan_flushes(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import asyncio, os, tracekit
        tracekit.init("s")
        with tracekit.request("r"):
            pass
        async def app(scope, receive, send):
            await send({"type": "lifespan.shutdown.complete"})
        async def send(message):
            print(message["type"])
        asyncio.run(tracekit.ASGIMiddleware(app)({"type": "lifespan"}, None, send))
        os._exit(0)
        """,
    )
    assert named(spooled(tmp_path)) == ["r"]
    del out
