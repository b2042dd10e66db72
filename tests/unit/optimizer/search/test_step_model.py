"""What is expected of graphs from what their steps did, held against made-up outcomes."""

import numpy as np
import pytest

from optimizer.search.step_model import Habits, Seen, learn_habits, spread
from optimizer.search.wiring import Wiring
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


def learned(wiring: Wiring, seen: Seen) -> Habits:
    return learn_habits(wiring, seen, seen.told())


def expected(world: ComposedWorld, seen: Seen):
    wiring = Wiring.of(world.parts)
    return spread(wiring, learned(wiring, seen), seen.told())[world.parts.sinks]


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
    habits = learned(Wiring.of(world.parts), seen)
    draws = 200

    drawn = habits.drawn(np.random.default_rng(1), draws)

    assert drawn.alone.shape == (len(world.parts.models), draws, world.half.questions)
    assert np.array_equal(drawn.alone[:, 0], habits.alone)
    assert np.array_equal(drawn.alone[:, 0], drawn.alone[:, -1])
    kept = drawn.kept.mean(axis=3)
    assert np.abs(kept - habits.kept).mean() < 0.05


def one_by_one(world: ComposedWorld, habits: Habits, seen: Seen) -> np.ndarray:
    """Follow every step by itself, as :func:`spread` says that it does."""
    parts = world.parts
    chance = np.zeros((len(parts.inputs), world.half.questions))
    for part, inputs in enumerate(parts.inputs):
        model = int(parts.model[part])
        if not inputs:
            own = habits.again if parts.sample[part] else habits.alone
            chance[part] = own[model]
        else:
            wrong, right = habits.kept[int(len(inputs) > 1), :, model].astype(np.float64)
            read = chance[list(inputs)]
            low, high = read.min(axis=0), read.max(axis=0)
            both = high - low
            share = np.where(both > 1e-6, (read.mean(axis=0) - low) / np.maximum(both, 1e-6), 0.5)
            between = np.minimum(wrong + share * (right - wrong) + 0.04, 1.0)
            count = habits.mixed_count[model].astype(np.float64)
            between = (between + habits.mixed_sum[model]) / (1.0 + count)
            is_one = len(inputs) == 1
            merged = (1 - high) * wrong + low * right + both * between
            chance[part] = wrong + read[0] * (right - wrong) if is_one else merged
        chance[part] = np.where(seen.seen[part], seen.right[part], chance[part])
    return chance


@pytest.mark.parametrize("seed", range(3))
def test_all_steps_at_once_are_as_one_after_the_other(world: ComposedWorld, seed) -> None:
    rows = np.random.default_rng(seed).permutation(len(world.parts.sinks))[: 20 + 200 * seed]
    seen = seen_of(world, rows, share=0.5, seed=seed)
    wiring = Wiring.of(world.parts)
    habits = learned(wiring, seen)

    chance = spread(wiring, habits, seen.told())

    assert habits.mixed_count.any()
    assert np.abs(chance - one_by_one(world, habits, seen)).max() < 1e-4


def test_some_of_the_steps_are_exactly_as_among_all(world: ComposedWorld) -> None:
    seen = seen_of(world, rows_of(world, "single", "chain-2"), share=0.5)
    wiring = Wiring.of(world.parts)
    habits = learned(wiring, seen)
    wanted = np.zeros(len(world.parts.inputs), np.bool_)
    wanted[world.parts.sinks[[3, 77, 200]]] = True

    numbers, some = wiring.only(wanted | wiring.read_by(wanted))

    chance = spread(some, habits, seen.told().among(numbers, len(wanted)))
    assert np.array_equal(numbers, world.parts.parts_of(np.array([3, 77, 200])))
    assert np.array_equal(chance, spread(wiring, habits, seen.told())[numbers])


def test_a_draw_among_others_is_that_draw_alone(world: ComposedWorld) -> None:
    seen = seen_of(world, rows_of(world, "single", "parallel-2"), share=0.5)
    wiring = Wiring.of(world.parts)
    drawn = learned(wiring, seen).drawn(np.random.default_rng(2), 3)

    together = spread(wiring, drawn, seen.told())

    for draw in range(3):
        alone = Habits(
            drawn.alone[:, draw],
            drawn.again[:, draw],
            drawn.kept[:, :, :, draw],
            drawn.mixed_sum[:, 0],
            drawn.mixed_count[:, 0],
            drawn.alone_doubt,
            drawn.kept_doubt,
        )
        assert np.array_equal(together[:, draw], spread(wiring, alone, seen.told()))
