"""What follows from votes that were run, and what does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.search_synthetic import Kind, make_matrix
from optimizer.replay.coincidence import Settled, settled_votes
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.replay.matrix import matrix_from_data
from optimizer.replay.space_document import HashClass, TeamSpec
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import build_table
from optimizer.search.archive import Archive
from optimizer.search.model import Trial
from optimizer.search.prediction import Pool

SPEC = TeamSpec(
    name="t",
    edge=tuple(f"edge-{one}" for one in range(4)),
    cloud=("cloud-0", "cloud-1"),
    thresholds=(0.4, 0.51, 0.76, 1.0),
    caps=(0.2,),
    sensitive=HashClass(5),
    split=HashClass(2),
)
# Ties, empty answers and equal wrong answers are common here.
KIND = Kind(160, (-0.2, 0.1, 0.3, 0.5), (0.8, 1.2), coincidence=0.5, empty=0.15, seed=11)
TABLE = build_table(matrix_from_data(make_matrix(KIND)), SPEC)
QUESTIONS = len(TABLE.search)


@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, QUESTIONS - 1), st.integers(1, QUESTIONS)),
        min_size=1,
        max_size=25,
    )
)
def test_what_is_called_sure_is_what_a_run_would_say(runs) -> None:
    space = TeamSpace(SPEC, TABLE.may_leave[TABLE.search])
    pool = Pool(tuple(space.candidates()), space.decisions)
    archive, evaluator = Archive(QUESTIONS), TeamEvaluator(space, TABLE)
    for graph, first, count in runs:
        one = pool.candidates[graph % len(pool.candidates)]
        asked = tuple(range(first, min(QUESTIONS, first + count)))
        archive.add(one, evaluator.evaluate(Trial(0, one, asked)))
    every = np.arange(QUESTIONS)

    predicted = space.predictor().predict(pool, archive, every)

    assert predicted.sure is not None
    for row, one in enumerate(pool.candidates):
        truth = evaluator.evaluate(Trial(0, one, tuple(range(QUESTIONS))))
        sure = predicted.sure[row]
        assert np.abs(predicted.right[row] - truth.right)[sure].max(initial=0.0) < 1e-5
        assert np.abs(predicted.exposed[row] - truth.exposed)[sure].max(initial=0.0) < 1e-5


def test_members_alone_make_most_outcomes_sure() -> None:
    space = TeamSpace(SPEC, TABLE.may_leave[TABLE.search])
    pool = Pool(tuple(space.candidates()), space.decisions)
    archive, evaluator = Archive(QUESTIONS), TeamEvaluator(space, TABLE)
    for probe in space.probes():
        asked = tuple(range(QUESTIONS))
        archive.add(probe.candidate, evaluator.evaluate(Trial(0, probe.candidate, asked)))

    predicted = space.predictor().predict(pool, archive, np.arange(QUESTIONS))

    assert predicted.sure is not None
    assert predicted.sure.mean() > 0.5


def test_where_nobody_told_what_may_leave_nothing_is_sure() -> None:
    space = TeamSpace(SPEC)
    pool = Pool(tuple(space.candidates()), space.decisions)
    archive, evaluator = Archive(QUESTIONS), TeamEvaluator(space, TABLE)
    whole = space.probes()[-1].candidate
    archive.add(whole, evaluator.evaluate(Trial(0, whole, tuple(range(QUESTIONS)))))

    predicted = space.predictor().predict(pool, archive, np.arange(QUESTIONS))

    assert predicted.sure is not None
    assert not predicted.sure.any()


@pytest.mark.parametrize(
    ("size", "right", "verdict"),
    [
        (3, 3, Settled.RIGHT),
        (3, 2, Settled.RIGHT),
        (3, 1, Settled.OPEN),  # the wrong two may agree
        (4, 2, Settled.ASKED),  # nobody can have three votes
        (2, 0, Settled.OPEN),  # agree on something wrong, or ask
    ],
)
def test_a_vote_is_settled_when_no_coincidence_changes_it(size, right, verdict) -> None:
    table = settled_votes((0.51,), 4)

    assert table[1, size, right] == verdict


def test_a_tie_may_go_either_way() -> None:
    assert settled_votes((0.4,), 4)[1, 4, 2] == Settled.OPEN


def test_without_a_fallback_unanimous_failure_is_settled() -> None:
    assert settled_votes((1.0,), 3)[0, 2, 0] == Settled.WRONG


def test_full_agreement_is_asked_about_as_soon_as_one_is_wrong() -> None:
    assert settled_votes((1.0,), 3)[1, 3, 2] == Settled.ASKED
