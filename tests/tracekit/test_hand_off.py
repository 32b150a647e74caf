"""A job that another worker does later is part of the request that asked for it."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading

import pytest

import tracekit
from tracekit.logs import stamp
from tracekit.testing import Capture

WORKER = """
import json, sys
import tracekit
from tracekit.testing import capture

with capture() as captured:
    for line in sys.stdin:
        message = json.loads(line)
        with tracekit.request("job", context=tracekit.extract(message["headers"])) as job:
            with tracekit.stage("work"):
                pass
        spans = {span.name: span for span in captured.spans}
        print(json.dumps({
            "request": job.request_id,
            "trace": format(spans["job"].context.trace_id, "032x"),
            "parent": format(spans["job"].parent.span_id, "016x"),
            "kind": spans["job"].kind.name,
            "number": message["number"],
        }))
"""


def send(put, number):
    """Ask for a job, as a task queue's client does: the headers go with the message."""
    headers: dict[str, str] = {}
    with tracekit.stage(f"publish {number}"):
        tracekit.inject(headers)
    put({"number": number, "headers": headers})


def test_a_worker_thread_does_each_job_in_the_request_that_sent_it(captured: Capture):
    jobs: queue.Queue = queue.Queue()
    done = []

    def work():
        while (message := jobs.get()) is not None:
            context = tracekit.extract(message["headers"])
            with tracekit.request("job", context=context):
                done.append((message["number"], tracekit.current_request_id()))
            done.append(tracekit.current_request_id())

    worker = threading.Thread(target=work)
    worker.start()
    for number in range(3):
        with tracekit.request("turn", request_id=f"turn-{number}"):
            send(jobs.put, number)
    jobs.put(None)
    worker.join(10)

    assert done == [(0, "turn-0"), None, (1, "turn-1"), None, (2, "turn-2"), None]
    sent = [captured.named(f"publish {number}") for number in range(3)]
    did = [span for span in captured.spans if span.name == "job"]
    assert [span.parent.span_id for span in did] == [span.context.span_id for span in sent]
    assert [span.context.trace_id for span in did] == [span.context.trace_id for span in sent]


def test_a_worker_process_does_so_too(captured: Capture):
    lines = []
    with tracekit.request("turn", request_id="turn-1"):
        send(lambda message: lines.append(json.dumps(message)), 7)
    result = subprocess.run(
        [sys.executable, "-c", WORKER],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
    )
    done = json.loads(result.stdout)

    own = captured.named("publish 7").context
    assert done == {
        "request": "turn-1",
        "trace": f"{own.trace_id:032x}",
        "parent": f"{own.span_id:016x}",
        "kind": "CONSUMER",
        "number": 7,
    }


def test_the_worker_that_logs_a_failed_job_later_says_whose_it_was():
    with pytest.raises(LookupError) as raised, tracekit.request("job", request_id="turn-1"):
        raise LookupError("no such thing")

    record = logging.makeLogRecord({"exc_info": (LookupError, raised.value, None)})
    stamp(record)

    assert record.request_id == "turn-1"
