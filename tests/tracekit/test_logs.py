"""The IDs in log records, whoever writes them and wherever they are formatted."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import logging.handlers
import queue
import re

import pytest
import structlog
from sockets import get, serving_wsgi

import tracekit
from tracekit import guard
from tracekit.log_hooks import LogHooks
from tracekit.logs import LogFilter, LogFormatter, stamp, structlog_processor
from tracekit.testing import Capture


class Kept(logging.Handler):
    """Keeps the records that reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def hooks():
    hooks = LogHooks()
    hooks.install()
    yield hooks
    hooks.uninstall()


@pytest.fixture
def kept():
    handler = Kept()
    logger = logging.getLogger("host")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.propagate = True


def record(**also):
    made = logging.LogRecord("host", logging.INFO, __file__, 1, "hello", (), None)
    made.__dict__.update(also)
    return made


def ids(of):
    return of.request_id, of.trace_id, of.span_id


def test_a_record_of_a_request_has_its_ids(hooks, kept, captured: Capture):
    with tracekit.request("turn", request_id="turn-1"), tracekit.stage("llm"):
        logging.getLogger("host").info("thinking")

    own = captured.named("llm").context
    assert ids(kept.records[0]) == ("turn-1", f"{own.trace_id:032x}", f"{own.span_id:016x}")


def test_a_record_outside_of_any_request_says_so(hooks, kept):
    logging.getLogger("host").info("idle")

    assert ids(kept.records[0]) == ("-", "-", "-")


def test_a_request_without_a_tracer_has_an_id_all_the_same():
    seen = []

    def app(environ, start_response):
        stamp(made := record())
        seen.append(made.request_id)
        start_response("204 No Content", [])
        return []

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        get(port, X_Request_ID="plain-1")

    assert seen == ["plain-1"]


def test_what_a_host_says_of_the_ids_itself_stays(hooks, kept):
    with tracekit.request("turn", request_id="ours"):
        logging.getLogger("host").info("hello", extra={"request_id": "theirs", "span_id": 7})

    assert kept.records[0].request_id == "theirs"
    assert kept.records[0].span_id == 7


def test_a_filter_of_the_host_sees_the_ids(hooks, kept):
    seen = []
    logger = logging.getLogger("host")
    watching = lambda record: seen.append(record.request_id) or True  # noqa: E731
    logger.addFilter(watching)
    with tracekit.request("turn", request_id="turn-1"):
        logger.info("hello")
    logger.removeFilter(watching)

    assert seen == ["turn-1"]


def test_records_that_pass_a_queue_keep_the_ids_of_their_request(hooks):
    passing, kept = queue.Queue(), Kept()
    listener = logging.handlers.QueueListener(passing, kept)
    logger = logging.getLogger("host")
    handler = logging.handlers.QueueHandler(passing)
    logger.addHandler(handler)
    listener.start()
    with tracekit.request("turn", request_id="turn-1"):
        logger.error("hello")
    listener.stop()
    logger.removeHandler(handler)

    assert [one.request_id for one in kept.records] == ["turn-1"]


def test_tasks_that_overlap_each_have_their_own(hooks, kept):
    async def turn(name):
        with tracekit.request("turn", request_id=name):
            for _ in range(5):
                await asyncio.sleep(0)
                logging.getLogger("host").info(name)

    async def all_of_them():
        await asyncio.gather(*(turn(f"turn-{number}") for number in range(10)))

    asyncio.run(all_of_them())

    assert len(kept.records) == 50
    assert all(one.request_id == one.getMessage() for one in kept.records)


def test_an_exception_brings_the_ids_of_its_request_along(captured: Capture):
    seen = []

    @tracekit.WSGIMiddleware
    def app(environ, start_response):
        raise ValueError("broken")

    def server(environ, start_response):
        try:
            return app(environ, start_response)
        except ValueError as error:
            seen.append(record(exc_info=(ValueError, error, None)))
            start_response("500 Internal Server Error", [])
            return []

    with serving_wsgi(server) as port:
        get(port, X_Request_ID="broken-1")
    stamp(seen[0])

    own = captured.wait()[0].context
    assert ids(seen[0]) == ("broken-1", f"{own.trace_id:032x}", f"{own.span_id:016x}")


def test_the_current_request_wins_over_that_of_an_exception_that_it_logs():
    error = ValueError("of another")
    error._tracekit_ids = {"request_id": "old-1"}
    with tracekit.request("turn", request_id="new-1"):
        stamp(made := record(exc_info=(ValueError, error, None)))

    assert made.request_id == "new-1"


class Frozen(Exception):
    def __setattr__(self, name, value):
        raise TypeError("takes no attributes")


def test_an_exception_that_takes_no_attributes_goes_on_unchanged():
    frozen = Frozen()

    @tracekit.WSGIMiddleware
    def app(environ, start_response):
        raise frozen

    with pytest.raises(Frozen) as raised:
        app({"REQUEST_METHOD": "GET", "SERVER_NAME": "here"}, None)
    stamp(made := record(exc_info=(Frozen, frozen, None)))

    assert raised.value is frozen
    assert made.request_id == "-"


@pytest.mark.parametrize("exc_info", [None, (), (None, None, None), True, 7, ValueError()])
def test_whatever_a_record_calls_its_exception_is_survived(exc_info):
    before = guard.faults().get("logs.stamp")

    stamp(made := record(exc_info=exc_info))

    assert ids(made) == ("-", "-", "-")
    assert guard.faults().get("logs.stamp") == before


def test_a_record_that_takes_nothing_is_logged_all_the_same():
    class Closed:
        __slots__ = ()

    before = guard.faults().get("logs.stamp", 0)
    assert LogFilter().filter(Closed()) is True
    assert guard.faults()["logs.stamp"] == before + 1


def test_the_hook_leaves_no_trace():
    before = logging.Logger.__dict__["handle"]
    hooks = LogHooks()
    hooks.install()
    assert logging.Logger.handle is not before
    hooks.uninstall()

    assert logging.Logger.__dict__["handle"] is before


@pytest.mark.parametrize(("logs", "stamped"), [(None, True), (True, True), (False, False)])
def test_init_stamps_every_record_until_shutdown(kept, tmp_path, monkeypatch, logs, stamped):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    tracekit.init("logs", clients=False, logs=logs)
    logging.getLogger("host").info("between")
    tracekit.shutdown()
    logging.getLogger("host").info("after")

    assert [hasattr(one, "request_id") for one in kept.records] == [stamped, False]


def test_the_environment_switches_it_off(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    monkeypatch.setenv("TRACEKIT_LOGS", "false")
    tracekit.init("logs", clients=False)
    logging.getLogger("host").info("between")
    tracekit.shutdown()

    assert not hasattr(kept.records[0], "request_id")


def test_the_filter_stamps_what_passes_a_handler(kept):
    kept.addFilter(LogFilter())
    with tracekit.request("turn", request_id="turn-1"):
        logging.getLogger("host").info("hello")

    assert kept.records[0].request_id == "turn-1"


@pytest.mark.parametrize(
    ("arguments", "form"),
    [
        ({}, r"\d{4}-\S+ \S+ INFO \[turn-1\] host: hello"),
        ({"style": "{"}, r"\d{4}-\S+ \S+ INFO \[turn-1\] host: hello"),
        ({"style": "$"}, r"\d{4}-\S+ \S+ INFO \[turn-1\] host: hello"),
        ({"datefmt": "%H"}, r"\d\d INFO \[turn-1\] host: hello"),
        ({"fmt": "%(request_id)s %(trace_id)s %(message)s"}, "turn-1 [0-9a-f]{32} hello"),
        ({"fmt": "{span_id} {message}", "style": "{"}, "[0-9a-f]{16} hello"),
    ],
)
def test_the_formatter_needs_neither_init_nor_filter(arguments, form, captured: Capture):
    with tracekit.request("turn", request_id="turn-1"):
        line = LogFormatter(**arguments).format(record())

    assert re.fullmatch(form, line)


def test_the_formatter_can_be_named_in_a_configuration(capsys):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"ids": {"()": "tracekit.LogFormatter", "fmt": "<%(request_id)s>"}},
            "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "ids"}},
            "loggers": {"configured": {"handlers": ["out"], "level": "INFO"}},
        }
    )
    logging.getLogger("configured").info("hello")

    assert capsys.readouterr().err == "<->\n"


def test_structlog_lines_have_what_is_known(captured: Capture):
    logger = structlog.wrap_logger(
        structlog.testing.CapturingLogger(),
        processors=[structlog_processor, structlog.processors.KeyValueRenderer()],
    )
    logger.info("idle")
    with tracekit.request("turn", request_id="turn-1"):
        logger.info("thinking", trace_id="theirs")
    idle, thinking = (call.args[0] for call in logger._logger.calls)

    span_id = captured.named("turn").context.span_id
    assert idle == "event='idle'"
    assert thinking == (
        f"trace_id='theirs' event='thinking' request_id='turn-1' span_id='{span_id:016x}'"
    )


@pytest.mark.parametrize("form", [lambda error: error, lambda error: (type(error), error, None)])
def test_structlog_reads_the_ids_off_an_exception(form):
    error = ValueError()
    error._tracekit_ids = {"request_id": "broken-1"}

    said = structlog_processor(None, "error", {"event": "broken", "exc_info": form(error)})

    assert said["request_id"] == "broken-1"


def test_structlog_reads_them_off_the_exception_that_is_being_handled():
    try:
        with tracekit.request("job", request_id="broken-1"):
            raise LookupError
    except LookupError:
        said = structlog_processor(None, "error", {"event": "broken", "exc_info": True})

    assert said["request_id"] == "broken-1"


def test_structlog_gets_its_event_back_whatever_it_is():
    odd = []
    with tracekit.request("turn"):
        assert structlog_processor(None, "info", odd) is odd
