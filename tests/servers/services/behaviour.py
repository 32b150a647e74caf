"""What the services of every framework do alike: stream as asked, fail, work on afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl

import tracekit

WORK = 0.1
"""Seconds that the background work takes."""


class Plan(NamedTuple):
    """A stream: *pause* seconds before each chunk, *stall* more before the last one."""

    chunks: int = 1
    size: int = 10
    pause: float = 0.0
    stall: float = 0.0

    def delays(self) -> list[float]:
        return [self.pause] * (self.chunks - 1) + [self.pause + self.stall]


def planned(query: str | bytes) -> Plan:
    given = query.decode() if isinstance(query, bytes) else query
    kinds = {name: type(default) for name, default in Plan._field_defaults.items()}
    return Plan(**{name: kinds[name](value) for name, value in parse_qsl(given)})


def pieces(plan: Plan) -> Iterator[bytes]:
    for delay in plan.delays():
        time.sleep(delay)
        yield b"x" * plan.size


async def pieces_async(plan: Plan) -> AsyncIterator[bytes]:
    for delay in plan.delays():
        await asyncio.sleep(delay)
        yield b"x" * plan.size


def fail() -> None:
    raise RuntimeError("no such luck")


def work_on() -> None:
    """Work after the response, in a stage that must belong to its request."""
    with tracekit.stage("afterwards"):
        time.sleep(WORK)


async def work_on_async() -> None:
    with tracekit.stage("afterwards"):
        await asyncio.sleep(WORK)
