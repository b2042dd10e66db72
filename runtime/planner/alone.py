"""Which graphs could not be answered with the cloud away, told before it is away.

Under ``cloud_away: edge_only`` a cloud step is played by an edge model while its node cannot be
reached. Whether one may, hangs on the catalog and on how sensitive a request is; both are known
beforehand. Plans with and without the cloud are compared, for requests of every single category:
a request with several is planned as the most sensitive of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from runtime.catalog.model import Catalog
from runtime.errors import LeewardError
from runtime.graph.model import Graph
from runtime.ids import NodeName, PlanId
from runtime.labels import PUBLIC, UNSURE, Label, Level
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import CloudAway, Policy

__all__ = ["NoEdgePlan", "without_edge_plan"]


@dataclass(frozen=True, slots=True)
class NoEdgePlan:
    """A graph that is refused while the cloud is away, though the policy says ``edge_only``."""

    graph: str
    level: Level
    """The lowest of the requests that are refused."""
    reason: str
    """What the planner says; one sentence without content."""

    def __str__(self) -> str:
        return f'graph "{self.graph}", requests of level {self.level.name.lower()}: {self.reason}'


def without_edge_plan(
    graphs: Iterable[Graph],
    policy: Policy,
    catalog: Catalog,
    *,
    alone: frozenset[NodeName],
    today: date,
    can_sketch: bool = False,
) -> tuple[NoEdgePlan, ...]:
    """Return the graphs that are answered with the cloud and are not without it.

    Args:
        graphs: Those that may be asked.
        policy: Says what happens when the cloud is away; nothing is looked for but ``edge_only``.
        catalog: Of the deployment.
        alone: The nodes that can be reached when the cloud is away.
        today: For the prices.
        can_sketch: Whether somebody writes abstracts here.
    """
    if policy.cloud_away is not CloudAway.EDGE_ONLY:
        return ()
    cloud = frozenset(node.name for node in catalog.nodes if node.zone == "cloud")

    def planned(graph: Graph, label: Label, healthy: frozenset[NodeName]) -> Plan | LeewardError:
        request = PlanRequest(
            graph=graph,
            label=label,
            policy=policy,
            catalog=catalog,
            today=today,
            healthy=healthy,
            approved=label.categories if policy.approvals else frozenset(),
            can_sketch=can_sketch,
        )
        try:
            return plan(request, plan_id=PlanId("beforehand"), graph_hash="")
        except LeewardError as refusal:
            return refusal

    def first_gap(graph: Graph) -> NoEdgePlan | None:
        answered: set[Level] = set()
        for level, label in _labels(policy):
            if level in answered:
                continue  # on the edge nothing but the level counts
            left = planned(graph, label, alone)
            if isinstance(left, Plan):
                answered.add(level)
                continue
            linked = planned(graph, label, alone | cloud)
            if isinstance(linked, Plan) and any(step.zone == "cloud" for step in linked.steps):
                return NoEdgePlan(graph.name, level, str(left))
        return None

    found = (first_gap(graph) for graph in graphs)
    return tuple(gap for gap in found if gap is not None)


def _labels(policy: Policy) -> Iterator[tuple[Level, Label]]:
    """Yield no category and every single one, the least sensitive first."""
    named = policy.categories.keys() | {UNSURE}
    named |= {category for rule in policy.releases for category in rule.categories}
    singles = [Label(frozenset({category})) for category in sorted(named)]
    yield from sorted(
        ((policy.level_of(label), label) for label in (PUBLIC, *singles)),
        key=lambda pair: (pair[0], pair[1].names()),
    )
