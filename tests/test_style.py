"""The tree passes its own linters, so that one command checks everything."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import CHECKOUT


@pytest.mark.parametrize(
    "tool", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)], ids=" ".join
)
def test_the_tree_is_clean(tool):
    result = subprocess.run(
        [sys.executable, "-m", *tool], cwd=CHECKOUT, capture_output=True, text=True, timeout=240
    )

    assert result.returncode == 0, result.stdout + result.stderr
