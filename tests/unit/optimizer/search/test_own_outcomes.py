"""Own outcomes of graphs, held against a plain walk over the archive."""

import numpy as np
import pytest

from optimizer.search.archive import Archive
from optimizer.search.model import Candidate, CandidateKey, Decision, DecisionKind, Outcomes
from optimizer.search.own_outcomes import OwnOutcomes
from optimizer.search.prediction import Pool

QUESTIONS = 30
POOL = Pool(
    tuple(Candidate(CandidateKey(f"g{one}"), (one,)) for one in range(12)),
    (Decision("which", DecisionKind.MODEL, tuple(f"m{one}" for one in range(12))),),
)


def filled(rng: np.random.Generator) -> Archive:
    archive = Archive(QUESTIONS)
    nothing = np.zeros(5)
    for _ in range(20):
        asked = rng.permutation(QUESTIONS)[:5]
        right, exposed = rng.integers(2, size=5).astype(np.float64), rng.random(5) < 0.5
        one = POOL.candidates[int(rng.integers(8))]
        archive.add(one, Outcomes(asked, right, exposed, nothing, nothing, nothing))
    return archive


@pytest.mark.parametrize("count", [1, 13, QUESTIONS], ids=["one", "some", "all"])
@pytest.mark.parametrize("seed", range(3))
def test_outcomes_are_written_where_they_belong_in_any_order_of_the_questions(seed, count) -> None:
    rng = np.random.default_rng(seed)
    archive, questions = filled(rng), rng.permutation(QUESTIONS)[:count]
    right = rng.random((len(POOL.candidates), count)).astype(np.float32)
    exposed, certain = right.copy(), rng.random(right.shape) < 0.2
    before, was_certain = right.copy(), certain.copy()
    own = OwnOutcomes(POOL, QUESTIONS)
    own.learn(archive)

    settled = own.settle(questions, right, exposed, certain)

    for place, graph in enumerate(settled.rows.tolist()):
        row = archive.get(POOL.candidates[graph].key)
        told = [at for at, question in enumerate(questions) if row.seen[question]]
        was_open = [at for at in told if not was_certain[graph, at]]
        errors = [float(row.right[questions[at]] - before[graph, at]) for at in was_open]
        assert right[graph, told].tolist() == row.right[questions[told]].tolist()
        assert exposed[graph, told].tolist() == row.exposed[questions[told]].tolist()
        assert certain[graph, told].all()
        assert settled.counts[place] == len(told)
        assert settled.asked[place] == len(was_open)
        assert settled.error[place] == pytest.approx(sum(errors) / max(len(errors), 1), abs=1e-6)
    never = np.setdiff1d(np.arange(len(POOL.candidates)), settled.rows)
    assert np.array_equal(right[never], before[never])
    assert np.array_equal(certain[never], was_certain[never])
