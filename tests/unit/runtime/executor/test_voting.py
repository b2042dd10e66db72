"""Majority over drawn answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.executor.voting import final_answer, majority


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("12 + 3 = 15\nAnswer: 15", "15"),
        ("Answer: 14\nno, wait\nanswer:  15. ", "15"),
        ("  Forty  TWO ", "forty two"),
        ("", ""),
        ("Answer:", ""),
    ],
)
def test_final_answer_is_what_follows_the_last_mark(text: str, final: str) -> None:
    assert final_answer(text) == final


def test_most_frequent_final_answer_wins_whatever_the_working() -> None:
    texts = ["1 + 1\nAnswer: 3", "so\nAnswer: 2", "Answer: 2."]

    assert majority(texts) == (1, 2 / 3)


def test_ties_go_to_the_first_drawn() -> None:
    assert majority(["b", "a", "a", "b"]) == (0, 0.5)


@given(st.lists(st.sampled_from(["a", "A", "b", "c", "Answer: a"]), min_size=1, max_size=9))
def test_winner_agrees_with_at_least_as_many_as_any_other(texts: list[str]) -> None:
    index, share = majority(texts)

    finals = [final_answer(text) for text in texts]
    assert finals.count(finals[index]) == max(finals.count(final) for final in finals)
    assert share == finals.count(finals[index]) / len(texts)
    assert finals.index(finals[index]) == index
