"""A request through services of which not all know tracekit is still one request."""

from __future__ import annotations

import json

import pytest
from processes import analyze, clean_environment, free_port, post, service, tracekit

UVICORN = ("uvicorn", "--log-level", "warning", "--port")


@pytest.fixture
def chain(tmp_path, request):
    """front → middle (without tracekit) → back, and the port of front."""
    front, middle, back = free_port(), free_port(), free_port()
    env = clean_environment(
        tmp_path, PASS_ON=request.param, NEXT_URL=f"http://127.0.0.1:{back}/finish"
    )
    front_env = {**env, "NEXT_URL": f"http://127.0.0.1:{middle}/hand_on"}
    with (
        service([*UVICORN, str(back), "back:app"], back, env),
        service([*UVICORN, str(middle), "middle:app"], middle, env),
        service([*UVICORN, str(front), "front:app"], front, front_env),
    ):
        yield front, env


@pytest.mark.parametrize(
    "chain", ["x-request-id", "traceparent", "x-request-id,traceparent"], indirect=True
)
def test_a_service_without_tracekit_in_the_middle_does_not_break_the_request(chain):
    port, env = chain

    reply = post(port, "/begin", headers={"X-Request-ID": "middle-man-1"})

    assert reply.status == 200
    assert reply.headers["X-Request-ID"] == "middle-man-1"
    report = analyze("middle-man-1", env=env)
    assert {stage["service"] for stage in report["stages"]} == {"front", "back"}
    assert "think" in {stage["stage"] for stage in report["stages"]}
    assert sum(stage["ns"] for stage in report["stages"]) == report["total_ns"]
    assert report["root"] == {"service": "front", "name": "POST /begin"}


@pytest.mark.parametrize("chain", [""], indirect=True)
def test_a_middle_service_that_passes_nothing_on_makes_two_requests(chain):
    port, env = chain

    reply = post(port, "/begin", headers={"X-Request-ID": "lost-in-the-middle"})

    inner = json.loads(reply.body)["request_id"]
    assert inner != "lost-in-the-middle"
    assert analyze(inner, env=env)["root"]["service"] == "back"
    assert analyze("lost-in-the-middle", env=env)["root"]["service"] == "front"


@pytest.mark.parametrize("chain", ["x-request-id"], indirect=True)
def test_a_client_that_sends_no_headers_gets_an_id_that_analyze_takes(chain):
    port, env = chain

    request_id = post(port, "/begin").headers["X-Request-ID"]

    assert analyze(request_id, env=env)["request_id"] == request_id
    listed = tracekit("list", "--json", env=env)
    assert request_id in listed.stdout


@pytest.mark.parametrize("chain", ["x-request-id"], indirect=True)
@pytest.mark.parametrize("bad", ["", "with space", "x" * 129, "semi;colon", "<script>"])
def test_a_request_id_that_tracekit_does_not_accept_is_replaced(chain, bad):
    port, _ = chain

    given = post(port, "/begin", headers={"X-Request-ID": bad}).headers["X-Request-ID"]

    assert given
    assert given != bad
