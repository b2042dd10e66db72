"""The strategies draw what the real validators accept, and draw it varied."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, find, given, settings

from runtime.graph.model import Graph
from runtime.graph.validate import find_problems
from runtime.planner.model import PlanRequest
from runtime.testing.strategies import graphs, plan_requests


@given(graph=graphs())
@settings(max_examples=300, deadline=None)
def test_every_drawn_graph_is_valid(graph: Graph) -> None:
    problems = find_problems(graph)

    assert problems == []
    assert graph.topological[-1] in graph.steps
    assert len(graph.topological) == len(graph.steps)


@given(graph=graphs(guards=False))
@settings(max_examples=50, deadline=None)
def test_guards_can_be_left_out(graph: Graph) -> None:
    guarded = [edge for edge in graph.edges if edge.is_guarded]

    assert guarded == []


@pytest.mark.parametrize(
    "feature",
    [
        lambda graph: any(edge.when for edge in graph.edges),
        lambda graph: any(edge.otherwise for edge in graph.edges),
        lambda graph: any(step.map_over for step in graph.steps),
        lambda graph: any(step.samples > 1 for step in graph.steps),
        lambda graph: any(step.model is None for step in graph.steps),
        lambda graph: len(graph.steps) == 6,
    ],
    ids=["when", "otherwise", "map", "samples", "open model", "six steps"],
)
def test_graphs_use_every_feature(feature: Callable[[Graph], bool]) -> None:
    quick = settings(phases=(Phase.generate,), database=None, derandomize=True)

    found = find(graphs(), feature, settings=quick)

    assert feature(found)


@given(request=plan_requests(max_steps=2))
@settings(max_examples=50, deadline=None)
def test_requests_name_only_models_of_their_catalog(request: PlanRequest) -> None:
    named = {step.model for step in request.graph.steps if step.model is not None}

    assert named <= set(request.catalog.model_by_name)
