"""Predicting teams from their members."""

import numpy as np

from bench.search_synthetic import Kind, make_matrix
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.replay.matrix import matrix_from_data
from optimizer.replay.space_document import HashClass, TeamSpec
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import build_table
from optimizer.replay.truth import score_all
from optimizer.search.archive import Archive
from optimizer.search.model import Trial
from optimizer.search.prediction import Pool

SPEC = TeamSpec(
    name="t",
    edge=tuple(f"edge-{one}" for one in range(5)),
    cloud=("cloud-0", "cloud-1"),
    thresholds=(0.51, 0.76, 1.0),
    caps=(0.2,),
    sensitive=HashClass(5),
    split=HashClass(2),
)
KIND = Kind(700, (0.3, 0.7, 0.9, 1.1, 1.2), (2.0, 2.4), seed=6)


def world(share: float):
    """Run the probes on a share of the questions; return what is needed to compare."""
    space = TeamSpace(SPEC)
    table = build_table(matrix_from_data(make_matrix(KIND)), SPEC)
    evaluator = TeamEvaluator(space, table)
    archive = Archive(evaluator.questions)
    asked = tuple(range(int(share * evaluator.questions)))
    for probe in space.probes():
        archive.add(probe.candidate, evaluator.evaluate(Trial(0, probe.candidate, asked)))
    return space, table, archive, np.array(asked)


def test_probes_alone_predict_all_teams_within_a_few_points() -> None:
    space, table, archive, asked = world(1.0)
    pool = Pool(tuple(space.candidates()), space.decisions)

    predicted = space.predictor().predict(pool, archive, asked)

    scores = score_all(space, table, table.search)
    error = predicted.right.mean(axis=1) - scores.accuracy
    assert np.abs(error).mean() < 0.012
    assert np.abs(predicted.exposed.mean(axis=1) - scores.share).mean() < 0.02
    assert np.corrcoef(predicted.right.mean(axis=1), scores.accuracy)[0, 1] > 0.95


def test_what_may_not_leave_is_expected_to_stay() -> None:
    space, table, archive, asked = world(1.0)
    pool = Pool(tuple(space.candidates()), space.decisions)

    predicted = space.predictor().predict(pool, archive, asked)

    stays = ~table.may_leave[table.search]
    disputed = archive.get(space.probes()[-1].candidate.key).exposed
    assert predicted.exposed[:, stays].mean() < predicted.exposed[:, disputed].mean() / 8


def test_questions_that_nobody_was_asked_are_no_obstacle() -> None:
    space, _, archive, asked = world(0.5)
    pool = Pool(tuple(space.candidates()), space.decisions)
    longer = np.arange(len(asked) + 20)

    predicted = space.predictor().predict(pool, archive, longer)

    assert np.isfinite(predicted.right).all()
    assert (predicted.right >= 0).all()
    assert (predicted.right <= 1 + 1e-6).all()
