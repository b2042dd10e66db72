"""The general predictor and beliefs, on graphs with roles."""

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.belief import Believer
from optimizer.search.kriging import KrigingPredictor
from optimizer.search.model import Trial
from optimizer.search.prediction import Pool


def run_some(problem, evaluator, count: int) -> tuple[Pool, Archive, np.ndarray]:
    space = type(problem.space)(is_listed=True)
    pool = Pool(tuple(space.candidates()), space.decisions)
    archive = Archive(evaluator.questions)
    rng = np.random.default_rng(2)
    asked = tuple(range(evaluator.questions))
    for row in rng.permutation(len(pool.candidates))[:count]:
        one = pool.candidates[row]
        archive.add(one, evaluator.evaluate(Trial(0, one, asked)))
    true = np.array(
        [evaluator.evaluate(Trial(0, one, asked)).right.mean() for one in pool.candidates]
    )
    return pool, archive, true


def test_graphs_that_were_not_run_are_predicted_from_those_that_were(
    role_problem, role_evaluator
) -> None:
    pool, archive, true = run_some(role_problem, role_evaluator, 30)

    predicted = KrigingPredictor().predict(pool, archive, np.arange(role_evaluator.questions))

    unseen = np.array([archive.get(one.key) is None for one in pool.candidates])
    means = predicted.right.mean(axis=1)
    assert np.corrcoef(means[unseen], true[unseen])[0, 1] > 0.85
    assert np.abs(means - true)[unseen].mean() < true.std() / 2
    assert predicted.doubt[unseen].mean() > predicted.doubt[~unseen].mean()


def test_a_belief_is_exact_where_everything_was_run(role_problem, role_evaluator) -> None:
    pool, archive, true = run_some(role_problem, role_evaluator, 30)
    believer = Believer(pool, KrigingPredictor(), questions=role_evaluator.questions)

    belief = believer.form(archive, np.arange(role_evaluator.questions))

    done = belief.measured == role_evaluator.questions
    assert done.sum() == 30
    assert np.allclose(belief.value[done], true[done], atol=1e-6)
    assert (belief.doubt[done] == 0).all()
