"""Agent-REINFORCE on graphs of steps: what it finds, keeps to, and when it says something."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.replay.table_evaluator import TableEvaluator
from optimizer.search.agent_options import AgentOptions
from optimizer.search.agent_reinforce import AgentReinforce
from optimizer.search.composed_search import ComposedReinforce
from optimizer.search.driver import Search
from optimizer.search.model import Constraint, Measure
from optimizer.search.registry import ABLATIONS, AGENT_REINFORCE, agent_reinforce, make_search
from tests.unit.optimizer.search.composed_world import ComposedWorld, composed_world


@pytest.fixture(scope="module")
def world() -> ComposedWorld:
    return composed_world(("tern-s", "tern-m", "gannet-m"), questions=64, seed=7)


def flops_cap(world: ComposedWorld) -> Constraint:
    return Constraint(Measure.FLOPS, float(np.quantile(world.half.flops.mean(axis=1), 0.3)))


def spend(search: Search, evaluator: TableEvaluator, executions: int) -> list[str]:
    asked = []
    while evaluator.accounts.question_executions < executions:
        trials = search.ask(64)
        if not trials:
            break
        for trial in trials:
            asked.append(f"{trial.candidate.key} {trial.questions}")
            search.tell(trial, evaluator.evaluate(trial))
    return asked


def run(world: ComposedWorld, *caps: Constraint, executions: int, seed: int = 1, is_virtual=False):
    evaluator = TableEvaluator(world.space, world.half)
    search = make_search(
        AGENT_REINFORCE,
        world.problem(*caps),
        seed=seed,
        virtual=evaluator if is_virtual else None,
    )
    return search, evaluator, spend(search, evaluator, executions)


@pytest.mark.parametrize("seed", range(3))
def test_it_comes_within_a_question_of_the_optimum_in_a_tenth_of_the_graphs(
    world: ComposedWorld, seed
) -> None:
    cap = flops_cap(world)
    kept = world.half.flops.mean(axis=1) <= cap.limit
    accuracy = world.half.right.mean(axis=1)
    budget = len(world.space.candidates()) // 10 * world.half.questions

    search, _, _ = run(world, cap, executions=budget, seed=seed)

    chosen = search.recommend()
    assert chosen is not None
    row = world.row(chosen.candidate.key)
    assert kept[row]
    assert accuracy[row] >= accuracy[kept].max() - 1.0 / world.half.questions - 1e-9


def test_it_recommends_a_graph_that_keeps_the_caps_from_the_first_batch_on(
    world: ComposedWorld,
) -> None:
    cap = flops_cap(world)

    search, evaluator, _ = run(world, cap, executions=1)

    chosen = search.recommend()
    assert chosen is not None
    assert evaluator.accounts.question_executions < world.half.questions
    assert world.half.flops[world.row(chosen.candidate.key)].mean() <= cap.limit


def test_the_same_seed_asks_the_same_and_reading_changes_nothing(world: ComposedWorld) -> None:
    _, _, first = run(world, executions=500)
    evaluator = TableEvaluator(world.space, world.half)
    search = make_search(AGENT_REINFORCE, world.problem(), seed=1)

    again = []
    while evaluator.accounts.question_executions < 500:
        search.recommend()
        search.state()
        again += spend(search, evaluator, evaluator.accounts.question_executions + 1)

    assert again == first


def test_it_ends_when_nothing_can_beat_what_it_knows(world: ComposedWorld) -> None:
    search, evaluator, _ = run(world, executions=10**9)

    most = len(world.space.candidates()) * world.half.questions
    assert search.is_finished
    assert evaluator.accounts.question_executions < 0.9 * most


def test_nothing_that_could_leave_is_run_where_nothing_may(world: ComposedWorld) -> None:
    _, evaluator, asked = run(world, Constraint(Measure.CLOUD_SHARE, 0.0), executions=600)

    assert asked
    assert not any("gannet" in one for one in asked)
    assert evaluator.accounts.cloud_calls == 0


def test_calls_that_were_paid_decide_graphs_for_free(world: ComposedWorld) -> None:
    plain, paid, _ = run(world, executions=900)
    virtual, free, _ = run(world, executions=900, is_virtual=True)

    assert plain.recommend() is not None
    assert virtual.recommend() is not None
    # Executions go where calls decide nothing yet, so as many of them buy more calls.
    assert free.accounts.calls / free.accounts.question_executions > (
        paid.accounts.calls / paid.accounts.question_executions
    )


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_every_ablation_runs_and_recommends(world: ComposedWorld, name) -> None:
    evaluator = TableEvaluator(world.space, world.half)
    search = make_search(name, world.problem(flops_cap(world)), seed=2)

    spend(search, evaluator, 25 * world.half.questions)

    assert search.recommend() is not None


def test_without_structure_or_agent_the_general_form_is_taken(world: ComposedWorld) -> None:
    options = AgentOptions()

    whole = agent_reinforce(world.problem(), seed=1, options=options)
    plain = agent_reinforce(world.problem(), seed=1, options=replace(options, has_agent=False))
    blind = agent_reinforce(world.problem(), seed=1, options=replace(options, is_structured=False))

    assert isinstance(whole, ComposedReinforce)
    assert isinstance(plain, AgentReinforce)
    assert isinstance(blind, AgentReinforce)


def test_the_state_shows_probabilities_that_sum_to_one(world: ComposedWorld) -> None:
    search, _, _ = run(world, executions=400)

    table = search.state()["probabilities"]

    assert isinstance(table, dict)
    assert set(table) == {one.name for one in world.space.decisions}
    assert all(abs(sum(options.values()) - 1.0) < 0.01 for options in table.values())
