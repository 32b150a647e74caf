from __future__ import annotations

from collections.abc import Iterator

import pytest

from tracekit.testing import Capture, capture


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture() as spans:
        yield spans
