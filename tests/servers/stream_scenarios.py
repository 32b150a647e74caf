"""Responses that take their time: streams, clients that leave, work afterwards, many at once."""

from __future__ import annotations

import asyncio
import time

import httpx
from servers.cell import Cell, new_id, server_spans
from servers.scenario import scenario
from servers.services.behaviour import WORK, Plan
from servers.spans import ERROR, Span

from tracekit import attributes as names

_SECOND = 1_000_000_000
_LONG = Plan(chunks=60, size=20_000, pause=0.005)
_TIMER = 0.95
"""What a sleep may be short by, by another clock."""


def _stream(plan: Plan) -> str:
    return "/stream?" + "&".join(f"{name}={value}" for name, value in plan._asdict().items())


@scenario("streamed")
def streamed(cell):
    plan = Plan(chunks=6, size=1000, pause=0.01, stall=0.15)
    began = time.monotonic()
    response, span = cell.get(_stream(plan))
    elapsed = (time.monotonic() - began) * _SECOND

    assert len(response.content) == span[names.BODY_BYTES] == 6000
    assert span[names.BODY_CHUNKS] == 6
    assert span[names.BODY_FIRST_CHUNK] >= plan.pause * _SECOND * _TIMER
    assert 0 < span[names.FIRST_BYTE] <= span[names.BODY_FIRST_CHUNK]
    assert span[names.BODY_GAP_P50] >= plan.pause * _SECOND * _TIMER
    assert span[names.BODY_LARGEST_GAP] >= plan.stall * _SECOND * _TIMER
    assert span[names.BODY_STALLS] == 1
    assert plan.stall * _SECOND * _TIMER <= span[names.BODY_STALL_TIME] <= span.duration
    assert span[names.ENDED] == "complete"
    assert sum(plan.delays()) * _SECOND * _TIMER <= span.duration <= elapsed
    if not cell.host.is_http2:
        _assert_complete_though_the_server_closes(cell)


def _assert_complete_though_the_server_closes(cell: Cell) -> None:
    response, span = cell.get(_stream(Plan(chunks=3)), Connection="close")

    assert len(response.content) == span[names.BODY_BYTES] == 30
    assert span[names.ENDED] == "complete"


@scenario("disconnect")
def disconnect(cell):
    span = cell.span(_leave(cell))

    assert span[names.ENDED] == "client_left"
    assert span.status != ERROR
    assert names.ERROR_TYPE not in span.attributes
    assert span.events == ()
    assert span[names.HTTP_STATUS] == 200
    assert _LONG.size <= span[names.BODY_BYTES] <= _LONG.size * _LONG.chunks


@disconnect.instead
def disconnect_unnoticed(cell):
    left = _leave(cell)
    if cell.host.is_http2:
        cell.get("/items/7")
        assert not server_spans(cell.running.spool.of(left))
        return
    span = cell.span(left)

    assert span[names.ENDED] == "complete"
    assert span[names.BODY_BYTES] == _LONG.size * _LONG.chunks


def _leave(cell: Cell) -> str:
    left = new_id()
    with (
        cell.running.client() as client,
        client.stream("GET", _stream(_LONG), headers=cell.headers(left)) as response,
    ):
        next(response.iter_raw())
    return left


@scenario("background work")
def background_work(cell):
    asked = new_id()
    with cell.running.client() as client:
        client.get("/background", headers=cell.headers(asked))
    found = cell.spans(asked, lambda spans: {"background", "afterwards"} <= {s.name for s in spans})
    span, background = found[0], _only(found, "background")

    assert span.duration < WORK * _SECOND
    assert span[names.ENDED] == "complete"
    assert background[names.BACKGROUND] is True
    assert (background.parent, background.trace) == (span.id, span.trace)
    assert background.start == span.end
    assert background.duration >= WORK * _SECOND * _TIMER
    assert _only(found, "afterwards").trace == span.trace


def _only(spans: list[Span], name: str) -> Span:
    (found,) = (span for span in spans if span.name == name)
    return found


@scenario("overlapping")
def overlapping(cell):
    plans = {
        new_id(): Plan(chunks=number % 5 + 2, size=100 + 37 * number, pause=0.02)
        for number in range(50)
    }
    spans = _all_at_once(cell, plans)

    assert _most_at_once(spans) >= min(cell.host.at_once, 20)


@overlapping.instead
def one_after_the_other(cell):
    plans = {
        new_id(): Plan(chunks=number % 3 + 1, size=100 + 37 * number, pause=0.002)
        for number in range(20)
    }
    spans = _all_at_once(cell, plans)

    assert _most_at_once(spans) == 1


def _all_at_once(cell: Cell, plans: dict[str, Plan]) -> list[Span]:
    sizes = asyncio.run(_ask(cell, plans))
    spans = [cell.span(one) for one in plans]
    assert len({span.trace for span in spans}) == len(plans)
    for span, (one, plan) in zip(spans, plans.items(), strict=True):
        assert sizes[one] == span[names.BODY_BYTES] == plan.chunks * plan.size
        assert span[names.BODY_CHUNKS] == plan.chunks
        assert span[names.ENDED] == "complete"
    return spans


async def _ask(cell: Cell, plans: dict[str, Plan]) -> dict[str, int]:
    async def size(client: httpx.AsyncClient, one: str) -> int:
        response = await client.get(_stream(plans[one]), headers=cell.headers(one))
        assert response.headers["x-request-id"] == one
        return len(response.content)

    async with cell.running.async_client() as client:
        sizes = await asyncio.gather(*(size(client, one) for one in plans))
    return dict(zip(plans, sizes, strict=True))


def _most_at_once(spans: list[Span]) -> int:
    return max(sum(one.start <= span.start < one.end for one in spans) for span in spans)


SCENARIOS = (streamed, disconnect_unnoticed, background_work, one_after_the_other)
