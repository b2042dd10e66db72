"""Canonical terms: one text per graph, and one graph per text."""

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.replay.graph_terms import Term, TermInvalid, canonical, parse_term

MODELS = st.sampled_from(["a", "b"])


@st.composite
def terms(draw: st.DrawFn) -> Term:
    """Any graph of up to five steps, as the space has them and beyond."""
    made = [Term("assistant", draw(MODELS), sample) for sample in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(0, 2))):
        read = draw(st.permutations(made))[: draw(st.integers(1, len(made)))]
        inputs = tuple(sorted(read, key=lambda term: term.key))
        role = "fuser" if len(inputs) > 1 else "assistant"
        made.append(Term(role, draw(MODELS), inputs=inputs))
    unique = tuple({term.key: term for term in made}.values())
    used = {one.key for term in unique for one in term.inputs}
    tips = tuple(term for term in unique if term.key not in used)
    return tips[0] if len(tips) == 1 else Term("fuser", draw(MODELS), inputs=tips)


def shuffled(term: Term, draw: st.DrawFn) -> Term:
    """The same graph: inputs in another order, samples with other numbers."""
    offsets = {model: draw(st.integers(0, 5)) for model in ("a", "b")}
    turned: dict[str, Term] = {}
    for step in term.steps:  # each once, so that a step read by two stays one step
        if step.inputs:
            inputs = tuple(turned[source.key] for source in draw(st.permutations(step.inputs)))
            turned[step.key] = Term(step.role, step.model, inputs=inputs)
        else:
            sample = 7 - step.sample + offsets[step.model]
            turned[step.key] = Term(step.role, step.model, sample)
    return turned[term.key]


def drawing(term: Term) -> "nx.DiGraph[str]":
    """The graph as networkx knows it, without names of steps."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for step in term.steps:
        graph.add_node(step.key, kind=(step.role, step.model))
        graph.add_edges_from((source.key, step.key) for source in step.inputs)
    return graph


def is_same_graph(one: Term, other: Term) -> bool:
    return bool(
        nx.is_isomorphic(
            drawing(one), drawing(other), node_match=lambda a, b: a["kind"] == b["kind"]
        )
    )


@given(st.data())
def test_order_of_inputs_and_numbers_of_samples_do_not_change_the_key(data: st.DataObject) -> None:
    term = data.draw(terms())

    other = shuffled(term, data.draw)

    assert canonical(other).key == canonical(term).key


@given(terms(), terms())
def test_two_graphs_have_one_key_exactly_when_they_are_isomorphic(one: Term, other: Term) -> None:
    assert (canonical(one).key == canonical(other).key) == is_same_graph(one, other)


@given(terms())
def test_a_canonical_term_is_its_own_canonical_form_and_the_same_graph(term: Term) -> None:
    found = canonical(term)

    assert canonical(found) == found
    assert is_same_graph(found, term)


@given(terms())
def test_a_key_reads_back_as_its_term(term: Term) -> None:
    assert parse_term(term.key) == term


def test_a_term_tells_its_shape() -> None:
    term = parse_term("fuser@b(assistant@a(assistant@a#0),assistant@a#0,assistant@b#0)")

    assert (term.width, term.depth, term.in_degree, term.edges) == (2, 3, 3, 4)
    assert term.models == {"a": 2, "b": 2}
    assert [step.key for step in term.steps][-1] == term.key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "assistant@a",
        "guide@a#0",
        "fuser@a#0",
        "fuser@a(assistant@b#0)",
        "assistant@a(assistant@b#0,assistant@b#1)",
        "fuser@a(assistant@b#0,assistant@b#0)",
        "fuser@a(assistant@b#0,assistant@b#1",
        "assistant@a#0 ",
        "assistant@a#01",
        "assistant@A#0",
    ],
)
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(TermInvalid):
        parse_term(text)


def test_two_steps_that_differ_only_in_the_order_of_what_they_read_are_refused() -> None:
    one = parse_term("fuser@a(assistant@a#0,assistant@b#0)")
    other = parse_term("fuser@a(assistant@b#0,assistant@a#0)")

    with pytest.raises(TermInvalid, match="twice"):
        canonical(Term("fuser", "b", inputs=(one, other)))
