"""A part of a link that is marked takes all of it along."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sentinel.tagger.links import links_in, whole_link

TEXT = "See (https://a.example/p?q=1). Or www.b.example, or c.example/x; HTTP://D.example:80/y"


def grown(text: str, part: str) -> str:
    start = text.index(part)
    first, last = whole_link(links_in(text), start, start + len(part))
    return text[first:last]


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("a.example", "https://a.example/p?q=1"),
        ("q=1", "https://a.example/p?q=1"),
        ("(https", "(https://a.example/p?q=1"),
        ("b.example", "www.b.example"),
        ("D.example", "HTTP://D.example:80/y"),
        ("c.example/x", "c.example/x"),
        ("See", "See"),
        ("Or", "Or"),
    ],
)
def test_a_part_grows_to_the_whole_and_a_word_beside_it_does_not(part: str, whole: str) -> None:
    assert grown(TEXT, part) == whole


def test_a_text_without_links_grows_nothing() -> None:
    assert links_in("no link here: //x") == []
    assert whole_link([], 3, 5) == (3, 5)


@given(st.text(alphabet="ht:/ps.w ()x\n", max_size=60), st.integers(0, 59), st.integers(1, 20))
def test_nothing_that_was_marked_is_lost(text: str, start: int, length: int) -> None:
    end = min(start + length, len(text))
    if start < end:
        first, last = whole_link(links_in(text), start, end)
        assert first <= start
        assert end <= last <= len(text)
