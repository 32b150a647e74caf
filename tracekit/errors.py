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
    """A setting that cannot work; raised by ``init`` with words that say what to change."""
