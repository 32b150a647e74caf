from __future__ import annotations

from conformance.callers import CALLERS
from conformance.cannot import REASONS
from conformance.grid import grid
from conformance.scenarios import SCENARIOS
from processes import CHECKOUT


def test_the_readme_has_the_grid_of_the_kit():
    readme = (CHECKOUT / "README.md").read_text()
    between = readme.partition("<!-- grid -->\n\n")[2].partition("\n\n<!-- /grid -->")[0]

    assert between == grid()


def test_every_reason_is_about_a_scenario_and_clients_that_there_are():
    scenarios = {one.name for one in SCENARIOS}
    clients = {kind.name for kind in CALLERS}

    for name, kinds, why in REASONS:
        assert name in scenarios, why
        assert set(kinds) <= clients, why
