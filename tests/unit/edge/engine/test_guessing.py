"""Guesses are made where they pay: often right, or cheap; silent elsewhere."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.guess_odds import GuessOdds
from edge.engine.guessing import Draft, Guesser, Guessing


class Oracle:
    """A draft that says what comes next, wrong at every so-many-th place of the text."""

    def __init__(self, next_token: Callable[[list[int]], int], *, wrong_every: int) -> None:
        self._next_token = next_token
        self._wrong_every = wrong_every
        self.owners: list[object] = []

    def guess(
        self, owner: object, text: Sequence[int], most: int, *, least_chance: float
    ) -> list[int] | None:
        assert 0.0 <= least_chance <= 0.9
        if owner not in self.owners:
            self.owners.append(owner)
            return None
        ahead = list(text)
        while len(ahead) < len(text) + most:
            is_wrong = len(ahead) % self._wrong_every == 0
            ahead.append(-1 if is_wrong else self._next_token(ahead))
        return ahead[len(text) :]


def run(
    next_token: Callable[[list[int]], int],
    prompt: list[int],
    length: int,
    *,
    price: float = 0.4,
    draft: Draft | None = None,
) -> tuple[int, int]:
    """Answer by a rule; return how many decodes it took and how many tokens were decoded."""
    guessing = Guessing(draft)
    for odds in (guessing.lookup_odds, guessing.draft_odds):
        for _ in range(100):
            odds.note(guesses=0, took_s=0.01)
            odds.note(guesses=2, took_s=0.01 * (1 + 2 * price))
    guesser, answer = Guesser(prompt, guessing), [next_token(prompt)]
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


def new_words(text: list[int]) -> int:
    return len(text) + 100


def test_a_draft_that_is_mostly_right_saves_most_decodes() -> None:
    draft = Oracle(new_words, wrong_every=20)

    decodes, decoded = run(new_words, [1, 2, 3], 400, draft=draft)

    assert decodes < 140
    assert decoded < 700
    assert len(draft.owners) == 1


def test_a_draft_that_is_mostly_wrong_is_hardly_asked() -> None:
    decodes, decoded = run(new_words, [1, 2, 3], 600, draft=Oracle(new_words, wrong_every=1))

    assert decodes >= 599
    assert decoded / decodes < 1.06


def test_where_a_guess_costs_more_than_a_decode_none_is_made_but_to_see_whether_it_still_does() -> (
    None
):
    _, decoded = run(new_words, [1], 600, price=2.5, draft=Oracle(new_words, wrong_every=10**6))

    assert decoded < 599 + 6


def test_once_in_a_while_a_step_goes_without_a_guess_to_be_measured() -> None:
    guessing = Guessing(Oracle(new_words, wrong_every=10**6))
    for _ in range(3):
        guessing.draft_odds.note(guesses=0, took_s=0.01)
    guesser, answer = Guesser([1], guessing), [101]
    counts = []
    for _ in range(200):
        guess = guesser.guess(answer, most=100)
        counts.append(len(guess))
        if guess:
            guesser.learn(guessed=len(guess), right=len(guess))
        answer += [*guess, 0]

    plain = [at for at, count in enumerate(counts) if not count]
    assert plain[0] == 0  # the draft caught up
    assert 2 <= len(plain) - 1 <= 4


def test_a_new_model_is_measured_before_anything_is_guessed() -> None:
    guesser, answer = Guesser([1], Guessing(Oracle(new_words, wrong_every=10**6))), [101]
    counts = []
    for _ in range(6):
        guess = guesser.guess(answer, most=100)
        counts.append(len(guess))
        guesser.note(0.01)
        answer += [*guess, 0]

    assert counts[:4] == [0, 0, 0, 0]  # in the fourth the draft caught up
    assert counts[4] > 0


@pytest.mark.parametrize("spike", [3.0, 50.0])
def test_steps_that_waited_for_the_processor_do_not_move_the_price(spike: float) -> None:
    odds = GuessOdds()
    for number in range(400):
        slow = spike if number % 10 < 2 else 1.0
        odds.note(guesses=0, took_s=0.01)
        odds.note(guesses=4, took_s=0.02 * slow)

    assert odds.price == pytest.approx(0.25, abs=0.12)


@given(st.floats(0, 1), st.floats(0, 4), st.integers(0, 8))
def test_the_length_is_the_one_with_the_most_tokens_per_time(
    share: float, price: float, most: int
) -> None:
    odds = GuessOdds()
    odds.price = price

    best = odds.best_length(share, most)

    def speed(length: int) -> float:
        return sum(share**power for power in range(length + 1)) / (1 + length * price)

    assert 0 <= best <= most
    assert all(speed(best) >= speed(length) - 1e-9 for length in range(1, most + 1)) or best == 0
    assert best == 0 or speed(best) > 1.05
    assert best > 0 or all(speed(length) <= 1.05 + 1e-9 for length in range(1, most + 1))


def test_where_later_guesses_are_dearer_than_the_first_a_step_has_few() -> None:
    odds = GuessOdds()
    costs = {1: 1.3, 2: 1.6, 3: 2.6, 4: 3.6, 8: 7.6}
    for _ in range(100):
        odds.note(guesses=0, took_s=0.01)
        for length, cost in costs.items():
            odds.note(guesses=length, took_s=0.01 * cost)

    assert odds.best_length(0.97, 8) == 2
    assert odds.cost(2) == pytest.approx(1.6, rel=0.01)
    assert odds.cost(6) > odds.cost(4)


def test_a_single_slow_step_does_not_make_a_length_dear() -> None:
    odds = GuessOdds()
    for _ in range(50):
        odds.note(guesses=0, took_s=0.01)
        odds.note(guesses=3, took_s=0.02)
    odds.note(guesses=3, took_s=5.0)
    odds.note(guesses=4, took_s=5.0)

    assert odds.cost(3) < 2.2
    assert odds.cost(4) < 4.0


def test_where_answers_are_shorter_than_a_rest_a_guess_is_tried_all_the_same() -> None:
    guessing = Guessing(Oracle(new_words, wrong_every=10**6))
    for _ in range(100):
        guessing.draft_odds.note(guesses=0, took_s=0.01)
        guessing.draft_odds.note(guesses=1, took_s=0.03)  # while others held the processor
    guesses = 0
    for call in range(60):
        guesser, answer = Guesser([call], guessing), [call]
        while len(answer) < 20:
            guess = guesser.guess(answer, most=20 - len(answer))
            if guess:
                guesses += 1
                guesser.learn(guessed=len(guess), right=len(guess))
                guesser.note(0.011)
            answer += [*guess, 0]

    assert guesses > 2
