"""The sweep and the real executor: the same answer for every graph and question."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.cache import CallCache
from reference.tabulated.checking import Ran, compare, run_graph, sample_pairs
from reference.tabulated.node_calls import NodeCalls, PortOver
from reference.tabulated.plans import Moves
from reference.tabulated.sweep import Answered, answer_question
from reference.tasks import Question
from runtime.ids import NodeName


async def run_all(
    table: GraphTable, questions: Sequence[Question], calls: NodeCalls, pairs: list[tuple[int, int]]
) -> list[tuple[int, int, Ran]]:
    nodes = {NodeName(zone): PortOver(calls, NodeName(zone)) for zone in ("edge", "cloud")}
    return [
        (g, q, await run_graph(table.graphs[g], questions[q], nodes, pool=table.pool))
        for g, q in pairs
    ]


async def test_the_executor_gives_what_the_table_says_without_one_new_call(
    small_table: GraphTable, some_questions: tuple[Question, ...], parrot_calls: NodeCalls
) -> None:
    pairs = sample_pairs(small_table, 150, seed=1)

    found = compare(small_table, await run_all(small_table, some_questions, parrot_calls, pairs))

    assert (found.compared, found.same_text, found.same_right) == (150, 150, 150)
    assert found.same_account == 150
    assert found.agreement == 1.0
    assert parrot_calls.counts.fresh == 0


async def test_every_family_agrees_on_every_kind_of_label(
    small_table: GraphTable, some_questions: tuple[Question, ...], parrot_calls: NodeCalls
) -> None:
    last_of = {family: row for row, family in enumerate(small_table.families)}
    pairs = [(g, q) for g in last_of.values() for q in range(len(some_questions))]

    found = compare(small_table, await run_all(small_table, some_questions, parrot_calls, pairs))

    assert found.same_text == found.same_account == found.compared == len(pairs)


async def test_a_difference_is_seen(
    small_table: GraphTable, some_questions: tuple[Question, ...], parrot_calls: NodeCalls
) -> None:
    ((graph, question, ran),) = await run_all(small_table, some_questions, parrot_calls, [(40, 0)])
    other = Ran(ran.text + ".", is_right=not ran.is_right, tokens=ran.tokens + 1)

    found = compare(small_table, [(graph, question, other)])

    assert (found.same_text, found.same_right, found.same_account) == (0, 0, 0)


async def test_answering_again_makes_no_call(
    some_questions: tuple[Question, ...],
    small_moves: Moves,
    small_answers: list[Answered],
    parrot_calls: NodeCalls,
) -> None:
    again = await answer_question(some_questions[0], small_moves, parrot_calls)

    assert again.calls == small_answers[0].calls
    assert parrot_calls.counts.fresh == 0


async def test_every_call_is_made_once(small_answers: list[Answered], small_cache: Path) -> None:
    with CallCache(small_cache) as cache:
        assert len(cache) == sum(len(one.calls) for one in small_answers)


def test_pairs_are_distinct_and_repeatable(small_table: GraphTable) -> None:
    pairs = sample_pairs(small_table, 200, seed=3)

    assert pairs == sample_pairs(small_table, 200, seed=3)
    assert len(set(pairs)) == 200
    assert sample_pairs(small_table, 10**9, seed=3) != pairs


@pytest.mark.parametrize("model", ["tern-s", "gannet-m"])
async def test_a_personal_question_is_restored_in_the_answer(
    model: str,
    small_table: GraphTable,
    some_questions: tuple[Question, ...],
    parrot_calls: NodeCalls,
) -> None:
    question = next(i for i, one in enumerate(some_questions) if one.is_personal)
    graph = small_table.index[f"assistant@{model}#0"]

    ((_, _, ran),) = await run_all(small_table, some_questions, parrot_calls, [(graph, question)])

    assert "<PERSON" not in ran.text
