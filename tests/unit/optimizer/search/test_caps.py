"""Caps on new questions: the promise of the confidence bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.archive import Archive, Row
from optimizer.search.caps import CapRule
from optimizer.search.model import Candidate, CandidateKey, Constraint, Measure, Outcomes

GRAPH = Candidate(CandidateKey("g"), (0,))


def row_of(exposed: int, questions: int, latency_s: np.ndarray | None = None) -> Row:
    archive = Archive(questions)
    flags = np.arange(questions) < exposed
    zeros = np.zeros(questions)
    waits = zeros if latency_s is None else latency_s
    archive.add(GRAPH, Outcomes(np.arange(questions), zeros, flags, zeros, zeros, waits))
    row = archive.get(GRAPH.key)
    assert row is not None
    return row


def share_rule(limit: float, confidence: float | None, new: int = 600) -> CapRule:
    return CapRule((Constraint(Measure.CLOUD_SHARE, limit),), confidence, new)


@given(st.integers(50, 700), st.sampled_from([0.05, 0.1, 0.2, 0.5]))
def test_more_confidence_allows_less_and_none_allows_the_mean(questions, limit) -> None:
    plain = share_rule(limit, None).most_exposed(questions)
    sure = share_rule(limit, 0.9).most_exposed(questions)
    surer = share_rule(limit, 0.99).most_exposed(questions)

    assert surer <= sure <= plain
    assert plain == int(limit * questions + 1e-9)


@pytest.mark.parametrize("limit", [0.05, 0.1, 0.3])
def test_the_bound_keeps_its_risk_when_the_truth_is_drawn_from_the_prior(limit) -> None:
    rng = np.random.default_rng(1)
    seen = new = 400
    most = share_rule(limit, 0.95, new).most_exposed(seen)
    rates = rng.beta(0.5, 0.5, 400_000)
    accepted = rates[rng.binomial(seen, rates) == most]

    broken = rng.binomial(new, accepted) > limit * new

    assert broken.mean() <= 0.07


def test_a_cap_of_zero_is_kept_by_graphs_that_cannot_expose_and_by_no_other() -> None:
    rule = share_rule(0.0, 0.99)
    row = row_of(0, 500)

    assert rule.excess(row, can_expose=False) == 0.0
    assert rule.excess(row, can_expose=True) > 0.0
    assert share_rule(0.0, None).excess(row, can_expose=True) == 0.0


def test_no_cap_allows_everything() -> None:
    rule = CapRule((), 0.99, 100)

    assert rule.most_exposed(40) == 40
    assert rule.excess(row_of(40, 40), can_expose=True) == 0.0


def test_a_percentile_is_bounded_by_a_higher_one() -> None:
    waits = np.linspace(0.0, 1.0, 200)
    cap = (Constraint(Measure.LATENCY_P95_S, 0.96),)

    assert CapRule(cap, None, 200).excess(row_of(0, 200, waits), can_expose=False) == 0.0
    assert CapRule(cap, 0.95, 200).excess(row_of(0, 200, waits), can_expose=False) > 0.0


def test_an_unmeasured_graph_keeps_nothing() -> None:
    empty = Archive(3)
    zeros = np.zeros(0)
    empty.add(GRAPH, Outcomes(np.zeros(0, np.int64), zeros, zeros > 0, zeros, zeros, zeros))
    row = empty.get(GRAPH.key)

    assert row is not None
    assert share_rule(1.0, None).excess(row, can_expose=False) > 0.0
