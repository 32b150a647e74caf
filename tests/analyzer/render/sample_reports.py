"""Reports made by hand: what the voice assistant's story looks like once it is analysed."""

from __future__ import annotations

from dataclasses import replace

from analyzer.report import (
    Edge,
    Finding,
    Milestone,
    OffPath,
    Report,
    Root,
    Section,
    Stage,
    TimelineRow,
)

MS = 1_000_000
TOTAL = 4_600 * MS

_STAGES = (
    ("stt", "connect", "connect", 2_000_300_000, "preprocessor"),
    ("tts", "synthesis", "stage", 738 * MS, None),
    ("preprocessor", "llm", "stage", 604 * MS, None),
    ("stt", "network", "network", 57_500_000, "preprocessor"),
    ("preprocessor", "retrieve", "stage", 51_100_000, None),
    ("preprocessor", "classify", "stage", 32 * MS, None),
    ("preprocessor", "connect", "connect", 12_100_000, "tts"),
    ("preprocessor", "network", "network", 6_300_000, "tts"),
    ("stt", "finalize", "stage", 6 * MS, None),
    ("preprocessor", "own time", "own", 1_089_600_000, None),
)


def _stages() -> tuple[Stage, ...]:
    stages = [
        Stage(service, stage, kind, ns, ns / TOTAL, peer)
        for service, stage, kind, ns, peer in sorted(_STAGES, key=lambda row: -row[3])
    ]
    rest = TOTAL - sum(stage.ns for stage in stages)
    return (*stages, Stage("stt", "unattributed", "unattributed", rest, rest / TOTAL))


def _row(depth: int, service: str, label: str, start_ms: float, ms: float, **more) -> TimelineRow:
    span_id = f"{len(label):016x}"
    more.setdefault("on_path", True)
    return TimelineRow(
        depth, service, label, int(start_ms * MS), int(ms * MS), span_id=span_id, **more
    )


_TIMELINE = (
    _row(0, "stt", "stt", 0, 4_600),
    _row(1, "stt", "finalize", 0, 6),
    _row(1, "stt", "POST preprocessor /process", 6, 4_590),
    _row(2, "stt", "connect ::1", 6, 2_000, phase="connect", note="timed out", error=True),
    _row(2, "stt", "connect 127.0.0.1", 2_006, 0.3, phase="connect"),
    _row(2, "preprocessor", "preprocessor", 2_010, 1_310),
    _row(3, "preprocessor", "classify", 2_012, 32),
    _row(3, "preprocessor", "retrieve", 2_044, 51.1),
    _row(3, "preprocessor", "prefetch", 2_044, 400, on_path=False),
    _row(3, "preprocessor", "llm", 2_100, 604),
    _row(1, "tts", "tts", 3_800, 790),
    _row(2, "tts", "synthesis", 3_812, 738),
)

STORY = Report(
    request_id="5961b2a5-7c1d-7000-8000-00000000000a",
    trace_id="5961b2a57c1d70008000000000000aaa",
    root=Root("stt", "POST /hear"),
    start_unix_ns=1_795_262_671_207_000_123,
    total_ns=TOTAL,
    complete=True,
    status=200,
    services=("stt", "preprocessor", "tts"),
    milestones=(Milestone("tts", "first_audio", 4_100 * MS),),
    stages=_stages(),
    edges=(
        Edge("stt", "preprocessor", 1, 1, 0, 0, 2_070 * MS, 0, 0, 2_060 * MS, 0, 0, 0, 0, 0),
        Edge("preprocessor", "tts", 1, 1, 0, 0, 18_400_000, 0, 0, 12_100_000, 0, 0, 0, 0, 0),
    ),
    critical_path=(Section("00000000000000aa", "stt", "POST /hear", 0, TOTAL),),
    spans_off_path=(OffPath("00000000000000bb", "tts", "save", 4_500 * MS, 300 * MS, "async"),),
    connection_overhead_ns=2_060 * MS,
    findings=(
        Finding(
            rule="address-in-vain",
            title='The first address of "preprocessor.local" never answers',
            cost_ns=2_000 * MS,
            share=2_000 / 4_600,
            evidence=(
                "::1 was tried first and timed out after 2.00 s; 127.0.0.1 then answered in"
                " 300 µs.",
                "Seen in 38 of 38 calls.",
            ),
            where="stt/app.py:41 in forward()",
            fix=("use 127.0.0.1 in the URL, or let preprocessor listen on ::1 as well",),
            saving_ns=2_000 * MS,
        ),
        Finding(
            rule="no-connection-reuse",
            title="A new connection for every call to preprocessor",
            cost_ns=2_060 * MS,
            share=2_060 / 4_600,
            evidence=("1 of 1 calls opened a connection.",),
            where=None,
            fix=(
                "session = requests.Session()          # once, at module level",
                "session.post(URL, json=...)           # instead of requests.post",
            ),
        ),
    ),
    warnings=("the clock of tts was shifted by +3.1 ms to fit its caller",),
    timeline=_TIMELINE,
)

QUIET = replace(
    STORY,
    total_ns=0,
    status=None,
    complete=False,
    milestones=(),
    stages=(),
    edges=(),
    critical_path=(),
    spans_off_path=(),
    connection_overhead_ns=0,
    findings=(),
    warnings=(),
    timeline=_TIMELINE[:1],
)
