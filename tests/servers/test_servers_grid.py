from __future__ import annotations

from processes import CHECKOUT
from servers.cannot import ANY, REASONS
from servers.grid import grid
from servers.hosts import HOSTS
from servers.scenarios import SCENARIOS

README = (CHECKOUT / "README.md").read_text()
SHOWN = README.partition("<!-- servers -->")[2].partition("<!-- /servers -->")[0].strip()


def test_the_readme_has_the_table_of_the_servers():
    assert grid() == SHOWN


def test_every_reason_is_about_a_scenario_a_server_and_a_framework_that_there_are():
    scenarios = {one.name for one in SCENARIOS}
    servers = {host.name: host.frameworks for host in HOSTS}
    everywhere = {framework for frameworks in servers.values() for framework in frameworks}

    for name, server, framework, why in REASONS:
        assert name in scenarios, why
        assert server == ANY or server in servers, why
        assert framework in {ANY, *servers.get(server, everywhere)}, why
