"""Records of outgoing calls as Hypothesis makes them."""

from __future__ import annotations

from hypothesis import strategies as st

from tracekit import attributes as names
from tracekit.chunks import Chunks
from tracekit.phases import Attempt, ConnectionPhases, Lookup

moments = st.integers(min_value=-50, max_value=1_000)
marks = st.dictionaries(st.sampled_from(names.PHASES), st.tuples(moments, moments))
rows = st.lists(st.tuples(moments, moments), max_size=4)


@st.composite
def records(draw):
    """Records as a broken clock, a confused library or an early error might leave them."""
    record = ConnectionPhases("urllib3", draw(st.integers(0, 100)))
    for phase, (start, end) in draw(marks).items():
        record.begin(phase, start)
        if draw(st.booleans()):
            record.end(phase, end)
    record.lookups = [Lookup("a.test", *pair) for pair in draw(rows)]
    record.attempts = [Attempt("::1", *pair, "ok") for pair in sorted(draw(rows))]
    record.state = "new"
    record.error = draw(st.sampled_from([None, "OSError"]))
    _fill_body(record, sorted(draw(st.lists(moments, max_size=4))))
    return record


def _fill_body(record, times):
    for at in times:
        if record.body is None:
            record.body = Chunks(at)
        else:
            record.body.add(at)
