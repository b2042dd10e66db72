"""Agent-REINFORCE: what it finds, what it keeps to, how quickly it answers."""

import pytest

from bench.search_latency import fill_archive
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.replay.truth import score_all
from optimizer.search.archive import Archive
from optimizer.search.registry import AGENT_REINFORCE, make_search


def spend(search, evaluator, executions: int) -> None:
    while evaluator.accounts.question_executions < executions:
        trials = search.ask(64)
        if not trials:
            return
        for trial in trials:
            search.tell(trial, evaluator.evaluate(trial))


@pytest.mark.parametrize("seed", range(3))
def test_it_comes_within_two_points_of_the_optimum_in_a_tenth_of_the_graphs(
    team_world, seed
) -> None:
    evaluator = TeamEvaluator(team_world.space, team_world.table)
    search = make_search(AGENT_REINFORCE, team_world.problem, seed=seed)
    scores = score_all(team_world.space, team_world.table, team_world.table.search)
    rule = team_world.problem.rule
    kept = scores.exposed <= rule.most_exposed(scores.questions)
    rows = {one.key: row for row, one in enumerate(team_world.space.candidates())}

    spend(search, evaluator, 15 * evaluator.questions)

    chosen = search.recommend()
    assert chosen is not None
    row = rows[chosen.candidate.key]
    assert kept[row] or chosen.candidate.choices[-1] == 0
    assert scores.accuracy[row] >= scores.accuracy[kept].max() - 0.02


def test_a_recommendation_was_run_and_says_on_how_many_questions(team_world) -> None:
    evaluator = TeamEvaluator(team_world.space, team_world.table)
    search = make_search(AGENT_REINFORCE, team_world.problem, seed=5)

    spend(search, evaluator, 6 * evaluator.questions)

    chosen = search.recommend()
    assert chosen is not None
    row = search.archive.get(chosen.candidate.key)
    assert row is not None
    assert 0 < chosen.questions <= row.count
    assert chosen.interval[0] <= chosen.accuracy <= chosen.interval[1]


def test_calls_decide_graphs_for_free(team_world) -> None:
    spent = {}
    for name in ("plain", "virtual"):
        evaluator = TeamEvaluator(team_world.space, team_world.table)
        virtual = evaluator if name == "virtual" else None
        search = make_search(AGENT_REINFORCE, team_world.problem, seed=1, virtual=virtual)
        spend(search, evaluator, 10_000_000)
        spent[name] = evaluator.accounts

    assert spent["virtual"].question_executions < spent["plain"].question_executions
    # Both run until nothing is in doubt; which calls that takes differs by a few.
    assert spent["virtual"].calls <= 1.03 * spent["plain"].calls


def test_the_state_shows_probabilities_that_sum_to_one(team_world) -> None:
    evaluator = TeamEvaluator(team_world.space, team_world.table)
    search = make_search(AGENT_REINFORCE, team_world.problem, seed=1)

    spend(search, evaluator, 8 * evaluator.questions)

    table = search.state()["probabilities"]
    assert isinstance(table, dict)
    assert set(table) == {one.name for one in team_world.space.decisions}
    assert all(abs(sum(options.values()) - 1.0) < 0.01 for options in table.values())


def test_a_long_archive_is_read_where_it_changed_and_nowhere_else(team_world, monkeypatch) -> None:
    search = make_search(AGENT_REINFORCE, team_world.problem, seed=0)
    evaluator = TeamEvaluator(team_world.space, team_world.table)
    candidates = team_world.space.candidates()
    fill_archive(search.archive, candidates, evaluator.questions, trials=3000)
    visited: list[int] = []
    changed_since = Archive.changed_since

    def counting(archive, version):
        rows = changed_since(archive, version)
        visited.append(archive.version - version)
        return rows

    def walk(archive):
        raise AssertionError("the whole archive was walked")

    monkeypatch.setattr(Archive, "changed_since", counting)
    monkeypatch.setattr(Archive, "__iter__", walk)

    trials = 0
    while trials < 40 and (asked := search.ask(64)):
        for trial in asked:
            search.tell(trial, evaluator.evaluate(trial))
        search.recommend()
        trials += len(asked)

    # A whole reading comes with a new pool or belief of it, never with a suggestion.
    assert trials >= 5
    assert sum(count >= 3000 for count in visited) <= 12
    assert sum(count for count in visited if count < 3000) < 200 * trials
