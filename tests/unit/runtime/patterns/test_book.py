"""The shipped patterns are graphs that fit a catalog, and the flow check answers for them."""

from datetime import date
from pathlib import Path

import pytest

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.errors import NotFound
from runtime.graph.document import check_graph, parse_graph
from runtime.graph.hash import graph_hash
from runtime.graph.render import render_mermaid
from runtime.ids import ModelName, NodeName, PlanId
from runtime.labels import Label
from runtime.patterns.book import (
    PLACES,
    bind,
    bound_patterns,
    bound_text,
    pattern_of,
    patterns,
    places_in,
)
from runtime.planner.model import PlanRequest
from runtime.planner.plan import plan
from runtime.testing.plans import POLICY

TODAY = date(2026, 1, 1)
EDGE, CLOUD = NodeName("edge-1"), NodeName("cloud-1")


def priced(name: str, usd: float, parameters: int = 0) -> Model:
    return Model(
        ModelName(name), CLOUD, parameters=parameters, prices=(Price(TODAY, usd, 4 * usd),)
    )


CATALOG = Catalog(
    nodes=(Node(EDGE, "edge"), Node(CLOUD, "cloud")),
    models=(
        Model(ModelName("tiny"), EDGE, parameters=1),
        Model(ModelName("small"), EDGE, parameters=5),
        priced("cheap", 1.0),
        priced("dear", 9.0),
    ),
)
PLACED = {"near": ModelName("small"), "far": ModelName("dear"), "far-small": ModelName("cheap")}


def test_places_get_the_largest_near_the_dearest_far_and_the_cheapest_far_model() -> None:
    assert places_in(CATALOG, today=TODAY) == PLACED


def test_a_catalog_without_a_cloud_gets_the_patterns_of_the_edge_alone() -> None:
    alone = Catalog(nodes=CATALOG.nodes[:1], models=CATALOG.models[:2])

    assert set(bound_patterns(places_in(alone, today=TODAY))) == {"abstain", "escalate"}


@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.name)
def test_every_pattern_says_what_it_is_and_is_a_sound_graph(pattern) -> None:
    assert pattern.goal in ("performance", "cost", "privacy", "trust")
    assert pattern.about.endswith(".")
    assert pattern.places <= set(PLACES)
    assert check_graph(bind(pattern, PLACED)) == bind(pattern, PLACED)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.name)
def test_the_document_written_out_is_the_graph_that_is_served(pattern) -> None:
    written = parse_graph(bound_text(pattern, PLACED))

    assert graph_hash(written) == graph_hash(bind(pattern, PLACED))


@pytest.mark.parametrize("categories", [(), ("person",), ("person", "health")])
@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.name)
def test_every_pattern_has_a_plan_that_the_flow_check_proves(pattern, categories) -> None:
    graph = bind(pattern, PLACED)
    request = PlanRequest(
        graph=graph,
        label=Label.of(*categories),
        policy=POLICY,
        catalog=CATALOG,
        today=TODAY,
        healthy=frozenset({EDGE, CLOUD}),
    )

    made = plan(request, plan_id=PlanId("p"), graph_hash=graph_hash(graph))

    assert len(made.proof.receptions) == len(graph.steps)
    assert all(
        made.by_step[step.id].zone == "edge" for step in graph.steps if step.rule is not None
    )


def test_an_unknown_pattern_is_refused_with_a_guess() -> None:
    with pytest.raises(NotFound, match="split"):
        pattern_of("splitt")


@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.name)
def test_the_page_of_drawings_shows_the_pattern_as_it_is_shipped(pattern) -> None:
    page = (Path(__file__).parents[4] / "docs" / "patterns-drawn.md").read_text("utf-8")

    assert (
        f"### {pattern.name}\n\n{pattern.about}\n\n```mermaid\n{render_mermaid(pattern.graph)}"
        in page
    )
