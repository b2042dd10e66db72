"""Replaying a table: outcomes, both accountings, what paid calls decide, what never leaves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.search_reference_synthetic import made_up_table
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.sensitive_table import with_sensitive
from optimizer.replay.space_document import HashClass
from optimizer.replay.split import members
from optimizer.replay.table_evaluator import TableEvaluator, TableHalf
from optimizer.replay.table_file import TableData
from optimizer.replay.table_questions import TableQuestions
from optimizer.replay.table_space import TableSpace
from optimizer.search.model import Trial
from reference.tabulated.truth import Caps, measure, optimum
from runtime.errors import ConfigInvalid, PolicyViolation

SMALL = made_up_table(("tern-s", "gannet-m"), questions=32, seed=3)
TABLE = GraphTable(SMALL)
SPACE = TableSpace(TABLE)
HALF = TableHalf(TABLE, TABLE.columns(split="search"))
EVERY = tuple(range(HALF.questions))
ASKED = st.lists(
    st.tuples(st.integers(0, len(TABLE.graphs) - 1), st.sets(st.sampled_from(EVERY), min_size=1)),
    max_size=10,
)


def test_enumeration_and_replay_agree_on_every_graph(
    table_space: TableSpace, table_half: TableHalf
) -> None:
    truth = measure(table_half.table, table_half.columns)
    evaluator = TableEvaluator(table_space, table_half)
    every = tuple(range(table_half.questions))

    for row, candidate in enumerate(table_space.candidates()):
        outcomes = evaluator.evaluate(Trial(row, candidate, every))
        assert outcomes.right.mean() == truth.accuracy[row]
        assert outcomes.exposed.mean() == truth.exposed[row]
        assert outcomes.cost_usd.mean() == pytest.approx(truth.cost_usd[row])
        assert np.quantile(outcomes.latency_s, 0.95) == truth.latency_p95_s[row]
        assert outcomes.flops.mean() == pytest.approx(
            truth.units[row] * table_half.table.unit_flops
        )
    assert evaluator.accounts.calls == table_half.call_count
    assert evaluator.accounts.question_executions == table_half.right.size


@settings(max_examples=40)
@given(ASKED)
def test_an_outcome_and_a_call_are_paid_once(asked: list[tuple[int, set[int]]]) -> None:
    evaluator = TableEvaluator(SPACE, HALF)
    pairs, calls = set[tuple[int, int]](), set[int]()

    for number, (row, questions) in enumerate(asked):
        candidate = SPACE.candidates()[row]
        evaluator.evaluate(Trial(number, candidate, tuple(sorted(questions))))
        pairs |= {(row, one) for one in questions}
        calls |= {call for one in questions for call in TABLE.calls(row, int(HALF.columns[one]))}

    accounts = evaluator.accounts
    assert accounts.question_executions == len(pairs)
    assert accounts.calls == len(calls)
    assert accounts.cloud_calls == sum(bool(TABLE.call_is_cloud[call]) for call in calls)
    assert accounts.graph_evaluations == len(asked)


@settings(max_examples=40)
@given(ASKED)
def test_paid_calls_decide_what_a_run_would_give_and_nothing_else(
    asked: list[tuple[int, set[int]]],
) -> None:
    evaluator = TableEvaluator(SPACE, HALF)
    paid = set[int]()
    for number, (row, questions) in enumerate(asked):
        candidate = SPACE.candidates()[row]
        evaluator.evaluate(Trial(number, candidate, tuple(sorted(questions))))
        paid |= {call for one in questions for call in TABLE.calls(row, int(HALF.columns[one]))}
        if number % 2:  # what was asked for before is taken up where it was left
            some = sorted(questions, reverse=True)
            assert evaluator.decided([candidate], some).known.all()

    found = evaluator.decided(SPACE.candidates(), EVERY)

    for row in range(0, len(TABLE.graphs), 7):
        for question in EVERY:
            needs = set(TABLE.calls(row, int(HALF.columns[question])))
            assert found.known[row, question] == (needs <= paid)
            assert found.exposed[row, question] == HALF.exposed[row, question]
            if found.known[row, question]:
                assert found.right[row, question] == HALF.right[row, question]
    assert found.placed.all()


async def test_a_study_pays_for_each_call_once_and_is_told_beforehand() -> None:
    questions = TableQuestions(SPACE, TABLE, HALF.columns)
    single = next(one for one in SPACE.candidates() if one.key == "assistant@gannet-m#0")
    wide = next(
        one
        for one in SPACE.candidates()
        if one.key == "fuser@tern-s(assistant@gannet-m#0,assistant@tern-s#0)"
    )
    asked = next(q for q in EVERY if HALF.exposed[SPACE.row(wide), q])

    first = await questions.evaluate(single, asked)
    reserved = questions.worst_case(wide, asked)
    second = await questions.evaluate(wide, asked)
    again = await questions.evaluate(wide, asked)

    shared = set(first.answered.call_ids) & set(second.answered.call_ids)
    assert first.spent.calls == first.answered.calls == 1
    assert second.spent == reserved
    assert second.spent.calls == len(set(second.answered.call_ids)) - len(shared)
    assert second.answered.cost_usd == pytest.approx(float(HALF.cost_usd[SPACE.row(wide), asked]))
    assert again.spent.calls == 0


async def test_a_resumed_study_pays_what_the_whole_one_would_have_paid() -> None:
    whole = TableQuestions(SPACE, TABLE, HALF.columns)
    cut = TableQuestions(SPACE, TABLE, HALF.columns)
    graphs = SPACE.candidates()[::17]

    done = [await whole.evaluate(one, 0) for one in graphs]
    for one in done[:3]:
        cut.remember(one)
    rest = [await cut.evaluate(one, 0) for one in graphs[3:]]

    assert [one.spent for one in rest] == [one.spent for one in done[3:]]


def test_sensitive_questions_never_leave_and_are_answered_by_the_edge_twin(
    table_data: TableData, graph_table: GraphTable
) -> None:
    table = GraphTable(with_sensitive(table_data, HashClass(5)))
    chosen = members([row.id for row in table.questions], HashClass(5))

    asked = graph_table.index["fuser@gannet-m(assistant@gannet-m#0,assistant@tern-s#0)"]
    twin = graph_table.index["fuser@tern-m(assistant@tern-m#0,assistant@tern-s#0)"]

    assert chosen.any()
    assert not table.exposed[:, chosen].any()
    assert (table.right[asked, chosen] == graph_table.right[twin, chosen]).all()
    assert (table.right[:, ~chosen] == graph_table.right[:, ~chosen]).all()
    assert [row.stays for row, is_chosen in zip(table.questions, chosen, strict=True) if is_chosen]
    assert not table.refused.any()


def test_two_cloud_steps_become_two_samples_of_the_edge_model(
    table_data: TableData, graph_table: GraphTable
) -> None:
    table = GraphTable(with_sensitive(table_data, HashClass(5)))
    chosen = np.flatnonzero(members([row.id for row in table.questions], HashClass(5)))
    asked = graph_table.index["fuser@tern-s(assistant@gannet-m#0,assistant@tern-m#0)"]
    twin = graph_table.index["fuser@tern-s(assistant@tern-m#0,assistant@tern-m#1)"]

    for question in chosen:
        one = table.calls(asked, int(question))
        assert set(one) == set(graph_table.calls(twin, int(question)))


def test_sensitive_questions_cost_accuracy_where_the_cloud_is_better(
    table_data: TableData, graph_table: GraphTable
) -> None:
    table = GraphTable(with_sensitive(table_data, HashClass(5)))
    search = graph_table.columns(split="search")

    free = optimum(graph_table, measure(graph_table, search), Caps())
    bound = optimum(table, measure(table, search), Caps())

    assert free is not None
    assert bound is not None
    assert bound.accuracy <= free.accuracy


def test_a_table_without_an_edge_model_keeps_no_question_in() -> None:
    data = made_up_table(("tern-s", "gannet-m"), questions=32, families=("single",))
    header = {
        **data.header,
        "catalog": {
            **data.header["catalog"],
            "nodes": {
                name: {**node, "zone": "cloud"}
                for name, node in data.header["catalog"]["nodes"].items()
            },
        },
    }

    with pytest.raises(ConfigInvalid, match="no model on the edge"):
        with_sensitive(TableData(header, data.graph_keys, data.arrays), HashClass(5))


def test_a_table_that_lets_a_sensitive_question_out_is_stopped(
    table_data: TableData, table_half: TableHalf
) -> None:
    rows = [{**row, "stays": True} for row in table_data.header["questions"]]
    table = GraphTable(
        TableData(
            {**table_data.header, "questions": rows}, table_data.graph_keys, table_data.arrays
        )
    )
    space = TableSpace(table)
    evaluator = TableEvaluator(space, TableHalf(table, table_half.columns))
    leaves = next(one for one in space.candidates() if space.can_expose(one))

    with pytest.raises(PolicyViolation, match="left the edge"):
        evaluator.evaluate(Trial(0, leaves, tuple(range(table_half.questions))))

    assert evaluator.violations == 1
    assert evaluator.accounts.question_executions == 0
