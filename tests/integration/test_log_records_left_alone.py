"""What tracekit says in a host's log records, and when it is to say nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import clean_environment

RUN = (sys.executable, "-m", "analyzer.cli", "run", "--")
HEAD = """
import atexit, logging, tracekit
atexit.register(lambda: logging.info("bye"))
logging.basicConfig(format="[%(request_id)s] %(message)s", level="INFO")
"""
TELLING = """
import logging, requests
records = []
class Kept(logging.Handler):
    def emit(self, record): records.append(hasattr(record, "request_id"))
logging.getLogger().addHandler(Kept())
"""
LOG = """
import tracekit
logging.warning("outside")
with tracekit.request("r", request_id="known"):
    logging.warning("inside")
"""


def run(command: tuple[str, ...], home: Path, **extra: str) -> tuple[str, str]:
    done = subprocess.run(
        command, env=clean_environment(home, **extra), capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("disabled", ["true", "false"])
def test_formats_that_name_the_ids_work_disabled_and_until_the_very_end(
    disabled: str, tmp_path: Path
) -> None:
    code = HEAD + "tracekit.init('s')\nlogging.info('hello')\n"

    _, said = run((sys.executable, "-c", code), tmp_path, OTEL_SDK_DISABLED=disabled)

    assert said == "[-] hello\n[-] bye\n"


@pytest.mark.parametrize("disabled", ["true", "false"])
def test_a_shutdown_by_hand_leaves_records_alone(disabled: str, tmp_path: Path) -> None:
    code = "import logging, tracekit; own = logging.Logger.handle; tracekit.init('s')\n"
    code += "assert logging.Logger.handle is not own; tracekit.shutdown()\n"
    code += "assert logging.Logger.handle is own"

    run((sys.executable, "-c", code), tmp_path, OTEL_SDK_DISABLED=disabled)


@pytest.mark.parametrize(("begin", "told"), [("", [False, True]), ("init", [True, True])])
def test_records_of_a_host_that_has_not_asked_say_only_what_is_known(
    begin: str, told: list[bool], tmp_path: Path
) -> None:
    init = "import tracekit; tracekit.init('s')" if begin else ""
    code = TELLING + init + LOG + "print(records)"

    out, _ = run((*RUN, sys.executable, "-c", code), tmp_path)

    assert out == f"{told}\n"
