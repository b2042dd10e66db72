"""What is learned holds for groups that were not seen; folds and draws are what they say."""

import numpy as np
import pytest

from optimizer.routing.curve import Ranking
from optimizer.routing.fit import fit_predictor
from optimizer.routing.folds import folds_of
from optimizer.routing.forest_fit import ForestOptions, grow_forest
from optimizer.routing.intervals import draws_of_groups, draws_of_questions, interval
from runtime.routing.forest import LEAF
from runtime.routing.form import FORM_NAMES


def test_a_rule_of_two_features_is_found_for_unseen_groups() -> None:
    draw, rows = np.random.default_rng(11), 1_500
    features = draw.random((rows, len(FORM_NAMES))).astype(np.float32)
    groups = [f"subject {at % 15}" for at in range(rows)]
    is_hard = (features[:, 3] > 0.4) & (features[:, 9] > 0.4)
    weak = draw.random(rows) < np.where(is_hard, 0.3, 0.8)
    strong = draw.random(rows) < 0.85
    right = np.stack([weak, strong], axis=1)
    out = folds_of(groups, 3) == 0
    known = [group for group, is_out in zip(groups, out, strict=True) if not is_out]
    predictor = fit_predictor(("w", "s"), features[~out], right[~out], known, trees=30)
    found = predictor.predict_features(features[out])
    assert Ranking(found[:, 1] - found[:, 0], weak[out], strong[out]).curve().apgr > 0.6
    assert found[:, 1].mean() == pytest.approx(0.85, abs=0.06)
    assert ((found >= 0) & (found <= 1)).all()


def test_leaves_hold_the_mean_of_their_rows_and_no_fewer_than_allowed() -> None:
    draw = np.random.default_rng(12)
    bins = draw.integers(0, 40, (300, 4)).astype(np.uint8)
    values = draw.random((300, 2)).astype(np.float32)
    forest = grow_forest(
        bins, values, values, seed=1, options=ForestOptions(1, smallest_leaf=20, drawn_share=0.5)
    )
    said = forest.predict(bins)
    leaves = np.unique(said, axis=0)
    assert 1 < len(leaves) == (forest.features == LEAF).sum()
    for leaf in leaves:
        mine = (said == leaf).all(axis=1)
        assert mine.sum() >= 20
        np.testing.assert_allclose(values[mine].mean(axis=0), leaf, atol=1e-5)


def test_features_that_never_differ_leave_one_leaf() -> None:
    bins = np.zeros((50, 3), dtype=np.uint8)
    values = np.ones((50, 1), dtype=np.float32)
    forest = grow_forest(bins, values, values, seed=1, options=ForestOptions(2, 5))
    assert forest.features.tolist() == [LEAF, LEAF]
    assert forest.predict(bins).ravel().tolist() == [1.0] * 50


def test_folds_keep_groups_together_and_are_never_empty() -> None:
    groups = [f"g{at % 7}" for at in range(70)]
    folds = folds_of(groups, 5)
    assert set(folds.tolist()) == set(range(5))
    assert len({(group, int(fold)) for group, fold in zip(groups, folds, strict=True)}) == 7
    assert folds.tolist() == folds_of(groups, 5).tolist()


def test_draws() -> None:
    assert all(counts.sum() == 40 for counts in draws_of_questions(40, 5, seed=0))
    for counts in draws_of_groups(["a"] * 3 + ["b"] * 2, 20, seed=0):
        assert len(set(counts[:3])) == len(set(counts[3:])) == 1
    assert interval(lambda counts: float(counts[0]), draws_of_questions(9, 400, 0)) == (0.0, 3.0)


def test_draws_without_a_figure_are_left_out() -> None:
    def never(counts: object) -> float:
        raise ValueError

    assert interval(never, draws_of_questions(9, 5, 0)) is None
