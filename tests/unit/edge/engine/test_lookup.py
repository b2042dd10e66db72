"""Guesses from the text itself: right where it repeats, silent and cheap where it does not."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.lookup import Guesser, GuessPrice, PromptLookup

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


def run(
    next_token: Callable[[list[int]], int],
    prompt: list[int],
    length: int,
    *,
    price: float = 0.4,
) -> tuple[int, int]:
    """Answer by a rule; return how many decodes it took and how many tokens were decoded."""
    prices = GuessPrice()
    for _ in range(100):
        prices.note(guesses=0, took_s=0.01)
        prices.note(guesses=2, took_s=0.01 * (1 + 2 * price))
    guesser, answer = Guesser(prompt, prices), [next_token(prompt)]
    decodes = decoded = 0
    while len(answer) < length:
        guess = guesser.guess(answer, most=length - len(answer) - 1)
        decodes, decoded = decodes + 1, decoded + 1 + len(guess)
        right = 0
        while True:
            answer.append(next_token(prompt + answer))
            if right == len(guess) or answer[-1] != guess[right]:
                break
            right += 1
        if guess:
            guesser.learn(guessed=len(guess), right=right)
    return decodes, decoded


def test_a_text_that_repeats_takes_far_fewer_decodes() -> None:
    decodes, decoded = run(lambda text: len(text) % 40, list(range(40)), 400)

    assert decodes < 80
    assert decoded < 450


def test_guesses_that_never_prove_right_become_rare() -> None:
    # What stood before never goes on as it did.
    def contrary(text: list[int]) -> int:
        before = [text[at] for at in range(4, len(text)) if text[at - 4 : at] == text[-4:]]
        return next(token for token in range(50) if token not in before[-1:])

    decodes, decoded = run(contrary, [0, 1, 2, 3] * 10, 600)

    assert decodes >= 590
    assert decoded / decodes < 1.06


def test_a_text_without_repetition_is_never_guessed_at() -> None:
    assert run(lambda text: len(text) + 100, [1, 2, 3], 200) == (199, 199)


def test_where_guesses_are_dear_only_near_certain_ones_are_made() -> None:
    # One token in six differs from what the text said before.
    def nearly(text: list[int]) -> int:
        return len(text) if len(text) % 6 == 0 else len(text) % 6

    prompt = list(range(6)) * 3
    _, cheap = run(nearly, prompt, 400, price=0.1)
    decodes, dear = run(nearly, prompt, 400, price=0.95)

    assert dear < cheap
    assert dear / decodes < 1.1
