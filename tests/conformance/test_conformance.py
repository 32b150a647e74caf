"""Every client in every scenario: the phase that was slow is the phase that says so.

The machine's own noise only ever adds time, and a wrong adapter is wrong each time. So a scenario
is run up to five times, and passes when one run satisfies every bound. Between runs there is time
for a burst of noise to pass.
"""

from __future__ import annotations

import asyncio
import gc
import time

import lateness
import pytest
from conformance.caller import AsyncCaller
from conformance.callers import CALLERS
from conformance.cannot import reason
from conformance.scenarios import SCENARIOS
from conformance.stage import Stage

RUNS = 5
PAUSE = 0.1


@pytest.fixture(autouse=True, scope="module")
def no_old_garbage():
    """What the other tests have left is not collected in the middle of a call."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def satisfied(scenario, kind, new_loop=asyncio.new_event_loop):
    can = reason(scenario.name, kind.name) is None
    work = scenario.run if can else scenario.otherwise
    assert work is not None, "what happens instead?"
    for run in range(1, RUNS + 1):
        try:
            with lateness.watched(), Stage(kind, new_loop) as stage:
                work(stage)
        except AssertionError:
            if run == RUNS:
                raise
            time.sleep(run * PAUSE)
        else:
            return


@pytest.mark.parametrize("kind", CALLERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_a_client_shows_what_happened(scenario, kind):
    satisfied(scenario, kind)


@pytest.mark.parametrize(
    "kind", [one for one in CALLERS if issubclass(one, AsyncCaller)], ids=lambda kind: kind.name
)
@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if one.connects], ids=lambda one: one.name
)
def test_uvloop_shows_how_a_connection_was_opened(scenario, kind):
    uvloop = pytest.importorskip("uvloop")
    satisfied(scenario, kind, uvloop.new_event_loop)
