from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Properties are about results. How long one example takes is a matter of the machine.
settings.register_profile("tracekit", deadline=None, max_examples=50)
settings.load_profile("tracekit")

# Clients read every certificate that the system trusts, 40 ms for each client, in hundreds of tests
# and in the services that they start. Nobody here calls the world: one certificate will do.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "data" / "nobody.pem")
os.environ.pop("SSL_CERT_DIR", None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what failed the first time, even if it passed the second: it may be a race of ours."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"failed the first time: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
