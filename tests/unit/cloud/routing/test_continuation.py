"""Joining two parts of an answer: nothing lost, nothing twice, wherever it was cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.routing.continuation import EchoMismatch, Joint

TEXT = st.text(alphabet="ab \n\té漢", max_size=40)


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


def joined(begun: str, received: str, cuts: list[int], *, is_echoed: bool = False) -> str:
    joint = Joint(begun, is_echoed=is_echoed)
    return begun + "".join(joint.feed(piece) for piece in pieces(received, cuts))


@given(TEXT, st.integers(0, 40), st.lists(st.integers(0, 40), max_size=6))
def test_a_model_that_goes_on_exactly_gives_the_whole_text(
    whole: str, cut: int, cuts: list[int]
) -> None:
    begun = whole[:cut]
    sent = Joint(begun, is_echoed=False).sent

    # What was sent has lost its trailing blanks; a model that goes on from there writes them.
    assert joined(begun, whole[len(sent) :], cuts) == whole


@given(TEXT, st.integers(0, 40), st.lists(st.integers(0, 40), max_size=6))
def test_an_echo_is_dropped_once(whole: str, cut: int, cuts: list[int]) -> None:
    assert joined(whole[:cut], whole, cuts, is_echoed=True) == whole


@given(TEXT, TEXT)
def test_a_model_that_writes_no_blank_again_loses_nothing(begun: str, rest: str) -> None:
    text = joined(begun, "x" + rest, [])

    assert text == begun + "x" + rest


def test_what_looks_like_a_repetition_is_kept_when_the_provider_does_not_echo() -> None:
    assert joined("ha ", "ha ha", []) == "ha ha ha"


def test_an_echo_of_something_else_is_found_out() -> None:
    joint = Joint("The patient takes", is_echoed=True)
    joint.feed("The pat")

    with pytest.raises(EchoMismatch):
        joint.feed("ron takes")


def test_an_answer_that_ends_inside_its_echo_is_not_whole() -> None:
    joint = Joint("The patient takes", is_echoed=True)

    joint.feed("The pat")

    assert not joint.is_whole
