"""What a prompt asks and what it offers to choose from, however it is written."""

import pytest

from runtime.routing.parts import parts_of


@pytest.mark.parametrize(
    ("prompt", "question", "options"),
    [
        ("How much?\nA. one\nB. two\nAnswer:", "How much?", ("one", "two")),
        ("How much?\n(A) one\n(B) two\n", "How much?", ("one", "two")),
        ("How much?\na) one\nb) two\nc) three", "How much?", ("one", "two", "three")),
        ("How much?\n1. one\n2. two", "How much?", ("one", "two")),
        ("How much?\nA. one\nand a half\nB. two", "How much?", ("one\nand a half", "two")),
        ("How much? (A) one (B) two", "How much?", ("one", "two")),
        ("How much is a dozen?", "How much is a dozen?", ()),
        ("A. Smith asked how much.\nTell me.", "A. Smith asked how much.\nTell me.", ()),
        ("See figures (A) and (C) first", "See figures (A) and (C) first", ()),
        ("", "", ()),
    ],
)
def test_question_and_options(prompt: str, question: str, options: tuple[str, ...]) -> None:
    parts = parts_of(prompt)
    assert (parts.question, parts.options) == (question, options)


def test_of_a_long_prompt_both_ends_are_read_and_the_length_is_told() -> None:
    prompt = "Begin. " + "x" * 50_000 + "\nWhich?\nA. one\nB. two"
    parts = parts_of(prompt)
    assert len(parts.text) < 13_000
    assert parts.text.startswith("Begin.")
    assert parts.options == ("one", "two")
    assert parts.characters == len(prompt)
