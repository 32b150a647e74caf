"""Reports made by hand: what the voice assistant's story looks like once it is analysed."""

from __future__ import annotations

from dataclasses import replace

from analyzer.facts import (
    AddressFacts,
    BodyFacts,
    CallFacts,
    ClientFacts,
    ConnectionFacts,
    PhaseFacts,
    StallFacts,
)
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
from analyzer.service import (
    ExceptionFacts,
    FailedStage,
    PeerFacts,
    RequestBodyFacts,
    ServiceFacts,
    WebSocketFacts,
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

NEW_CALL = CallFacts(
    span_id="00000000000000cc",
    client="stt",
    server="preprocessor",
    start_ns=6 * MS,
    ns=4_590 * MS,
    on_path=True,
    method="POST",
    path="/process",
    status=200,
    phases=(
        PhaseFacts("pool", 6 * MS, 12_000),
        PhaseFacts("dns", 6_100_000, 25_200),
        PhaseFacts("connect", 7 * MS, 2_000_300_000),
        PhaseFacts("wait", 2_008 * MS, 2_588_662_800),
    ),
    unexplained_ns=MS,
    attempts=(
        AddressFacts("::1", 7 * MS, 2_000 * MS, "timeout"),
        AddressFacts("127.0.0.1", 2_007 * MS, 300_000, "ok"),
    ),
    called_at="/srv/stt/app.py:41 in forward()",
    connection=ConnectionFacts(
        state="new", protocol="1.1", local="127.0.0.1:40112", peer="127.0.0.1:26033", rtt_ns=41_000
    ),
    client_object=ClientFacts(
        library="urllib3", made_at="/srv/stt/app.py:7", age_ns=60_000 * MS, calls_before=12
    ),
    derived=frozenset({"unexplained_ns", "error_phase", "redirect"}),
)
CALLS = (
    NEW_CALL,
    replace(
        NEW_CALL,
        span_id="00000000000000cd",
        attempts=(),
        called_at=None,
        connection=ConnectionFacts(
            state="reused", use=5, idle_ns=1_200 * MS, age_ns=60_000 * MS, retransmits=2
        ),
        inferred=frozenset({"connection.state"}),
    ),
    replace(
        NEW_CALL,
        span_id="00000000000000ce",
        client="preprocessor",
        server="tts",
        path="/speak",
        error="ProtocolError",
        error_phase="receive",
        attempts=(),
        body=BodyFacts(
            ended="broken off",
            bytes=48_200,
            chunks=40,
            unit="chunks",
            headers_ns=120 * MS,
            first_chunk_ns=230 * MS,
            gap_p50_ns=20 * MS,
            gap_p95_ns=41 * MS,
            largest_gap_ns=800 * MS,
            stalls=2,
            stalled_ns=1_300 * MS,
            stalls_at=(StallFacts(1_006 * MS, 800 * MS), StallFacts(2_006 * MS, 500 * MS)),
            held_ns=2_300_000,
        ),
    ),
)

SERVICES = (
    ServiceFacts(
        span_id="00000000000000aa",
        service="stt",
        name="POST /hear",
        start_ns=0,
        ns=TOTAL,
        on_path=True,
        status=200,
        ended="client left",
        queued_ns=208 * MS,
        queue_source="x-request-start",
        request_body=RequestBodyFacts(first_ns=MS, ns=90 * MS, waited_ns=80 * MS, bytes=1_200_000),
        response_body=BodyFacts(
            bytes=48_200,
            chunks=40,
            unit="chunks",
            headers_ns=120 * MS,
            first_chunk_ns=230 * MS,
            gap_p50_ns=20 * MS,
            gap_p95_ns=41 * MS,
            largest_gap_ns=800 * MS,
            stalls=1,
            stalled_ns=800 * MS,
            stalls_at=(StallFacts(1_000 * MS, 800 * MS),),
            held_ns=61 * MS,
        ),
        background_ns=300 * MS,
        background_error="ValueError",
        background_exception=ExceptionFacts(
            "ValueError", "bad", "/srv/stt/stt/after.py:9 in save()"
        ),
        failed_stages=(
            FailedStage(
                "00000000000000ad",
                "load",
                ExceptionFacts("TimeoutError", "no model", "/srv/stt/stt/model.py:33 in load()"),
            ),
        ),
        loop_lag_ns=120 * MS,
        largest_lag_ns=110 * MS,
        gc_ns=70 * MS,
        peer=PeerFacts("reused", 3, "1.1", "10.0.0.7"),
        derived=frozenset({"queued_ns"}),
        inferred=frozenset({"peer.state", "peer.use"}),
    ),
    ServiceFacts(
        span_id="00000000000000ab",
        service="preprocessor",
        name="POST /process",
        start_ns=2_010 * MS,
        ns=1_310 * MS,
        on_path=True,
        status=200,
        ended="complete",
        response_body=BodyFacts(bytes=12, chunks=1, headers_ns=1_300 * MS),
        loop_lag_ns=6 * MS,
        gc_ns=MS,
        peer=PeerFacts("new", 1, "1.1", "10.0.0.8"),
        inferred=frozenset({"peer.state", "peer.use"}),
    ),
    ServiceFacts(
        span_id="00000000000000ac",
        service="tts",
        name="WEBSOCKET /talk",
        start_ns=3_800 * MS,
        ns=790 * MS,
        on_path=False,
        ended="complete",
        websocket=WebSocketFacts(12, 1, 2_400, 96_000, 1000),
    ),
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
    calls=CALLS,
    service_facts=SERVICES,
    queued_before_ns=208 * MS,
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
    calls=(),
    service_facts=(),
    queued_before_ns=0,
)
