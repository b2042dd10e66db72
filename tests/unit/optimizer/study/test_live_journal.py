"""A live study's journal: the same for any number of workers and wherever it was killed.

Graphs share calls here, so who pays for one must not depend on who ended first.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.evaluation.cache import CallCache, CallKey, GraphKey
from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.live import LiveEvaluator, LiveSettings
from optimizer.evaluation.model import NotKept
from optimizer.evaluation.part_nominator import PartNominator
from optimizer.evaluation.rules import GraphRules
from optimizer.evaluation.tasks import Task
from optimizer.evaluation.virtual import VirtualTrials
from optimizer.scoring.model import Scorer
from optimizer.search.caps import CapRule
from optimizer.search.model import Candidate, Constraint, Measure, Searcher
from optimizer.search.problem import Problem
from optimizer.search.registry import AGENT_REINFORCE, make_search
from optimizer.study.budget import Budget
from optimizer.study.events import Header, Outcome
from optimizer.study.execution import ExecutionSettings
from optimizer.study.journal import Journal, read_journal
from optimizer.study.model import Caps
from optimizer.study.runner import Runner, RunSettings
from optimizer.study.virtual import Virtual
from optimizer.testing import DrawingSearcher, ScriptedEdge, label_of_anna
from runtime.labels import PUBLIC, Label
from runtime.testing.fakes import ManualClock
from runtime.testing.plans import CATALOG, POLICY

MODELS = ("slm", "llm")
SPACE = GraphSpace("live", SpaceLimits(MODELS, MODELS, ("assistant", "fuser"), 2, 6, 7, 50, 0.8))
RULES = GraphRules(POLICY, CATALOG, {PUBLIC: 1.0}, (), date(2026, 1, 1), 4)
TASKS = (
    Task("one", "What is it?", "42", Scorer.NUMERIC, PUBLIC),
    Task("same", "What is it?", "42", Scorer.NUMERIC, PUBLIC),
    Task("private", "What has Anna?", "42", Scorer.NUMERIC, Label.of("person")),
    Task("talkative", "Whose is it?", "41", Scorer.NUMERIC, PUBLIC),
)
NO_CAPS = Caps()
SEARCHED = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def candidates() -> Sequence[Candidate]:
    chosen: tuple[list[str], ...] = (
        [],
        ["final.model"],
        ["s1->final"],
        ["s1->final", "s2->final", "s2.model"],
    )
    more = ["s1->final", "s2->final", "s2.model", "final.model"], ["s1->s2", "s2->final"]
    return [
        SPACE.candidate([int(one.name in on) for one in SPACE.decisions]) for on in (*chosen, *more)
    ]


def finds(text: str) -> Label:
    """Find a person in a question, and in what the models say to one that holds none itself."""
    is_told = "Whose" in text and "says" in text
    return Label.of("person") if is_told else label_of_anna(text)


class FullCache(CallCache):
    """A cache on a disk with room for a number of rows."""

    room = 0

    def put(self, key: CallKey | GraphKey, value: Mapping[str, object]) -> None:
        if self.room == 0:
            raise NotKept(Path("calls.sqlite"), "no space left on device")
        self.room -= 1
        super().put(key, value)


def drawing(seed: int) -> Searcher:
    return DrawingSearcher(candidates(), questions=len(TASKS), per_trial=3, seed=seed)


def by_habits(seed: int) -> Searcher:
    """Return Agent-REINFORCE in the form for graphs of steps, under a cap on what they cost."""
    rule = CapRule((Constraint(Measure.COST_USD, 0.001),), 0.9, len(TASKS))
    problem = Problem(SPACE, rule, len(TASKS))
    assert problem.composition is not None
    return make_search(AGENT_REINFORCE, problem, seed=seed)


def run_study(
    directory: Path,
    *,
    workers: int = 1,
    caps: Caps = NO_CAPS,
    turns: int = 0,
    seed: int = 7,
    searcher: Callable[[int], Searcher] = drawing,
    cache_rows: int = 1000,
    virtual: int = 4,
) -> tuple[str, Budget, ScriptedEdge]:
    draw = random.Random(turns)
    edge = ScriptedEdge(
        finds=finds,
        turns=lambda: draw.randrange(1, 30) if turns else 1,
        usd_per_call=1e-4,  # below the catalog's worst case, as an honest provider's price is
        usd_per_character=1.7e-8,
    )
    directory.mkdir(exist_ok=True)
    cache = FullCache(directory / "calls.sqlite", study="this")
    cache.room = cache_rows
    evaluator = LiveEvaluator(
        edge, SPACE, TASKS, rules=RULES, cache=cache, settings=LiveSettings("policy", {})
    )
    clock, listed = ManualClock(), SPACE.candidates()
    assert listed is not None

    async def run() -> tuple[str, Budget]:
        budget = Budget(caps, clock=clock)
        with Journal(directory / "journal.jsonl") as journal:
            runner = Runner(
                journal=journal,
                header=Header("live", "hash", "outcomes", "drawing", seed, len(TASKS), virtual),
                searcher=searcher(seed),
                evaluator=evaluator,
                budget=budget,
                settings=RunSettings(
                    trials=8, batch=4, executions=ExecutionSettings(workers=workers)
                ),
                pause=clock.sleep,
                virtual=VirtualTrials(PartNominator(listed, SPACE.composition), evaluator),
            )
            return await runner.run(), budget

    try:
        reason, budget = asyncio.run(run())
    finally:
        cache.close()
    return reason, budget, edge


def lines_of(directory: Path) -> bytes:
    return (directory / "journal.jsonl").read_bytes()


def outcomes_of(directory: Path) -> list[Outcome]:
    found = read_journal(directory / "journal.jsonl")
    return [event for event in found if isinstance(event, Outcome)]


@pytest.mark.parametrize("searcher", [drawing, by_habits])
@pytest.mark.parametrize(("workers", "turns"), [(2, 1), (8, 2), (8, 3), (8, 4)])
def test_the_journal_does_not_depend_on_how_many_workers_there_are_and_who_is_first(
    tmp_path: Path, workers: int, turns: int, searcher: Callable[[int], Searcher]
) -> None:
    run_study(tmp_path / "one", searcher=searcher)

    run_study(tmp_path / "many", workers=workers, turns=turns, searcher=searcher)

    assert lines_of(tmp_path / "many") == lines_of(tmp_path / "one")


def test_the_study_under_test_shares_calls_and_meets_what_can_only_run_as_a_whole(
    tmp_path: Path,
) -> None:
    run_study(tmp_path)

    outcomes = outcomes_of(tmp_path)
    fresh = [one.evaluated for one in outcomes if one.evaluated.source.value == "fresh"]
    assert any(one.spent.calls < one.answered.calls for one in fresh)
    assert any(one.in_vain for one in fresh)
    assert any(one.question == 2 for one in fresh)


def virtual_of(directory: Path) -> list[Virtual]:
    found = read_journal(directory / "journal.jsonl")
    return [event for event in found if isinstance(event, Virtual)]


def test_a_virtual_trial_says_what_a_run_of_the_graph_says_and_calls_nobody(
    tmp_path: Path,
) -> None:
    _, budget, edge = run_study(tmp_path, searcher=by_habits)
    made = len(edge.runs)
    told = [graph for event in virtual_of(tmp_path) for graph in event.graphs]
    paid = sum(len(graph.steps) for graph in edge.runs)
    cache = CallCache(tmp_path / "calls.sqlite", study="this")
    evaluator = LiveEvaluator(
        edge, SPACE, TASKS, rules=RULES, cache=cache, settings=LiveSettings("policy", {})
    )

    ran = [
        asyncio.run(evaluator.evaluate(one.candidate, question))
        for one in told
        for question, _ in one.answers
    ]

    assert told
    assert [replace(one.answered, call_ids=()) for one in ran] == [
        answered for one in told for _, answered in one.answers
    ]
    assert len(edge.runs) == made  # all of it was in the cache
    assert budget.spent.calls == paid
    cache.close()


def test_virtual_trials_change_nothing_that_is_spent_by_those_who_do_not_look_at_them(
    tmp_path: Path,
) -> None:
    _, budget, _ = run_study(tmp_path / "with", searcher=drawing)
    _, without, _ = run_study(tmp_path / "without", searcher=drawing, virtual=0)

    assert budget.spent == without.spent
    assert not virtual_of(tmp_path / "without")


def test_a_journal_of_before_virtual_trials_goes_on_without_them(tmp_path: Path) -> None:
    run_study(tmp_path, searcher=by_habits, virtual=0)
    whole = lines_of(tmp_path)
    (tmp_path / "journal.jsonl").write_bytes(whole[: len(whole) // 2])

    run_study(tmp_path, searcher=by_habits, virtual=4)

    assert b'"virtual"' not in whole
    assert lines_of(tmp_path) == whole


def test_what_the_journal_says_was_spent_is_what_the_budget_and_the_edge_say(
    tmp_path: Path,
) -> None:
    _, budget, edge = run_study(tmp_path, workers=8, turns=5)

    spent = [one.evaluated.spent for one in outcomes_of(tmp_path)]
    assert sum(one.usd for one in spent) == pytest.approx(budget.spent.usd)
    calls = sum(len(graph.steps) for graph in edge.runs)
    assert sum(one.calls for one in spent) == budget.spent.calls == calls


@SEARCHED
@given(data=st.data())
def test_a_live_study_killed_at_any_byte_ends_with_the_same_journal_and_pays_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory, seed = tmp_path_factory.mktemp("study"), data.draw(st.integers(0, 1000))
    searcher = data.draw(st.sampled_from([drawing, by_habits]))
    _, whole_budget, _ = run_study(directory, seed=seed, searcher=searcher)
    whole = lines_of(directory)
    # The cache is ahead of the journal, as it is when a process dies: calls first, outcomes then.
    end = data.draw(st.integers(0, len(whole)))
    (directory / "journal.jsonl").write_bytes(whole[:end])

    _, budget, edge = run_study(
        directory,
        seed=seed,
        workers=data.draw(st.sampled_from([1, 2, 8])),
        turns=6,
        searcher=searcher,
    )

    assert lines_of(directory) == whole
    assert budget.spent == whole_budget.spent
    # Only a call that gave something away is made again: it is of no use to any graph, so no cache
    # keeps it. A graph has at most three.
    lost = outcomes_of(directory)[_whole_outcomes(whole[:end]) :]
    assert len(edge.runs) <= 3 * sum(bool(one.evaluated.in_vain) for one in lost)


def _whole_outcomes(journal: bytes) -> int:
    return sum(b'"outcome"' in line for line in journal.split(b"\n")[:-1])


@SEARCHED
@given(
    usd=st.floats(0, 0.004),
    calls=st.integers(0, 60),
    exposed=st.integers(0, 4),
    workers=st.sampled_from([2, 8]),
    turns=st.integers(1, 50),
)
def test_no_cap_of_a_live_study_is_overshot_and_workers_do_not_change_where_it_ends(
    tmp_path_factory: pytest.TempPathFactory,
    usd: float,
    calls: int,
    exposed: int,
    workers: int,
    turns: int,
) -> None:
    caps = Caps(usd=usd, calls=calls, exposed_questions=exposed)
    one, many = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("many")

    reason, _, _ = run_study(one, caps=caps)
    again, budget, edge = run_study(many, caps=caps, workers=workers, turns=turns)

    assert (again, lines_of(many)) == (reason, lines_of(one))
    assert budget.spent.usd <= usd * (1 + 1e-9)
    assert sum(len(graph.steps) for graph in edge.runs) == budget.spent.calls <= calls
    assert len(budget.spent.exposed) <= exposed


@pytest.mark.parametrize("workers", [1, 8])
def test_a_cache_that_is_full_ends_the_run_at_once_and_room_goes_on_to_the_same_journal(
    tmp_path: Path, workers: int
) -> None:
    run_study(tmp_path / "whole")
    whole = lines_of(tmp_path / "whole")

    with pytest.raises(NotKept, match="no space left"):
        run_study(tmp_path / "full", workers=workers, cache_rows=7)
    before = outcomes_of(tmp_path / "full")
    run_study(tmp_path / "full", workers=workers)

    assert 0 < len(before) < len(outcomes_of(tmp_path / "full"))
    assert lines_of(tmp_path / "full") == whole


def test_a_live_study_killed_again_and_again_keeps_its_caps(tmp_path: Path) -> None:
    caps = Caps(calls=20)
    reason, _, _ = run_study(tmp_path / "whole", caps=caps)
    whole = lines_of(tmp_path / "whole")

    for share in (0.2, 0.4, 0.6, 0.8):
        run_study(tmp_path / "cut", caps=caps, workers=8, turns=9)
        cut = tmp_path / "cut" / "journal.jsonl"
        cut.write_bytes(whole[: int(len(whole) * share)])
    again, budget, _ = run_study(tmp_path / "cut", caps=caps, workers=8, turns=9)

    assert reason == again == "budget: calls"
    assert lines_of(tmp_path / "cut") == whole
    assert budget.spent.calls <= 20
