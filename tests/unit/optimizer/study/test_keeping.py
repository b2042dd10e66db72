"""What is shown as kept is what the searchers' rule trusts, and a bound is its tipping point."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.evaluation.model import Answered, Evaluated, Source, outcomes_of
from optimizer.search.archive import Archive
from optimizer.search.caps import CapRule
from optimizer.search.model import Candidate, CandidateKey, Constraint, Measure, Outcomes
from optimizer.study.keeping import Keeping

CANDIDATE = Candidate(CandidateKey("one"), (0,))
QUESTIONS = 120


def outcomes(exposed: int, count: int, *, seed: int = 1) -> Outcomes:
    draw = np.random.default_rng(seed)
    return outcomes_of(
        Evaluated(
            question,
            Answered(
                1.0,
                question < exposed,
                float(draw.exponential(1e-4)),
                float(draw.exponential(1e9)),
                float(draw.exponential(2.0)),
            ),
            Source.FRESH,
        )
        for question in range(count)
    )


def upper(measure: Measure, found: Outcomes) -> float:
    judge = Keeping((Constraint(measure, 1.0),), confidence=0.95, questions=QUESTIONS)
    return judge.judge(CANDIDATE, found)[0].upper


@settings(max_examples=40)
@given(
    measure=st.sampled_from(Measure),
    exposed=st.integers(0, 40),
    count=st.integers(2, QUESTIONS),
    seed=st.integers(0, 50),
)
def test_a_bound_is_where_the_rule_tips(
    measure: Measure, exposed: int, count: int, seed: int
) -> None:
    found = outcomes(min(exposed, count), count, seed=seed)
    archive = Archive(QUESTIONS)
    archive.add(CANDIDATE, found)
    row = archive.get(CANDIDATE.key)
    assert row is not None

    bound = upper(measure, found)

    def excess(limit: float) -> float:
        rule = CapRule((Constraint(measure, limit),), 0.95, QUESTIONS)
        return rule.excess(row, can_expose=True)

    assert excess(bound * (1 + 1e-6)) == 0
    step = 1 / QUESTIONS if measure is Measure.CLOUD_SHARE else bound * 1e-3
    if bound > step:
        assert excess(bound - step) > 0


def test_a_graph_that_cannot_expose_keeps_even_a_cap_of_nothing() -> None:
    judge = Keeping(
        (Constraint(Measure.CLOUD_SHARE, 0.0),),
        confidence=0.95,
        questions=QUESTIONS,
        can_expose=lambda _: False,
    )

    (kept,) = judge.judge(CANDIDATE, outcomes(0, 3))

    assert kept.is_proven
    assert upper(Measure.CLOUD_SHARE, outcomes(0, 3)) > 0


def test_what_costs_nothing_costs_nothing_elsewhere() -> None:
    free = outcomes_of([Evaluated(0, Answered(1.0, False, 0.0, 0.0, 0.0), Source.FRESH)])

    assert upper(Measure.COST_USD, free) == 0.0


def test_more_questions_prove_more() -> None:
    bounds = [upper(Measure.CLOUD_SHARE, outcomes(count // 20, count)) for count in (20, 60, 120)]

    assert bounds == sorted(bounds, reverse=True)
    assert all(math.isfinite(bound) for bound in bounds)
    assert bounds[-1] == pytest.approx(0.11, abs=0.04)
