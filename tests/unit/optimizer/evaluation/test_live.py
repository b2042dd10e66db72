"""What is paid for once is free afterwards, and failures, refusals and labels are told apart."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from optimizer.evaluation.cache import CallCache
from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.live import LiveEvaluator, LiveSettings, check_models
from optimizer.evaluation.model import NOTHING, Evaluated, Source
from optimizer.evaluation.rules import GraphRules
from optimizer.evaluation.tasks import Task
from optimizer.scoring.model import Scorer
from optimizer.search.model import Candidate
from optimizer.testing import ENVELOPE_BYTES, ScriptedEdge
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import BackendUnavailable, LeakFound, StudyInvalid
from runtime.labels import PUBLIC, Label
from runtime.ports import ChatMessage
from runtime.testing.plans import CATALOG, POLICY

MODELS = ("slm", "llm")
SPACE = GraphSpace("live", SpaceLimits(MODELS, MODELS, ("assistant", "fuser"), 2, 6, 7, 50, 0.8))
RULES = GraphRules(POLICY, CATALOG, {PUBLIC: 1.0}, (), date(2026, 1, 1), 4)
TASKS = (
    Task("public", "What is it?", "42", Scorer.NUMERIC, PUBLIC),
    Task("private", "What has Anna?", "42", Scorer.NUMERIC, Label.of("person")),
)


def evaluator(
    edge: ScriptedEdge, directory: Path, *, study: str = "one", policy: str = "policy"
) -> LiveEvaluator:
    cache = CallCache(directory / "calls.sqlite", study=study)
    settings = LiveSettings(policy, {"slm": "r1"})
    return LiveEvaluator(edge, SPACE, TASKS, rules=RULES, cache=cache, settings=settings)


def candidate(*on: str) -> Candidate:
    return SPACE.candidate([int(one.name in on) for one in SPACE.decisions])


SINGLE = candidate("final.model")
WIDE = candidate("s1->final", "s2->final", "s2.model")
CHAIN = candidate("s1->final")


async def test_a_public_question_is_run_call_by_call(tmp_path: Path) -> None:
    edge = ScriptedEdge()

    found = await evaluator(edge, tmp_path).evaluate(WIDE, 0)

    assert [len(graph.steps) for graph in edge.runs] == [1, 1, 1]
    assert found.answered.right == 1.0
    assert (found.answered.calls, found.answered.cloud_calls) == (3, 1)
    assert found.answered.latency_s == pytest.approx(1.0)  # two side by side, then the sink
    assert found.spent.usd == found.answered.cost_usd == pytest.approx(0.001)
    assert found.spent.exposed == {0}


async def test_calls_one_by_one_come_to_what_the_whole_graph_comes_to(tmp_path: Path) -> None:
    edge = ScriptedEdge()
    whole = await ScriptedEdge().run(
        CollaborationCall(SPACE.graph(WIDE), (ChatMessage("user", TASKS[0].question),))
    )

    found = await evaluator(edge, tmp_path).evaluate(WIDE, 0)

    assert found.answered.tokens == whole.tokens
    assert found.answered.cost_usd == pytest.approx(whole.cost_usd)


async def test_the_bytes_that_leave_are_those_that_cloud_models_read(tmp_path: Path) -> None:
    call = CollaborationCall(SPACE.graph(WIDE), (ChatMessage("user", TASKS[0].question),))
    whole = await ScriptedEdge().run(call)
    # The scripted edge counts every character that a model reads as a token.
    read = sum(s.usage.prompt_tokens for s in whole.receipt.steps if s.zone == "cloud")

    live = evaluator(ScriptedEdge(), tmp_path)
    by_calls, labelled = await live.evaluate(WIDE, 0), await live.evaluate(WIDE, 1)
    at_home = await live.evaluate(candidate(), 0)

    assert by_calls.answered.egress_bytes == read > 0
    more = len(TASKS[1].question) - len(TASKS[0].question)
    assert labelled.answered.egress_bytes == read + more + ENVELOPE_BYTES
    assert at_home.answered.egress_bytes == 0


async def test_bytes_are_bytes_and_not_characters(tmp_path: Path) -> None:
    task = Task("umlaut", "Gr\u00fc\u00dfe?", "42", Scorer.NUMERIC, PUBLIC)
    cache = CallCache(tmp_path / "calls.sqlite", study="one")
    settings = LiveSettings("policy", {})
    live = LiveEvaluator(
        ScriptedEdge(), SPACE, (task,), rules=RULES, cache=cache, settings=settings
    )

    found = await live.evaluate(SINGLE, 0)

    assert found.answered.egress_bytes == len(task.question.encode()) == 8


async def test_a_graph_is_decided_by_calls_of_the_journal_and_not_by_what_else_is_cached(
    tmp_path: Path,
) -> None:
    live = evaluator(ScriptedEdge(), tmp_path)
    ran = (await live.evaluate(WIDE, 0)).answered
    paid = set(ran.call_ids)

    assert await live.decide(WIDE, 0, paid) == ran
    for missing in paid:
        assert await live.decide(WIDE, 0, paid - {missing}) is None
    assert await live.decide(CHAIN, 0, paid) is None  # its second step was never asked
    assert await live.decide(WIDE, 1, paid) is None


async def test_a_call_that_another_graph_made_is_free(tmp_path: Path) -> None:
    live = evaluator(ScriptedEdge(), tmp_path)

    first = await live.evaluate(WIDE, 0)
    second = await live.evaluate(CHAIN, 0)

    shared = set(first.answered.call_ids) & set(second.answered.call_ids)
    assert len(shared) == 1
    assert second.answered.calls == 2
    assert second.spent.calls == 1
    assert second.spent.executions == 1


async def test_the_same_call_of_two_graphs_at_once_is_made_once(tmp_path: Path) -> None:
    edge = ScriptedEdge()
    live = evaluator(edge, tmp_path)

    both = await asyncio.gather(live.evaluate(WIDE, 0), live.evaluate(CHAIN, 0))

    assert len(edge.runs) == 4
    assert sum(one.spent.calls for one in both) == 4


async def test_a_labelled_question_is_run_as_a_whole_and_paid_for_once(tmp_path: Path) -> None:
    edge = ScriptedEdge()
    live = evaluator(edge, tmp_path)

    first, again = await live.evaluate(WIDE, 1), await live.evaluate(WIDE, 1)

    assert [len(graph.steps) for graph in edge.runs] == [3]
    assert first.spent.calls == 3
    assert again.answered == first.answered
    assert again.spent == NOTHING


async def test_another_policy_or_revision_is_another_outcome(tmp_path: Path) -> None:
    edge = ScriptedEdge()
    await evaluator(edge, tmp_path).evaluate(WIDE, 1)

    await evaluator(edge, tmp_path, policy="stricter").evaluate(WIDE, 1)

    assert len(edge.runs) == 2


@pytest.mark.parametrize("question", [0, 1])
async def test_what_another_study_paid_for_is_free(tmp_path: Path, question: int) -> None:
    await evaluator(ScriptedEdge(), tmp_path, study="one").evaluate(WIDE, question)
    edge = ScriptedEdge()

    found = await evaluator(edge, tmp_path, study="two").evaluate(WIDE, question)

    assert edge.runs == []
    assert (found.source, found.spent) == (Source.CACHE, NOTHING)


async def test_a_killed_study_pays_for_what_it_had_bought_but_not_recorded(tmp_path: Path) -> None:
    bought = await evaluator(ScriptedEdge(), tmp_path).evaluate(WIDE, 0)  # and killed here

    again = await evaluator(ScriptedEdge(), tmp_path).evaluate(WIDE, 0)

    assert again.spent == bought.spent


async def test_a_resumed_study_does_not_pay_again_for_what_it_recorded(tmp_path: Path) -> None:
    recorded = await evaluator(ScriptedEdge(), tmp_path).evaluate(WIDE, 0)
    resumed = evaluator(ScriptedEdge(), tmp_path)

    resumed.remember(recorded)
    shared = await resumed.evaluate(CHAIN, 0)

    assert shared.spent.calls == 1


async def test_a_failure_is_raised_and_its_finished_calls_are_kept(tmp_path: Path) -> None:
    edge = ScriptedEdge()
    live = evaluator(edge, tmp_path)
    await live.evaluate(CHAIN, 0)
    edge.fails = [BackendUnavailable("gone")]

    with pytest.raises(BackendUnavailable):
        await live.evaluate(WIDE, 0)
    found = await live.evaluate(WIDE, 0)

    assert found.answered.right == 1.0


async def test_a_graph_that_the_edge_refuses_answered_wrong(tmp_path: Path) -> None:
    edge = ScriptedEdge(fails=[LeakFound("no way")])

    found = await evaluator(edge, tmp_path).evaluate(WIDE, 1)

    assert (found.answered.right, found.answered.cost_usd) == (0.0, 0.0)
    assert (found.spent.executions, found.spent.usd) == (1, 0.0)


async def test_what_an_answer_gives_away_sends_the_graph_through_as_a_whole(
    tmp_path: Path,
) -> None:
    edge = ScriptedEdge(finds=lambda text: Label.of("person") if "says" in text else PUBLIC)

    found = await evaluator(edge, tmp_path).evaluate(CHAIN, 0)

    assert [len(graph.steps) for graph in edge.runs] == [1, 1, 2]
    assert found.spent.calls == 4  # also the two calls that were in vain


async def test_a_worst_case_is_never_exceeded(tmp_path: Path) -> None:
    live = evaluator(ScriptedEdge(), tmp_path)

    for one in (SINGLE, WIDE, CHAIN):
        for question in range(len(TASKS)):
            worst, found = live.worst_case(one, question), await live.evaluate(one, question)
            assert isinstance(found, Evaluated)
            assert found.spent.calls <= worst.calls
            assert found.spent.exposed <= worst.exposed


async def test_a_model_that_the_edge_does_not_know_is_told_before_anything_runs() -> None:
    edge = ScriptedEdge()

    with pytest.raises(StudyInvalid, match='lists "nobody", which the edge does not know'):
        await check_models(edge, ("slm", "nobody"), TASKS[0])

    assert edge.runs == []
