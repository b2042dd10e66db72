"""What graphs are expected to cost, held against a made-up table."""

import numpy as np
import pytest

from optimizer.search.archive import Archive
from optimizer.search.caps import CapRule
from optimizer.search.model import Constraint, Measure
from optimizer.search.step_amounts import MeasuredAmounts, expected_excess
from tests.unit.optimizer.search.composed_world import ComposedWorld, composed_world, run_on


@pytest.fixture(scope="module")
def world() -> ComposedWorld:
    return composed_world(("tern-xs", "tern-m", "gannet-m"), questions=64, seed=5)


def excess_of(world: ComposedWorld, rows, questions, constraint: Constraint, confidence=None):
    archive = Archive(world.half.questions)
    run_on(world, archive, rows, questions)
    rule = world.problem(constraint, confidence=confidence).rule
    told = [(world.row(one.candidate.key), one) for one in archive]
    amounts = MeasuredAmounts(rule, world.half.questions)
    return expected_excess(world.parts, told, amounts), rule, told


def cap_of(world: ComposedWorld) -> Constraint:
    return Constraint(Measure.FLOPS, float(np.median(world.half.flops.mean(axis=1))))


def test_a_graph_that_was_run_on_everything_has_its_own_excess_and_no_doubt(
    world: ComposedWorld,
) -> None:
    every = range(world.half.questions)

    excess, rule, told = excess_of(world, [0, 5, 60], every, cap_of(world), confidence=0.95)

    for row, one in told:
        assert excess.doubt[row] == 0.0
        assert (excess.value[row] <= 0.0) == (rule.excess(one, can_expose=False) == 0.0)


@pytest.mark.parametrize("measure", [Measure.FLOPS, Measure.LATENCY_P95_S, Measure.COST_USD])
def test_a_few_small_graphs_tell_what_the_others_cost(world: ComposedWorld, measure) -> None:
    small = [
        row for row, one in enumerate(world.half.table.families) if one in ("single", "chain-2")
    ]
    amounts = {
        Measure.FLOPS: world.half.flops.mean(axis=1),
        Measure.COST_USD: world.half.cost_usd.mean(axis=1),
        Measure.LATENCY_P95_S: np.quantile(world.half.latency_s, 0.95, axis=1),
    }[measure]
    cap = Constraint(measure, float(np.median(amounts)))

    excess, _, _ = excess_of(world, small, range(0, world.half.questions, 4), cap)

    right_side = (excess.value <= 0.0) == (amounts <= cap.limit)
    assert right_side.mean() > 0.85


def test_questions_that_cost_more_do_not_make_the_graphs_asked_them_dearer(
    world: ComposedWorld,
) -> None:
    dear = np.argsort(-world.half.flops.mean(axis=0))[:8].tolist()
    cap, row = cap_of(world), world.row("assistant@gannet-m#0")
    archive = Archive(world.half.questions)
    run_on(world, archive, [world.row("assistant@tern-m#0")], range(world.half.questions))
    run_on(world, archive, [row], dear)
    told = [(world.row(one.candidate.key), one) for one in archive]

    amounts = MeasuredAmounts(world.problem(cap).rule, world.half.questions)
    excess = expected_excess(world.parts, told, amounts)

    naive = world.half.flops[row, dear].mean() / cap.limit - 1.0
    truth = world.half.flops[row].mean() / cap.limit - 1.0
    assert abs(excess.value[row] - truth) < abs(naive - truth)


def test_without_caps_on_amounts_nothing_is_exceeded(world: ComposedWorld) -> None:
    cap = Constraint(Measure.CLOUD_SHARE, 0.0)

    excess, _, _ = excess_of(world, [0], [0], cap)

    assert (excess.value < 0.0).all()
    assert not excess.doubt.any()


class CountingRule(CapRule):
    """Counts the bounds that it works out."""

    bounds = 0

    def bound(self, one: Constraint, values: np.ndarray) -> float:
        self.bounds += 1
        return super().bound(one, values)


def test_the_bound_of_a_graph_is_worked_out_once_however_often_it_is_asked_for(
    world: ComposedWorld,
) -> None:
    archive = Archive(world.half.questions)
    run_on(world, archive, range(20), range(8))
    rule = CountingRule((cap_of(world),), 0.95, world.half.questions)
    amounts = MeasuredAmounts(rule, world.half.questions)

    for _ in range(5):
        amounts.of(rule.amounts[0], list(archive))
    assert rule.bounds == 20

    run_on(world, archive, [3], [9])
    amounts.of(rule.amounts[0], list(archive))
    assert rule.bounds == 21


def test_an_amount_is_worked_out_anew_once_more_was_run(world: ComposedWorld) -> None:
    archive = Archive(world.half.questions)
    cap = cap_of(world)
    rule = world.problem(cap, confidence=0.95).rule
    amounts = MeasuredAmounts(rule, world.half.questions)

    for upto in (4, 9, world.half.questions):
        run_on(world, archive, [7], range(upto))
        row = next(iter(archive))
        known = amounts.of(cap, [row])
        assert known.bounds.tolist() == [rule.bounded(cap, row)]
        assert np.array_equal(known.values[0, row.seen], rule.amount(cap, row))
