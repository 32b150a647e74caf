"""Whoever holds an event loop is accused of it, and not those whom it held up meanwhile."""

from __future__ import annotations

import threading

import pytest
from processes import analyze, clean_environment, free_port, post, service

INNOCENT = ("call", "stage", "plain", "await")
HELD_NS = 150_000_000


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    port, env = free_port(), clean_environment(tmp_path_factory.mktemp("home"))
    command = ["uvicorn", "--log-level", "warning", "--loop", "asyncio"]

    def ask(path, request):
        assert post(port, f"/{path}", headers={"X-Request-ID": request}).status == 200

    with service([*command, "--port", str(port), "holding:app"], port, env):
        for path in INNOCENT:
            waiting = threading.Thread(target=ask, args=(path, path))
            waiting.start()
            ask("entered", f"{path}-entered")
            ask("culprit", f"{path}-culprit")
            waiting.join()
            ask("again", f"{path}-again")
        ask("lone", "lone")

    def of(request):
        report = analyze(request, env=env, wait=0)
        (finding,) = [one for one in report["findings"] if one["rule"] == "loop-blocked"]
        return finding

    return of


@pytest.mark.parametrize("request_id", INNOCENT)
def test_who_was_held_up_is_not_accused(findings, request_id):
    finding = findings(request_id)

    assert finding["cost_ns"] > HELD_NS
    assert finding["at_most"]
    assert finding["where"] is None
    assert finding["evidence"][1].startswith("Likely the code of another request in the same")
    assert finding["fix"][0].endswith("tracekit list --service holding")
    assert "thinking" not in " ".join((*finding["evidence"], *finding["fix"]))


@pytest.mark.parametrize("beside", INNOCENT)
def test_the_culprit_is_accused_beside_those_whom_it_held_up(findings, beside):
    finding = findings(f"{beside}-culprit")

    assert finding["cost_ns"] > HELD_NS
    assert finding["evidence"][1].startswith("Likely: the code of POST /culprit in no stage took")
    assert finding["fix"][0].startswith("await asyncio.to_thread")


def test_a_call_that_blocks_is_named_with_its_line(findings):
    finding = findings("lone")

    assert finding["where"].endswith(" in lone()")
    assert "holding.py:" in finding["where"]
    assert "and urllib3 blocks its thread" in finding["evidence"][1]
    assert finding["fix"][0].startswith("client = httpx.AsyncClient()")
