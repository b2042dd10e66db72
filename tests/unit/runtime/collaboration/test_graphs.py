"""What a caller's choice of graph means."""

import pytest

from runtime.catalog.document import parse_catalog
from runtime.collaboration.graphs import Auto, GraphBook, Inline, Named, PlainModel, choice_of
from runtime.errors import NotFound
from runtime.graph.document import parse_graph
from runtime.ids import ModelName

CATALOG = parse_catalog("leeward: catalog/v1\nnodes: {e: {zone: edge}}\nmodels: {m: {node: e}}\n")
GRAPH = parse_graph("leeward: graph/v1\nname: g\nsteps: {a: {role: assistant, model: m}}\n")
BOOK = GraphBook({"g": GRAPH}, CATALOG, default="g")


@pytest.mark.parametrize(
    ("model", "choice"),
    [
        ("leeward/auto", Auto()),
        ("leeward/g", Named("g")),
        ("m", PlainModel(ModelName("m"))),
        ("org/m", PlainModel(ModelName("org/m"))),
    ],
)
def test_the_model_field_names_a_graph_or_a_plain_model(model: str, choice: object) -> None:
    assert choice_of(model) == choice


def test_auto_means_the_default_graph() -> None:
    assert BOOK.find(Auto()) is GRAPH
    assert BOOK.find(Named("g")) is GRAPH
    assert BOOK.find(Inline(GRAPH)) is GRAPH


def test_a_plain_model_is_a_graph_of_one_step() -> None:
    graph = BOOK.find(PlainModel(ModelName("m")))

    assert [step.model for step in graph.steps] == ["m"]


@pytest.mark.parametrize("choice", [Named("x"), PlainModel(ModelName("x"))])
def test_an_unknown_name_says_what_is_known(choice: Named | PlainModel) -> None:
    with pytest.raises(NotFound, match=r"known: [gm]"):
        BOOK.find(choice)


def test_a_pattern_that_is_not_served_says_which_models_it_needs() -> None:
    with pytest.raises(NotFound, match="a pattern, served by an edge that has models for far, nea"):
        BOOK.find(Named("cascade-confidence"))
