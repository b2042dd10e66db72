"""Features of the form of a prompt: always as many, always finite, and about the form alone."""

import math

from hypothesis import given
from hypothesis import strategies as st

from runtime.routing.form import FORM_NAMES, form_of


def named(prompt: str) -> dict[str, float]:
    return dict(zip(FORM_NAMES, form_of(prompt), strict=True))


@given(st.text(max_size=400) | st.text(alphabet="AB.?() \n\"'12IV;:", max_size=400))
def test_every_text_has_all_features_and_they_are_finite(prompt: str) -> None:
    found = form_of(prompt)
    assert len(found) == len(FORM_NAMES) == len(set(FORM_NAMES))
    assert all(map(math.isfinite, found))


def test_answers_that_differ_by_a_word_are_alike() -> None:
    alike = named("Which?\nA. the left bank\nB. the right bank")
    unlike = named("Which?\nA. a boat\nB. some old stone")
    assert alike["option_most_alike"] > 0.4 > unlike["option_most_alike"] == 0


def test_answers_that_are_numbers() -> None:
    assert named("How many?\nA. 12\nB. 14.5 km")["option_is_number"] == 1
    assert named("How many?\nA. a dozen\nB. no fewer than 14")["option_is_number"] == 0


def test_judgements_negation_and_statements() -> None:
    found = named("Statement 1 | x is NOT y. Statement 2 | z.\nA. True, False\nB. False, True")
    assert found["option_judgement"] == found["statements"] == found["stressed_negation"] == 1
    assert named("What is x?\nA. y\nB. z")["stressed_negation"] == 0


def test_a_name_in_place_of_another_changes_nothing() -> None:
    assert form_of("Did Anna call at 10:15?") == form_of("Did Olga call at 20:43?")
