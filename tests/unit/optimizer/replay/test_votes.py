"""Counting votes of all subsets, against counting them one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from optimizer.replay.coincidence import vote_odds
from optimizer.replay.votes import count_votes

CODES = st_numpy.arrays(np.int32, (4, 6), elements=st.integers(-1, 3))


@given(CODES, st.permutations(range(4)), st.integers(0, 3))
def test_every_subset_and_question_is_counted_right(codes, tie_order, gold) -> None:
    right = codes == gold

    table = count_votes(codes, right, np.array(tie_order))

    for mask in range(1, 16):
        members = [model for model in tie_order if mask >> model & 1]
        for question in range(6):
            given_codes = [int(codes[model, question]) for model in members]
            tally = {code: given_codes.count(code) for code in given_codes if code >= 0}
            most = max(tally.values(), default=0)
            # the first member in tie order whose answer has the most votes
            winner = next((code for code in given_codes if tally.get(code) == most), -1)
            assert table.votes[mask - 1, question] == most
            assert table.right[mask - 1, question] == (most > 0 and winner == gold)
            assert table.sizes[mask - 1] == len(members)


@given(st.floats(0.05, 0.9), st.integers(1, 8))
def test_odds_of_a_vote_are_probabilities(coincidence, size) -> None:
    odds = vote_odds((0.3, 0.51, 1.0), 8, coincidence)

    for right in range(size + 1):
        for leader in (0, 1):
            kept = odds.kept_right[:, size, right, leader]
            asked = odds.asked[:, size, right, leader]
            assert (kept + asked <= 1.0 + 1e-5).all()
            assert (np.diff(asked) >= -1e-6).all()
        assert odds.kept_right[0, size, right, 1] >= odds.kept_right[0, size, right, 0]


def test_a_clear_majority_needs_no_luck() -> None:
    odds = vote_odds((0.51,), 8, 0.3)

    assert odds.kept_right[1, 5, 4, 1] == 1.0
    assert odds.asked[1, 5, 4, 1] == 0.0
    assert odds.asked[1, 2, 1, 1] == 1.0
