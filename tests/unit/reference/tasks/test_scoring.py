"""Extraction of the answer from what a model wrote."""

import pytest

from reference.tasks import extract_answer, is_right


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 * 5 = 15.\nAnswer: 15", "15"),
        ("Answer: 1\nNo.\nAnswer:  42 ", "42"),
        ("Answer: <PHONE_1>", "<PHONE_1>"),
        ("Answer: 7\nThank you.", "7"),
    ],
)
def test_the_last_answer_counts(text: str, answer: str) -> None:
    assert extract_answer(text) == answer
    assert is_right(text, answer)


@pytest.mark.parametrize("text", ["", "15", "3 * 5 = 15.\nAnswer"])
def test_a_text_without_an_answer_is_never_right(text: str) -> None:
    assert extract_answer(text) is None
    assert not is_right(text, "15")


def test_a_number_that_only_begins_alike_is_wrong() -> None:
    assert not is_right("Answer: 150", "15")
