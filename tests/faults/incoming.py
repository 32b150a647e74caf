"""A request as a fault server reads it."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple


class Request(NamedTuple):
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    raw: list[str]
    """The headers' names as they were spelled, each as often as it came."""


def read_request(incoming: BinaryIO) -> Request | None:
    """Return the next request of a connection, its body read and dropped; None at the end."""
    line = incoming.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    raw: list[str] = []
    while (line := incoming.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        raw.append(name)
        headers[name.strip().lower()] = value.strip()
    incoming.read(int(headers.get("content-length", "0")))
    return Request(method, path, headers, raw)
