"""Which collector owns a store file: it leaves a small file beside it while it runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import urllib3

TIMEOUT = 2.0
"""Seconds that a collector has to answer /healthz."""


@dataclass(frozen=True)
class Owner:
    """A running collector, and the process that it is."""

    url: str
    pid: int


def owner_file(store: Path) -> Path:
    """Return the file beside *store* that names its collector."""
    return store.with_name(store.name + ".collector")


def claim(store: Path, owner: Owner) -> None:
    """Leave the owner file, whole or not at all."""
    path = owner_file(store)
    draft = path.with_name(f"{path.name}.{owner.pid}")
    draft.write_text(json.dumps(asdict(owner)), "utf-8")
    draft.replace(path)


def release(store: Path) -> None:
    """Remove the owner file."""
    owner_file(store).unlink(missing_ok=True)


def find_owner(store: Path) -> Owner | None:
    """Return the collector that owns *store*; None when there is none, or only its file is left."""
    try:
        found = json.loads(owner_file(store).read_text("utf-8"))
        owner = Owner(str(found["url"]), int(found["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return owner if _is_alive(owner.pid) and health(owner.url).get("pid") == owner.pid else None


def health(url: str) -> dict[str, object]:
    """Return what the collector at *url* says of itself; empty when none answers there."""
    try:
        answer = urllib3.request("GET", f"{url}/healthz", timeout=TIMEOUT, retries=False)
        found = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return {}
    return found if answer.status == 200 and isinstance(found, dict) else {}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
