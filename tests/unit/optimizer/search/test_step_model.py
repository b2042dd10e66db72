"""What is expected of graphs from what their steps did, held against made-up outcomes."""

import numpy as np
import pytest

from optimizer.search.step_model import Seen, learn_habits, spread
from tests.unit.optimizer.search.composed_world import ComposedWorld, composed_world


@pytest.fixture(scope="module")
def world() -> ComposedWorld:
    return composed_world(("tern-xs", "tern-m", "gannet-s", "gannet-m"), questions=96, seed=3)


def seen_of(world: ComposedWorld, rows, *, share: float = 1.0, seed: int = 0) -> Seen:
    """Return outcomes of some graphs on a share of the questions."""
    shape = (len(world.parts.inputs), world.half.questions)
    asked = np.random.default_rng(seed).random((len(rows), shape[1])) < share
    seen, right = np.zeros(shape, np.bool_), np.zeros(shape, np.float32)
    sinks = world.parts.sinks[rows]
    seen[sinks], right[sinks] = asked, world.half.right[rows]
    return Seen(right, seen)


def expected(world: ComposedWorld, seen: Seen):
    habits = learn_habits(world.parts, seen)
    return spread(world.parts, habits, seen)[world.parts.sinks]


def rows_of(world: ComposedWorld, *families: str) -> list[int]:
    return [row for row, one in enumerate(world.half.table.families) if one in families]


@pytest.mark.parametrize("seed", range(4))
def test_chances_are_chances_and_what_was_seen_is_as_it_was(world: ComposedWorld, seed) -> None:
    rows = np.random.default_rng(seed).permutation(len(world.parts.sinks))[:40]
    seen = seen_of(world, rows, share=0.4, seed=seed)

    chance = expected(world, seen)

    assert float(chance.min()) >= 0.0
    assert float(chance.max()) <= 1.0
    told = seen.seen[world.parts.sinks]
    assert np.array_equal(chance[told], world.half.right[told].astype(np.float32))


def test_before_anything_was_run_larger_models_are_expected_to_be_right_more_often(
    world: ComposedWorld,
) -> None:
    chance = expected(world, seen_of(world, [0], share=0.0)).mean(axis=1)

    small, large = (world.row(f"assistant@{one}#0") for one in ("tern-xs", "gannet-m"))
    assert chance[large] > chance[small] + 0.2


def test_graphs_that_were_never_run_follow_from_their_steps(world: ComposedWorld) -> None:
    ran = rows_of(world, "single", "chain-2")
    others = np.setdiff1d(np.arange(len(world.parts.sinks)), ran)
    truth = world.half.right[others].astype(np.float64)

    chance = expected(world, seen_of(world, ran))[others]

    # What a graph's own mean would say, were it known, is worse question by question.
    by_mean = ((truth - truth.mean(axis=1, keepdims=True)) ** 2).mean()
    assert ((chance - truth) ** 2).mean() < 0.6 * by_mean
    assert np.corrcoef(chance.mean(axis=1), truth.mean(axis=1))[0, 1] > 0.85


def test_draws_leave_what_is_known_and_are_right_as_often_as_expected(
    world: ComposedWorld,
) -> None:
    seen = seen_of(world, rows_of(world, "single"))
    habits = learn_habits(world.parts, seen)
    draws = 200

    drawn = habits.drawn(np.random.default_rng(1), draws)

    alone = drawn.alone.reshape(len(world.parts.models), draws, -1)
    assert np.array_equal(alone[:, 0], habits.alone)
    assert np.array_equal(alone[:, 0], alone[:, -1])
    kept = drawn.kept.reshape(*habits.kept.shape[:3], draws, -1).mean(axis=3)
    assert np.abs(kept - habits.kept).mean() < 0.05
