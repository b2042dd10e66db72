"""Promises that every searcher keeps, on teams and on graphs with roles."""

import random
from importlib.util import find_spec

import pytest

from optimizer.replay.evaluator import TeamEvaluator
from optimizer.search.driver import Search
from optimizer.search.model import Trial
from optimizer.search.problem import Problem
from optimizer.search.registry import SEARCHERS, make_search
from runtime.errors import NotFound, NotImplementedYet

NEEDS_OPTUNA = {"tpe", "gp", "nsga2"}
BUILT_IN = [name for name in SEARCHERS if name not in NEEDS_OPTUNA]


def run(search: Search, evaluator, *, workers: int, seed: int, trials: int) -> list[Trial]:
    """Let workers take trials and tell them in a random order, some of them twice."""
    order = random.Random(seed)
    held: list[Trial] = []
    taken: list[Trial] = []
    while len(taken) < trials:
        held.extend(search.ask(workers - len(held)))
        if not held:
            break
        trial = held.pop(order.randrange(len(held)))
        outcomes = evaluator.evaluate(trial)
        search.tell(trial, outcomes)
        if order.random() < 0.3:
            search.tell(trial, outcomes)
        taken.append(trial)
    return sorted(taken, key=lambda one: one.number)[: trials // 2]


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_same_seed_gives_the_same_trials_whoever_runs_them(name, team_world) -> None:
    sequences = []
    for workers in (1, 2, 8):
        search = make_search(name, team_world.problem, seed=3)
        evaluator = TeamEvaluator(team_world.space, team_world.table)
        sequences.append(run(search, evaluator, workers=workers, seed=workers, trials=60))

    assert sequences[0]
    assert sequences[0] == sequences[1] == sequences[2]


@pytest.mark.parametrize("name", BUILT_IN)
def test_recommending_in_between_changes_no_trial(name, team_world) -> None:
    sequences = []
    for is_curious in (False, True):
        search = make_search(name, team_world.problem, seed=1)
        evaluator = TeamEvaluator(team_world.space, team_world.table)
        asked = []
        while len(asked) < 50 and (trials := search.ask(1)):
            if is_curious:
                search.recommend()
            search.tell(trials[0], evaluator.evaluate(trials[0]))
            if is_curious:
                search.recommend()
                search.state()
            asked.append(trials[0])
        sequences.append(asked)

    assert sequences[0] == sequences[1]


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_outcome_is_asked_for_twice(name, team_world) -> None:
    search = make_search(name, team_world.problem, seed=2)
    evaluator = TeamEvaluator(team_world.space, team_world.table)
    seen: set[tuple[str, int]] = set()

    for _ in range(80):
        for trial in search.ask(4):
            pairs = {(trial.candidate.key, question) for question in trial.questions}
            assert not pairs & seen
            seen |= pairs
            search.tell(trial, evaluator.evaluate(trial))

    assert len(seen) == evaluator.accounts.question_executions


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "exhaustive"])
def test_every_searcher_works_on_graphs_with_roles(
    name, role_problem: Problem, role_evaluator
) -> None:
    search = make_search(name, role_problem, seed=4)

    for _ in range(150):
        for trial in search.ask(4):
            assert role_problem.space.refusal(trial.candidate.choices) is None
            search.tell(trial, role_evaluator.evaluate(trial))

    chosen = search.recommend()
    assert chosen is not None
    cost = float(role_evaluator.evaluate(Trial(0, chosen.candidate, (0,))).cost_usd[0])
    assert cost <= 7.0


def test_an_exhaustive_search_ends_with_every_graph_run(team_world) -> None:
    search = make_search("exhaustive", team_world.problem, seed=0)
    evaluator = TeamEvaluator(team_world.space, team_world.table)

    while trials := search.ask(16):
        for trial in trials:
            search.tell(trial, evaluator.evaluate(trial))

    assert search.is_finished
    assert len(search.archive) == len(team_world.space.candidates())


def test_an_unknown_name_gets_a_suggestion(team_world) -> None:
    with pytest.raises(NotFound, match="evolution"):
        make_search("evolutoin", team_world.problem, seed=0)


@pytest.mark.parametrize("name", sorted(NEEDS_OPTUNA))
def test_a_missing_package_is_named_or_the_searcher_works(name, team_world) -> None:
    needed = ("optuna", "torch") if name == "gp" else ("optuna",)
    if any(find_spec(one) is None for one in needed):
        with pytest.raises(NotImplementedYet, match="package"):
            make_search(name, team_world.problem, seed=0)
        return
    search = make_search(name, team_world.problem, seed=0)
    evaluator = TeamEvaluator(team_world.space, team_world.table)
    for _ in range(12):
        for trial in search.ask():
            search.tell(trial, evaluator.evaluate(trial))
    assert len(search.archive) > 3
