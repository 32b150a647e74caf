from __future__ import annotations

from hypothesis import settings

# Properties are about results. How long one example takes is a matter of the machine.
settings.register_profile("tracekit", deadline=None)
settings.load_profile("tracekit")
