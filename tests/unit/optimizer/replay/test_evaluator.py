"""Replaying teams: outcomes, truth, accounts, and what never leaves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.search_synthetic import Kind, make_matrix
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.replay.matrix import matrix_from_data
from optimizer.replay.space_document import HashClass, TeamSpec
from optimizer.replay.split import members
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import build_table
from optimizer.replay.truth import optimum, score_all
from optimizer.search.model import Trial

SPEC = TeamSpec(
    name="t",
    edge=("edge-0", "edge-1", "edge-2"),
    cloud=("cloud-0", "cloud-1"),
    thresholds=(0.3, 0.51, 1.0),
    caps=(0.2,),
    sensitive=HashClass(5),
    split=HashClass(2),
)
MATRIX = matrix_from_data(make_matrix(Kind(160, (0.3, 0.8, 1.1), (2.0, 2.4), empty=0.05, seed=3)))
SPACE = TeamSpace(SPEC)
TABLE = build_table(MATRIX, SPEC)
EVERY = tuple(range(len(TABLE.search)))
ROW = st.integers(0, len(SPACE.candidates()) - 1)


def test_enumeration_and_replay_agree_on_every_graph() -> None:
    scores = score_all(SPACE, TABLE, TABLE.search)
    evaluator = TeamEvaluator(SPACE, TABLE)

    for row, candidate in enumerate(SPACE.candidates()):
        outcomes = evaluator.evaluate(Trial(row, candidate, EVERY))
        assert outcomes.right.mean() == pytest.approx(scores.accuracy[row])
        assert outcomes.exposed.sum() == scores.exposed[row]


def test_no_sensitive_question_ever_leaves() -> None:
    sensitive = members(MATRIX.question_ids, HashClass(5))[TABLE.search]
    evaluator = TeamEvaluator(SPACE, TABLE)

    for row, candidate in enumerate(SPACE.candidates()):
        outcomes = evaluator.evaluate(Trial(row, candidate, EVERY))
        assert not (outcomes.exposed & sensitive).any()

    assert sensitive.any()
    assert evaluator.violations == 0


@settings(max_examples=40)
@given(st.lists(st.tuples(ROW, st.sets(st.sampled_from(EVERY), min_size=1)), max_size=12))
def test_an_outcome_and_a_call_are_paid_once(asked) -> None:
    evaluator = TeamEvaluator(SPACE, TABLE, with_calls=True)
    pairs: set[tuple[int, int]] = set()
    calls: set[int] = set()

    for number, (row, questions) in enumerate(asked):
        trial = Trial(number, SPACE.candidates()[row], tuple(sorted(questions)))
        outcomes = evaluator.evaluate(trial)
        pairs |= {(row, question) for question in questions}
        calls |= {call for one in outcomes.calls for call in one}

    assert evaluator.accounts.question_executions == len(pairs)
    assert evaluator.accounts.calls == len(calls)
    assert evaluator.accounts.graph_evaluations == len(asked)


@settings(max_examples=40)
@given(st.lists(st.tuples(ROW, st.sets(st.sampled_from(EVERY), min_size=1)), max_size=8))
def test_what_calls_decide_is_what_a_run_would_say(asked) -> None:
    evaluator = TeamEvaluator(SPACE, TABLE)
    for number, (row, questions) in enumerate(asked):
        trial = Trial(number, SPACE.candidates()[row], tuple(sorted(questions)))
        evaluator.evaluate(trial)
    spent = evaluator.accounts.calls

    decided = evaluator.decided(SPACE.candidates(), EVERY)

    assert evaluator.accounts.calls == spent
    fresh = TeamEvaluator(SPACE, TABLE)
    for row, candidate in enumerate(SPACE.candidates()):
        truth = fresh.evaluate(Trial(row, candidate, EVERY))
        known, placed = decided.known[row], decided.placed[row]
        assert (decided.right[row, known] == truth.right[known]).all()
        assert (decided.exposed[row, placed] == truth.exposed[placed]).all()
    for row, questions in asked:
        assert decided.known[row, sorted(questions)].all()


def test_ties_are_broken_by_the_search_half_alone() -> None:
    flipped = matrix_from_data(make_matrix(Kind(160, (0.3, 0.8, 1.1), (2.0, 2.4), seed=3)))
    flipped.right[:, TABLE.report] = ~flipped.right[:, TABLE.report]

    order = build_table(flipped, SPEC).tie_order

    assert (
        order.tolist()
        == build_table(
            matrix_from_data(make_matrix(Kind(160, (0.3, 0.8, 1.1), (2.0, 2.4), seed=3))), SPEC
        ).tie_order.tolist()
    )


def test_the_optimum_prefers_what_exposes_least_among_equals() -> None:
    scores = score_all(SPACE, TABLE, TABLE.search)

    best = optimum(scores, scores.share <= 0.2)

    assert best is not None
    ties = np.flatnonzero((scores.accuracy == best.accuracy) & (scores.share <= 0.2))
    assert scores.exposed[ties].min() == scores.exposed[best.row]
    assert optimum(scores, np.zeros(len(ties), np.bool_)[:0]) is None
