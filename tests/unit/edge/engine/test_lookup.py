"""Guesses from the text itself: right where it repeats, silent and cheap where it does not."""

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.lookup import PromptLookup

TEXTS = st.lists(st.integers(0, 3), max_size=30)


@given(TEXTS, TEXTS, st.integers(1, 8))
def test_a_guess_is_a_continuation_of_what_the_text_ends_with(
    start: list[int], more: list[int], most: int
) -> None:
    lookup = PromptLookup(start)
    lookup.extend(more)
    text = start + more

    guess = lookup.guess(most)

    assert len(guess) <= most
    places = [at for at in range(4, len(text)) if text[at - 4 : at] == text[-4:]]
    if places:
        assert guess == text[max(places) : max(places) + most]
    else:
        assert guess == []
