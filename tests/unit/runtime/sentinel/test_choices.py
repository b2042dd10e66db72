"""Letters that number choices are no initials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sentinel.choices import with_numbered_choices
from runtime.sentinel.detectors.person import PersonDetector


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Who?\nA. Lincoln\nB. Reagan\nC. Carter", "Who?\n1. Lincoln\n2. Reagan\n3. Carter"),
        ("(a) one\n  (b) two", "(1) one\n  (2) two"),
        ("Is it A) red B) blue C) green?", "Is it 1) red 2) blue 3) green?"),
    ],
)
def test_letters_in_a_row_are_numbers(text: str, read: str) -> None:
    assert with_numbered_choices(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "A. Kowalska and B. Nowak signed.",  # two people in a sentence
        "B. Nowak\nC. Berg",  # nobody counts from B
        "A. Kowalska\nC. Berg",
        "A. Kowalska\nsaid",
        "Mail a.b@x.org A.B. C.",
    ],
)
def test_initials_stay(text: str) -> None:
    assert with_numbered_choices(text) == text


@given(st.text(alphabet="ABCDab.) (\n-x", max_size=60))
def test_nothing_moves_and_only_single_letters_change(text: str) -> None:
    read = with_numbered_choices(text)

    assert len(read) == len(text)
    for one, two in zip(text, read, strict=True):
        assert one == two or (
            one in "ABCDEFGHIabcdefghi" and two == str("abcdefghi".index(one.lower()) + 1)
        )


def test_an_option_is_nobody_and_a_name_in_it_is_found_without_its_letter() -> None:
    text = "Who signed it?\nA. Well being\nB. Mr Kowalski\nC. Lowland"
    found = {text[span.start : span.end] for span in PersonDetector().detect(text)}

    assert found == {"Mr Kowalski"} or found == {"Kowalski"}
