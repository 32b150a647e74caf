from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracekit

PACKAGE = Path(tracekit.__file__).parent
HEAVY = {
    "aiohttp",
    "asyncio",
    "duckdb",
    "fastapi",
    "flask",
    "httpcore",
    "httpx",
    "httpx2",
    "multiprocessing",
    "numpy",
    "opentelemetry.instrumentation",
    "opentelemetry.sdk",
    "pandas",
    "pyarrow",
    "requests",
    "rich",
    "scipy",
    "starlette",
    "urllib3",
    "uvicorn",
    "wrapt",
}


def loaded_by(code: str, **environ: str) -> set[str]:
    printed = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )
    return set(printed.stdout.split())


def test_importing_tracekit_stays_within_its_budget() -> None:
    before = loaded_by("import opentelemetry.trace, opentelemetry.propagate, platformdirs")
    assert (loaded_by("import tracekit") - before) & HEAVY == set()


def test_starting_tracekit_imports_no_client_library_for_a_service_without_clients(
    tmp_path: Path,
) -> None:
    code = "import tracekit; tracekit.init('s', clients=False)"
    loaded = loaded_by(code, TRACEKIT_HOME=str(tmp_path))
    assert loaded & {"httpx", "httpx2", "requests", "starlette", "rich", "duckdb"} == set()


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: f.name)
def test_the_service_side_never_imports_the_analyzer(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert "analyzer" not in imported


def test_the_face_is_sorted_complete_and_documented() -> None:
    assert tracekit.__all__ == sorted(tracekit.__all__)
    for name in tracekit.__all__:
        assert getattr(tracekit, name).__doc__
