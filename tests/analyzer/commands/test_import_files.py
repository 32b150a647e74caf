from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from otlp_building import otlp_json, otlp_protobuf
from processes import clean_environment, tracekit

JAEGER = Path(__file__).parents[2] / "data" / "jaeger.json"


@pytest.fixture
def run(tmp_path):
    def command(*arguments: str):
        return tracekit(*arguments, env=clean_environment(tmp_path / "home"))

    return command


@pytest.fixture
def files(tmp_path):
    contents = {
        "lines.jsonl": otlp_json() + b"\n",
        "raw.bin": otlp_protobuf("other"),
        "packed": gzip.compress(otlp_json() + b"\n\n"),
        "bad.json": b'{"resourceSpans": [\n\n{]}',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_every_format_is_stored_and_said(run, files):
    result = run("import", *(str(files / name) for name in ("lines.jsonl", "raw.bin")), str(JAEGER))

    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        f"{files / 'lines.jsonl'}: 1 span stored",
        f"{files / 'raw.bin'}: 1 span stored",
        f"{JAEGER}: 3 spans stored",
    ]
    assert lines[3] == f"store: {files / 'home' / 'traces.duckdb'}"


def test_a_bad_file_is_named_and_the_others_are_imported(run, files):
    result = run("import", str(files / "bad.json"), str(files / "nowhere"), str(files / "packed"))

    assert result.returncode == 1
    bad, missing = result.stderr.splitlines()
    assert bad.startswith(f"tracekit: {files / 'bad.json'}: not JSON")
    assert missing == f"tracekit: {files / 'nowhere'}: No such file or directory"
    assert f"{files / 'packed'}: 1 span stored" in result.stdout


def test_a_file_imported_again_brings_nothing_new(run, files):
    run("import", str(files / "lines.jsonl"))

    result = run("import", str(files / "lines.jsonl"))

    assert "imported before, nothing new" in result.stdout
    assert result.returncode == 0


def test_names_with_escapes_are_said_harmlessly(run, files):
    traces = files / "lines\x1b[31m.jsonl"
    traces.write_bytes(otlp_json())

    result = run("import", str(traces), "--store", str(files / "red\x1b[31m.duckdb"))

    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert r"store: " in result.stdout
    assert r"red\x1b[31m.duckdb" in result.stdout


def test_an_imported_jaeger_trace_is_analysed(run):
    run("import", str(JAEGER))

    for command in (["list"], ["analyze", "latest"], ["analyze", "5fe3e4bd65a7c1d2", "--json"]):
        result = run(*command)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        assert "frontend" in result.stdout
