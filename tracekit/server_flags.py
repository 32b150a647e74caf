"""Ask the object of uvicorn or Hypercorn that ``send`` belongs to whether the client has left.

Both drop what is sent to one, without a word. Private: an object without these flags says no.
"""

from __future__ import annotations

from typing import Any

from tracekit import guard


def has_left(send: Any) -> bool:
    """Tell whether the client has left; asked before the response's last message is sent."""
    try:
        owner = getattr(send, "__self__", None)
        return True in (getattr(owner, "disconnected", False), getattr(owner, "closed", False))
    except Exception as error:
        guard.fault("asgi.left", error)
        return False


def left_at_the_end(send: Any) -> bool:
    """Tell whether the client left while the server had the last message, and did not get it.

    uvicorn's flag is never set after the end. Hypercorn's is, at every end; of those that are no
    leaving, its state tells that the end had gone out before.
    """
    try:
        owner = getattr(send, "__self__", None)
        if getattr(owner, "disconnected", False) is True:
            return True
        state = getattr(getattr(owner, "state", None), "name", "CLOSED")
        return getattr(owner, "closed", False) is True and state != "CLOSED"
    except Exception as error:
        guard.fault("asgi.left", error)
        return False
