"""Every scenario, in the order of the grid."""

from __future__ import annotations

from conformance.exchange_scenarios import EXCHANGE
from conformance.failure_scenarios import FAILURES
from conformance.load_scenarios import LOAD
from conformance.opening_scenarios import OPENING
from conformance.pool_scenarios import POOLS
from conformance.scenario import Scenario
from conformance.stream_scenarios import STREAMS

SCENARIOS: tuple[Scenario, ...] = (*OPENING, *EXCHANGE, *STREAMS, *POOLS, *FAILURES, *LOAD)
