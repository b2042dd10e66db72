"""The probabilistic graph: masks, gradient, decoding."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.distribution import GraphDistribution, uniform
from optimizer.search.model import Decision, DecisionKind

DECISIONS = (
    Decision("edge", DecisionKind.EDGE, ("absent", "present")),
    Decision("role", DecisionKind.ROLE, ("assistant", "fuser")),
    Decision("model", DecisionKind.MODEL, ("a", "b", "c")),
)
LOGITS = st.lists(st.floats(-3, 3), min_size=7, max_size=7).map(np.array)
"""Two of the edge, two of the role, three of the model."""


def every_choice() -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(len(one.options)) for one in DECISIONS)))


@given(LOGITS)
def test_probabilities_of_all_graphs_sum_to_one(logits) -> None:
    distribution = GraphDistribution(DECISIONS, logits)

    total = sum(np.exp(distribution.log_probability(one)) for one in every_choice())

    assert abs(total - 1.0) < 1e-9


@given(LOGITS, st.sampled_from(every_choice()))
def test_the_gradient_is_that_of_the_log_probability(logits, choices) -> None:
    distribution = GraphDistribution(DECISIONS, logits)
    gradient = distribution.gradient(choices)

    for option in range(len(logits)):
        steps = np.zeros_like(logits)
        steps[option] = 1e-5
        ahead = distribution.moved(steps).log_probability(choices)
        behind = distribution.moved(-steps).log_probability(choices)
        assert abs((ahead - behind) / 2e-5 - gradient[option]) < 1e-4


@given(st.integers(0, 1000))
def test_what_the_policy_forbids_is_never_drawn_and_no_update_brings_it_back(seed) -> None:
    rng = np.random.default_rng(seed)
    distribution = uniform(DECISIONS, forbidden=[(2, 1), (0, 1)])

    pushed = distribution.moved(np.array([5.0, 5.0, 0.0, 0.0, 0.0, 9.0, 0.0]))
    pulled = pushed.towards([(1, 0, 1)], 0.9)

    for one in (distribution, pushed, pulled):
        drawn = [one.sample(rng) for _ in range(20)]
        assert all(choices[2] != 1 and choices[0] != 1 for choices in drawn)


@given(LOGITS)
def test_every_decision_has_the_odds_that_it_would_have_alone(logits) -> None:
    together = GraphDistribution(DECISIONS, logits)

    starts = (0, 2, 4)
    alone = [
        GraphDistribution((one,), logits[start : start + len(one.options)])
        for one, start in zip(DECISIONS, starts, strict=True)
    ]

    for chances, one in zip(together.probabilities, alone, strict=True):
        assert chances.tolist() == one.probabilities[0].tolist()


def test_samples_come_as_often_as_their_probability_says() -> None:
    distribution = GraphDistribution(DECISIONS, np.array([0.0, 1.0, 0.0, 0.0, 1.0, 0.0, -1.0]))
    rng = np.random.default_rng(0)

    drawn = [distribution.sample(rng) for _ in range(20_000)]

    share = np.mean([one[2] == 0 for one in drawn])
    assert abs(share - distribution.probabilities[2][0]) < 0.015


def test_decoding_takes_the_likeliest_that_the_space_allows(team_world) -> None:
    prior = uniform(team_world.space.decisions)
    nobody = prior.moved(np.array([*[2.0, 0.0] * 4, *[0.0] * (len(prior.logits) - 8)]))

    decoded = nobody.decode(team_world.space)

    assert decoded is not None
    assert sum(decoded.choices[:4]) == 1
