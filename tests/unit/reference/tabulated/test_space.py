"""The space: every graph of a family once."""

from itertools import product

import pytest

from optimizer.replay.graph_terms import canonical
from reference.tabulated.space import DEFAULT_FAMILIES, FAMILIES, enumerate_space

POOL = ("a", "b", "c")


def test_every_graph_is_canonical_and_there_once() -> None:
    space = enumerate_space(POOL, list(FAMILIES))

    keys = [graph.key for graph in space.graphs]
    assert len(set(keys)) == len(keys)
    assert all(canonical(graph.term).key == graph.key for graph in space.graphs)


def test_families_have_as_many_graphs_as_combinatorics_says() -> None:
    counts = enumerate_space(POOL, list(FAMILIES)).describe()

    assert counts["chain-3"] == 3**3
    assert counts["parallel-2"] == 6 * 3  # pairs of models with repetition, and a sink
    assert counts["parallel-4"] == 15 * 3
    assert counts["skip-edge"] == 3**3
    assert counts["graphs"] == sum(count for name, count in counts.items() if name != "graphs")


def test_no_graph_has_more_than_four_steps_and_a_sink() -> None:
    space = enumerate_space(POOL, list(FAMILIES))

    assert max(len(graph.term.steps) for graph in space.graphs) == 5


def test_six_models_make_thousands_of_graphs() -> None:
    assert 4_000 <= enumerate_space("abcdef").describe()["graphs"] <= 8_000


def test_the_pool_decides_what_plays_every_step() -> None:
    space = enumerate_space(("a", "b"), ["chain-2"])

    assert {graph.key for graph in space.graphs} == {
        f"assistant@{second}(assistant@{first}#0)" for first, second in product("ab", repeat=2)
    }


def test_a_family_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        enumerate_space(POOL, ["rings"])


def test_default_families_are_known() -> None:
    assert set(DEFAULT_FAMILIES) < set(FAMILIES)
