"""The matrices, against the plain sums that they stand for."""

import numpy as np
import pytest

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.plans import Moves
from reference.tabulated.sweep import Answered, TableCall
from reference.tabulated.world import PRICED_ON, call_flops, catalog_of, zone_of
from runtime.ids import ModelName


def calls_of(moves: Moves, answered: Answered, graph: int) -> list[TableCall]:
    """The calls of each step of a graph, the sink's last."""
    way = moves.ways[answered.kind][graph]
    return [answered.calls[answered.call_of[move]] for move in way]


def finished_us(moves: Moves, answered: Answered, move: int) -> int:
    own = answered.calls[answered.call_of[move]].latency_us
    inputs = moves.moves[move].inputs
    return own + max((finished_us(moves, answered, one) for one in inputs), default=0)


async def test_every_figure_is_the_sum_over_the_steps(
    small_table: GraphTable, small_moves: Moves, small_answers: list[Answered]
) -> None:
    table = small_table
    models = catalog_of(table.pool).model_by_name
    for question, answered in enumerate(small_answers):
        for graph in range(len(table.graphs)):
            calls = calls_of(small_moves, answered, graph)
            out = [call for call in calls if zone_of(call.model) == "cloud"]
            place = graph, question
            assert table.right[place] == calls[-1].is_right
            assert table.tokens[place] == sum(c.prompt_tokens + c.completion_tokens for c in calls)
            assert table.flops[place] == sum(
                call_flops(c.model, c.prompt_tokens, c.completion_tokens) for c in calls
            )
            assert table.cost_usd[place] == pytest.approx(
                sum(
                    models[ModelName(c.model)].cost_usd(
                        PRICED_ON,
                        prompt_tokens=c.prompt_tokens,
                        completion_tokens=c.completion_tokens,
                    )
                    for c in calls
                )
            )
            assert table.passages[place] == len(out)
            assert table.exposed[place] == bool(out)
            assert table.chars_out[place] == sum(call.prompt_chars for call in out)
            assert table.answer_mark(*place) == calls[-1].text_mark


async def test_latency_is_that_of_the_slowest_way(
    small_table: GraphTable, small_moves: Moves, small_answers: list[Answered]
) -> None:
    for question, answered in enumerate(small_answers):
        for graph, way in enumerate(small_moves.ways[answered.kind]):
            expected_s = finished_us(small_moves, answered, way[-1]) / 1e6
            assert small_table.latency_s[graph, question] == pytest.approx(expected_s)


async def test_calls_are_numbered_once_over_all_questions(
    small_table: GraphTable, small_moves: Moves, small_answers: list[Answered]
) -> None:
    numbers = {
        call
        for question in range(len(small_table.questions))
        for graph in range(len(small_table.graphs))
        for call in small_table.calls(graph, question)
    }

    assert numbers == set(range(small_table.call_count))
    sink = small_table.calls(0, 0)
    assert small_table.call_models(sink) == (small_answers[0].calls[0].model,)


async def test_graphs_that_read_the_same_share_calls(small_table: GraphTable) -> None:
    single = small_table.index["assistant@tern-s#0"]
    chain = small_table.index["assistant@tern-s(assistant@tern-s#0)"]

    assert set(small_table.calls(single, 0)) < set(small_table.calls(chain, 0))


async def test_one_unit_is_the_smallest_models_mean_call(small_table: GraphTable) -> None:
    single = small_table.index["assistant@tern-s#0"]

    assert small_table.units[single].mean() == pytest.approx(1.0)


async def test_restricted_questions_never_leave_and_edge_graphs_expose_nothing(
    small_table: GraphTable,
) -> None:
    restricted = [i for i, row in enumerate(small_table.questions) if "health" in row.label]
    on_edge = [i for i, term in enumerate(small_table.terms) if set(term.models) == {"tern-s"}]

    assert restricted
    assert not small_table.exposed[:, restricted].any()
    assert not small_table.exposed[on_edge].any()
    assert not small_table.released[:, restricted].any()


async def test_released_spans_are_those_of_questions_that_left(small_table: GraphTable) -> None:
    cloud = small_table.index["assistant@gannet-m#0"]
    held = np.array([row.spans.get("person", 0) for row in small_table.questions])

    released = small_table.spans_released("person")[cloud]

    np.testing.assert_array_equal(released, held * small_table.exposed[cloud])
    assert not small_table.spans_released("health").any()


async def test_a_model_alone_is_known_on_both_forms(
    small_table: GraphTable, small_answers: list[Answered]
) -> None:
    raw = small_table.single_right("tern-s", is_released=False)
    released = small_table.single_right("tern-s", is_released=True)
    single = small_table.index["assistant@tern-s#0"]

    assert raw == {i: bool(small_table.right[single, i]) for i in range(len(small_answers))}
    assert set(released) == {
        i for i, row in enumerate(small_table.questions) if row.label and "health" not in row.label
    }


async def test_columns_are_those_of_a_half_and_a_task(small_table: GraphTable) -> None:
    for column in small_table.columns(split="search", task="rota"):
        assert small_table.questions[column].split == "search"
        assert small_table.questions[column].task == "rota"
    assert len(small_table.columns()) == len(small_table.questions)
