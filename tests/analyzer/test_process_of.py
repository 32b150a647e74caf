from __future__ import annotations

import pytest
from trace_building import call

from analyzer.process import process_of
from analyzer.requests import reuse_history
from analyzer.store import open_store
from tracekit import attributes as a

RESOURCES = [
    {a.SERVICE_INSTANCE_ID: "first", a.HOST_ID: "box", a.PROCESS_PID: 7},
    {a.SERVICE_INSTANCE_ID: "first"},
    {a.SERVICE_INSTANCE_ID: "", a.HOST_ID: "box", a.PROCESS_PID: 7},
    {a.HOST_IP: ["10.0.0.1", "::1"], a.HOST_NAME: "box", a.PROCESS_PID: 7},
    {a.HOST_NAME: "box", a.PROCESS_PID: "7"},
    {a.HOST_NAME: "box"},
    {a.PROCESS_PID: 7},
    {},
]


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_process_has_the_name_under_which_the_store_remembers_it(resource, tmp_path):
    made = call(0, 10, None, resource=resource, attributes={a.CONNECTION_STATE: "new"})
    with open_store(tmp_path / "traces.duckdb", create=True) as store:
        store.insert([made])
        (remembered,) = reuse_history(store, "api", "back:80").processes

    assert process_of(made).name == remembered.instance


def test_processes_without_a_name_still_differ_by_what_is_known():
    one, other = ({a.HOST_NAME: name} for name in ("one", "other"))

    assert process_of(call(0, 1, None, resource=one)) != process_of(
        call(0, 1, None, resource=other)
    )
