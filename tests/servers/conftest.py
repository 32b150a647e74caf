"""Let the asserts of the scenarios say what they saw, as those of test modules do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("servers")
