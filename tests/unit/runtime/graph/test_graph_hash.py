"""The hash changes with the meaning and with nothing else."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.graph.document import dump_graph, parse_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.ids import ModelName
from runtime.testing.strategies import graphs

BASE = """
leeward: graph/v1
name: g
steps:
  a: {role: assistant, model: m, samples: 3}
  b: {role: assistant, outputs: {way: [left, right]}}
  c: {role: fuser}
edges:
  - a -> c
  - b -> c
  - {from: a, to: b, when: "a.agreement < 0.7"}
"""


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_steps_does_not_count(graph: Graph, random: Random) -> None:
    steps = list(graph.steps)
    random.shuffle(steps)

    assert graph_hash(replace(graph, steps=tuple(steps))) == graph_hash(graph)


@given(graphs())
def test_the_order_of_edges_into_different_steps_does_not_count(graph: Graph) -> None:
    by_target = sorted(graph.edges, key=lambda edge: edge.target, reverse=True)

    assert graph_hash(replace(graph, edges=tuple(by_target))) == graph_hash(graph)


@given(graphs(), graphs())
def test_different_documents_have_different_hashes(one: Graph, other: Graph) -> None:
    same_hash = graph_hash(one) == graph_hash(other)

    if dump_graph(one) == dump_graph(other):
        assert same_hash
    if set(one.steps) != set(other.steps) or set(one.edges) != set(other.edges):
        assert not same_hash


def test_formatting_comments_and_written_defaults_do_not_count() -> None:
    rewritten = BASE.replace("role: fuser", "samples: 1, role: fuser, instruction: ''").replace(
        "  - a -> c\n", "  # first\n  - {to: c, from: a}\n"
    )

    assert graph_hash(parse_graph(rewritten)) == graph_hash(parse_graph(BASE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: g", "name: h"),
        ("model: m", "model: n"),
        ("samples: 3", "samples: 4"),
        ("role: fuser", "role: fuser, instruction: Be brief."),
        ("role: fuser", "role: fuser, max_tokens: 9"),
        ("role: fuser", "role: fuser, sampling: {seed: 1}"),
        ("[left, right]", "[left, right, ahead]"),
        ("< 0.7", "<= 0.7"),
        ("< 0.7", "< 0.71"),
        ("  - a -> c\n  - b -> c", "  - b -> c\n  - a -> c"),
    ],
)
def test_whatever_matters_changes_the_hash(old: str, new: str) -> None:
    changed = parse_graph(BASE.replace(old, new))

    assert graph_hash(changed) != graph_hash(parse_graph(BASE))


def test_the_hash_of_a_known_graph_is_fixed() -> None:
    """Receipts and signatures hold it, so it may only change with ``graph/v2``."""
    graph = parse_graph("leeward: graph/v1\nname: g\nsteps: {a: {role: assistant}}")

    assert graph_hash(graph) == "98de978702577f518f3bf2f57ffbaf66791629a23d1c75e591709c386b46cb59"


def test_naming_an_open_model_changes_the_hash() -> None:
    graph = parse_graph(BASE)
    named = replace(graph.steps[1], model=ModelName("m"))

    changed = replace(graph, steps=(graph.steps[0], named, graph.steps[2]))

    assert graph_hash(changed) != graph_hash(graph)
