"""Requests for plans in a few words, over two edge nodes and one in the cloud."""

from dataclasses import replace
from datetime import date
from typing import Final

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.graph.model import Graph
from runtime.ids import Category, ModelName, NodeName, PlanId
from runtime.labels import Label
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import Policy
from runtime.ports import Sampling
from runtime.testing.flows import drawn, edge, when
from runtime.testing.plans import POLICY

__all__ = [
    "ASK_FAR_WHEN_UNSURE",
    "CATALOG",
    "CLOUD",
    "EDGE",
    "EDGE_BIG",
    "LARGE",
    "MEDIUM",
    "ONE_FAR",
    "SMALL",
    "asked",
    "planned",
    "with_models",
]

EDGE: Final = NodeName("edge-1")
EDGE_BIG: Final = NodeName("edge-2")
CLOUD: Final = NodeName("cloud-1")
SMALL: Final = ModelName("slm-small")
MEDIUM: Final = ModelName("slm-medium")
LARGE: Final = ModelName("llm-large")
CATALOG: Final = Catalog(
    nodes=(Node(EDGE, "edge"), Node(EDGE_BIG, "edge"), Node(CLOUD, "cloud", round_trip_s=0.05)),
    models=(
        Model(SMALL, EDGE, parameters=1, prefill_tokens_per_s=100, decode_tokens_per_s=10),
        Model(MEDIUM, EDGE_BIG, parameters=2, prefill_tokens_per_s=100, decode_tokens_per_s=5),
        Model(
            LARGE,
            CLOUD,
            parameters=70,
            prefill_tokens_per_s=1000,
            decode_tokens_per_s=50,
            prices=(Price(date(2026, 1, 1), 1.0, 4.0),),
            fallback=SMALL,
        ),
    ),
)


def with_models(graph: Graph, **models: ModelName) -> Graph:
    """Give the named steps their models, and every step answers of 100 tokens."""
    return replace(
        graph,
        steps=tuple(
            replace(step, model=models.get(step.id), samples=1, sampling=Sampling(max_tokens=100))
            for step in graph.steps
        ),
    )


ONE_FAR: Final = with_models(drawn(steps="far"), far=LARGE)
ASK_FAR_WHEN_UNSURE: Final = with_models(
    drawn(edge("near", "final"), when("near", "far"), edge("far", "final"),
          steps="near far final"),
    near=SMALL, far=LARGE, final=MEDIUM,
)  # fmt: skip


def asked(
    graph: Graph = ONE_FAR,
    *categories: str,
    policy: Policy = POLICY,
    catalog: Catalog = CATALOG,
    away: tuple[NodeName, ...] = (),
    approved: tuple[str, ...] = (),
    budget_usd: float | None = None,
) -> PlanRequest:
    """Ask for a graph with a label of ``categories``; every node but those ``away`` is healthy."""
    return PlanRequest(
        graph=graph,
        label=Label.of(*categories),
        policy=policy,
        catalog=catalog,
        today=date(2026, 11, 24),
        healthy=frozenset(catalog.node_by_name) - frozenset(away),
        prompt_tokens=1000,
        budget_left_usd=budget_usd,
        approved=frozenset(Category(name) for name in approved),
    )


def planned(request: PlanRequest) -> Plan:
    """Return the plan of a request."""
    return plan(request, plan_id=PlanId("plan-1"), graph_hash="sha256:0")
