"""Everything tracekit raises on purpose, all of it at start.

::

    TracekitError
    └── ConfigurationError    a setting that cannot work; the message says what to change

After ``init`` has returned, nothing of tracekit raises into its host: faults go to ``guard``.
"""

from __future__ import annotations


class TracekitError(Exception):
    """Base of the errors that tracekit raises."""


class ConfigurationError(TracekitError):
    """A setting that cannot work; raised by ``init`` with words that say what to change.

    No message shows what may be a secret.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        """Say *what* is wrong, and what to do about it where that is a thing of its own."""
        super().__init__(what, mend)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}: {self.mend}" if self.mend else self.what
