"""Every server with every framework in every scenario, as real processes.

The machine's noise only ever adds time, and a wrong middleware is wrong each time: a scenario is
run up to three times, and passes when one run satisfies every bound.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from servers.cannot import reason
from servers.cell import Cell, running
from servers.hosts import HOSTS
from servers.scenarios import SCENARIOS

RUNS = 3


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Start each server when it is asked for first."""
    started = {}
    with ExitStack() as stack:

        def get(host):
            if host.name not in started:
                home = tmp_path_factory.mktemp(host.name)
                started[host.name] = stack.enter_context(running(host, home))
            return started[host.name]

        yield get


CELLS = [(host, framework) for host in HOSTS for framework in host.frameworks]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("host", "framework"), CELLS, ids=[f"{host.name}-{framework}" for host, framework in CELLS]
)
def test_a_server_shows_what_happened(hosts, host, framework, scenario):
    can = reason(scenario.name, host.name, framework) is None
    work = scenario.run if can else scenario.otherwise
    assert work is not None, "what happens instead?"
    cell = Cell(hosts(host), framework)
    for run in range(1, RUNS + 1):
        try:
            work(cell)
        except AssertionError:
            if run == RUNS:
                raise
        else:
            return
