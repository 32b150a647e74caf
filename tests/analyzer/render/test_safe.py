from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from analyzer.render.cells import fit, shorten
from analyzer.render.safe import printable, survive_narrow_encoding


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\tc", r"a\nb\tc"),
        ("a\u202egnp.exe", r"a\u202egnp.exe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\ud800", r"\ud800"),
        ("\x9b2J", r"\x9b2J"),
        ("\u0301lone mark", r"\u0301lone mark"),
        ("❤\ufe0f", r"❤\ufe0f"),
        ("[red]markup[/red]", "[red]markup[/red]"),
        ("hören 漢字 ภาษา", "hören 漢字 ภาษา"),
    ],
)
def test_only_plainly_visible_characters_stay_as_they_are(name, text):
    assert printable(name) == text


def test_marks_cannot_pile_up_on_a_letter():
    assert printable("x" + "\u0323" * 40).count("\u0323") == 2


def test_a_megabyte_of_name_is_cut():
    assert len(printable("x" * 1_000_000)) < 3_000


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_any_text_takes_exactly_the_columns_it_is_given(text, width):
    fitted = fit(text, width)
    assert cell_len(fitted) == width
    assert fitted.isprintable()
    assert cell_len(shorten(text, width)) <= width


@given(st.text())
def test_what_is_printable_stays_so(text):
    assert printable(text).isprintable()


def test_an_ascii_stream_gets_bars_and_arrows_one_column_for_one():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    survive_narrow_encoding(stream)
    text = "stt → tts ███▏ 312 µs … 漢"
    stream.write(text)
    stream.flush()
    assert raw.getvalue() == b"stt > tts ###| 312 us ~ ??"
    assert len(raw.getvalue()) == cell_len(text)


def test_error_messages_are_safe_without_the_analyzer_extra():
    program = (
        "import sys; sys.modules['rich'] = None\n"
        "from analyzer.render.safe import print_error\n"
        "print_error('no label \"\\x1b]0;owned\\x07\\nsecond\"')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stderr == b'tracekit: no label "\\x1b]0;owned\\x07\\nsecond"\n'
