"""The figures of a router, against the definitions taken literally."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.routing.curve import Ranking


def literally(order: list[int], weak: list[int], strong: list[int]) -> float:
    """Average the gap recovered at every share, straight lines between."""
    gap = sum(strong) - sum(weak)
    recovered = [
        sum(strong[at] - weak[at] for at in order[:sent]) / gap for sent in range(len(order) + 1)
    ]
    steps = pairwise(recovered)
    return sum((one + other) / 2 for one, other in steps) / len(order)


outcomes = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30)


@given(outcomes, st.randoms(use_true_random=False))
def test_apgr_is_the_mean_of_what_is_recovered(
    pairs: list[tuple[int, int]], random: object
) -> None:
    weak, strong = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    order = list(range(len(pairs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    scores = np.zeros(len(pairs))
    scores[order] = -np.arange(len(pairs))
    ranking = Ranking(scores, np.array(weak), np.array(strong))
    if sum(strong) <= sum(weak):
        with pytest.raises(ValueError, match="no better"):
            ranking.curve()
    else:
        assert ranking.curve().apgr == pytest.approx(literally(order, weak, strong))


@given(outcomes.filter(lambda pairs: sum(pair[1] - pair[0] for pair in pairs) > 0))
def test_a_router_that_always_says_the_same_is_worth_chance(pairs: list[tuple[int, int]]) -> None:
    weak, strong = np.array(pairs).T
    curve = Ranking(np.ones(len(pairs)), weak, strong).curve()
    assert curve.apgr == pytest.approx(0.5)
    assert curve.apgr_tenths == pytest.approx(0.5)
    assert curve.cpt(0.5) == pytest.approx(0.5)


def test_cpt_lies_on_straight_lines_between_tenths() -> None:
    # Of ten questions the first three gain: 0.8 of the gap is reached at 0.24 of the calls.
    strong = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    curve = Ranking(-np.arange(10), np.zeros(10), strong).curve()
    assert curve.cpt(0.8) == pytest.approx(0.24)
    assert curve.cpt(0.0) == 0.0
    assert curve.cpt(1.0) == pytest.approx(0.3)


@given(outcomes.filter(lambda pairs: sum(pair[1] - pair[0] for pair in pairs) > 0))
def test_counting_twice_is_asking_twice(pairs: list[tuple[int, int]]) -> None:
    weak, strong = np.array(pairs).T
    scores = np.arange(len(pairs)) % 7
    twice = Ranking(np.tile(scores, 2), np.tile(weak, 2), np.tile(strong, 2)).curve()
    counted = Ranking(scores, weak, strong).curve(np.full(len(pairs), 2))
    assert counted.apgr == pytest.approx(twice.apgr)
