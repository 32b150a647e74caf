"""Who made the spans: the service, this process, and the clock it runs on."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracekit import attributes
from tracekit.settings import DEFAULT_SERVICE, Settings

# The kernel's boot id comes first: containers of one image share a machine id without sharing a
# clock, and containers on one kernel share the clock without sharing a machine id.
_HOST_FILES = ("/proc/sys/kernel/random/boot_id", "/etc/machine-id", "/var/lib/dbus/machine-id")


@functools.cache
def host_id() -> str | None:
    """Return an id that processes share exactly if they share a clock; None where unreadable.

    It is a digest, because machine ids are not to leave the machine (machine-id(5)).
    """
    for file in _HOST_FILES:
        try:
            text = Path(file).read_text("ascii").strip()
        except (OSError, ValueError):
            continue
        if text:
            return hashlib.sha256(f"tracekit:{text}".encode()).hexdigest()[:32]
    return None


@functools.lru_cache(maxsize=1)
def _instance_id(pid: int) -> str:
    # Keyed by the process: a forked child is another instance.
    return f"{uuid.uuid4()}"


def chosen(settings: Settings) -> dict[str, str]:
    """Return what the settings name; it wins over a joined provider's resource."""
    names = {
        attributes.SERVICE_NAME: settings.service,
        attributes.SERVICE_VERSION: settings.version,
        attributes.LABEL: settings.label,
    }
    return {name: value for name, value in names.items() if value}


def describe(theirs: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the attributes that a batch made now, in this process, carries on its resource.

    *theirs* are the provider's; what the settings name wins over them, and the process id is always
    this process's, so that a forked child does not speak in its parent's name.
    """
    host = {attributes.HOST_NAME: platform.node(), attributes.HOST_ID: host_id()}
    pid = os.getpid()
    return {
        attributes.SERVICE_NAME: DEFAULT_SERVICE,
        attributes.SERVICE_INSTANCE_ID: _instance_id(pid),
        **{name: value for name, value in host.items() if value},
        **theirs,
        **chosen(settings),
        attributes.PROCESS_PID: pid,
    }
