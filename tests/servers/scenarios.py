"""Every scenario, in the order of the table's columns."""

from __future__ import annotations

from servers import plain_scenarios, stream_scenarios, websocket_scenarios

SCENARIOS = (
    *plain_scenarios.SCENARIOS,
    *stream_scenarios.SCENARIOS,
    *websocket_scenarios.SCENARIOS,
)
