from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracekit.redaction import redacted


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("url.full", "https://user:pw@shop.example/a?token=x#y", "https://shop.example/a"),
        ("http.url", "http://shop.example:80/a?b=http://c@d", "http://shop.example:80/a"),
        ("http.url", "http://user:p@ss@shop.example/a", "http://shop.example/a"),
        ("http.target", "/a?token=x", "/a"),
        ("url.full", "http://shop.example/@handle", "http://shop.example/@handle"),
        ("url.path", "/what?", "/what?"),
    ],
)
def test_urls_lose_their_query_and_credentials(name: str, value: str, kept: str) -> None:
    assert redacted({name: value, "other": 1}) == {name: kept, "other": 1}


def test_the_query_itself_is_left_out() -> None:
    assert redacted({"url.query": "token=x", "url.path": "/a"}) == {"url.path": "/a"}


def test_what_holds_none_of_them_is_not_copied() -> None:
    attributes = {"http.route": "/a"}

    assert redacted(attributes) is attributes


@given(st.text(), st.text())
def test_nothing_after_the_question_mark_is_left(path: str, query: str) -> None:
    shown = redacted({"url.full": f"http://h/{path}?{query}"})["url.full"]

    assert "?" not in shown
    assert "#" not in shown
