"""Graphs and placements in a few words, for tests of what may flow where."""

from collections.abc import Mapping

from runtime.flow.model import Form, Placement
from runtime.graph.model import Comparison, Condition, Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.ids import Category, ModelName, NodeName, StepId
from runtime.policy.model import ReleaseKind, ReleaseRule, Zone

__all__ = ["drawn", "edge", "otherwise", "placed", "rule", "when"]


def drawn(*edges: Edge, steps: str) -> Graph:
    """Return a graph of the named steps, all assistants that draw three samples."""
    made = tuple(Step(StepId(name), Role.ASSISTANT, samples=3) for name in steps.split())
    return Graph("drawn-by-hand", made, edges)


def edge(source: str, target: str) -> Edge:
    """Return an edge that always fires."""
    return Edge(StepId(source), StepId(target))


def when(source: str, target: str) -> Edge:
    """Return an edge that fires when the source's samples disagree."""
    condition = Condition(StepId(source), "agreement", Comparison.LT, 0.7)
    return Edge(StepId(source), StepId(target), when=condition)


def otherwise(source: str, target: str) -> Edge:
    """Return an edge that fires when none of the source's conditions holds."""
    return Edge(StepId(source), StepId(target), otherwise=True)


def placed(
    graph: Graph, forms: Mapping[str, Form] | None = None, **nodes: str
) -> dict[StepId, Placement]:
    """Place steps raw on ``edge-1``, except as ``forms`` and ``nodes`` say.

    A node whose name starts with ``cloud`` stands there.
    """
    placements: dict[StepId, Placement] = {}
    for step in graph.steps:
        node = nodes.get(step.id, "edge-1")
        zone: Zone = "cloud" if node.startswith("cloud") else "edge"
        form = (forms or {}).get(step.id, Form.RAW)
        placements[step.id] = Placement(step.id, ModelName("m"), NodeName(node), zone, form)
    return placements


def rule(category: str, by: ReleaseKind, to: str = "cloud") -> ReleaseRule:
    """Return a rule for one category."""
    return ReleaseRule(frozenset({Category(category)}), to, by)
