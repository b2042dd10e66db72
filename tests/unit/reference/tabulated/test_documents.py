"""Terms as runtime graphs, and back."""

from dataclasses import replace

import pytest

from optimizer.replay.graph_terms import TermInvalid, parse_term
from reference.tabulated.documents import TEMPERATURE, graph_of, seeded, term_of
from reference.tabulated.space import FAMILIES, enumerate_space
from runtime.graph.document import dump_graph, graph_from_data
from runtime.graph.hash import graph_hash
from runtime.graph.roles import Role

SPACE = enumerate_space(("a", "b"), list(FAMILIES))


def test_every_graph_comes_back_through_its_document() -> None:
    for graph in SPACE.graphs:
        document = dump_graph(graph_of(graph.term))

        assert term_of(graph_from_data(document)) == graph.term


def test_no_two_graphs_have_one_name_or_hash() -> None:
    graphs = [graph_of(graph.term) for graph in SPACE.graphs]

    assert len({graph.name for graph in graphs}) == len(graphs)
    assert len({graph_hash(graph) for graph in graphs}) == len(graphs)


def test_the_first_sample_is_greedy_and_the_others_are_drawn() -> None:
    graph = graph_of(parse_term("fuser@a(assistant@b#0,assistant@b#1)"))

    assert [step.sampling.temperature for step in graph.steps] == [0.0, TEMPERATURE, 0.0]
    assert all(step.sampling.seed is not None for step in graph.steps)


def test_a_seed_follows_from_sample_and_question() -> None:
    one = graph_of(parse_term("fuser@a(assistant@b#0,assistant@b#1)"))
    other = graph_of(parse_term("assistant@a(fuser@b(assistant@b#0,assistant@b#1))"))

    seeds = [step.sampling.seed for step in seeded(one, "question-1").steps]
    again = [step.sampling.seed for step in seeded(other, "question-1").steps]
    elsewhere = [step.sampling.seed for step in seeded(one, "question-2").steps]

    assert seeds[:2] == again[:2]
    assert seeds[0] != seeds[1]
    assert not set(seeds) & set(elsewhere)


def test_a_graph_of_another_kind_is_no_term() -> None:
    graph = graph_of(parse_term("assistant@a(assistant@b#0)"))
    steps = (replace(graph.steps[0], role=Role.GUIDE), graph.steps[1])

    with pytest.raises(TermInvalid, match="another role"):
        term_of(replace(graph, steps=steps))


def test_a_step_with_settings_of_its_own_is_no_term() -> None:
    graph = graph_of(parse_term("assistant@a#0"))
    steps = (replace(graph.steps[0], instruction="Be brief."),)

    with pytest.raises(TermInvalid, match="settings of its own"):
        term_of(replace(graph, steps=steps))
