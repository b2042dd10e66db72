"""Plans, a policy and a catalog made by hand, for tests that do not want the planner's opinion.

The plans claim no proof; whatever a test puts into them is what the executor is told to do.
"""

from collections.abc import Collection
from datetime import date
from typing import Final

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.flow.model import FlowProof, Form, PlannedRelease
from runtime.graph.document import parse_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph, Step
from runtime.ids import Category, ModelName, NodeName, PlanId, StepId
from runtime.labels import PUBLIC, Label, Level
from runtime.planner.model import Drafter, Fallback, Plan, PlannedStep
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule

__all__ = ["CATALOG", "CLOUD", "EDGE", "POLICY", "SLM", "LLM", "graph_of", "plan_of", "redact"]

EDGE: Final = NodeName("edge-1")
CLOUD: Final = NodeName("cloud-1")
SLM: Final = ModelName("slm")
LLM: Final = ModelName("llm")

POLICY: Final = Policy(
    categories={
        Category("person"): Level.CONFIDENTIAL,
        Category("contact"): Level.CONFIDENTIAL,
        Category("health"): Level.RESTRICTED,
        Category("secret"): Level.RESTRICTED,
        Category("project_name"): Level.INTERNAL,
    },
    clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
    releases=(
        ReleaseRule(
            frozenset({Category("person"), Category("contact")}), "cloud", ReleaseKind.REDACT
        ),
        ReleaseRule(frozenset({Category("health")}), "cloud", ReleaseKind.APPROVAL),
    ),
)
"""The policy of the design's worked cases."""

CATALOG: Final = Catalog(
    nodes=(Node(EDGE, "edge"), Node(CLOUD, "cloud", round_trip_s=0.04)),
    models=(
        Model(SLM, EDGE),
        Model(LLM, CLOUD, prices=(Price(date(2025, 1, 1), 1.0, 10.0),), fallback=SLM),
    ),
)
"""A free model on the edge, and a priced one in the cloud."""


def graph_of(steps: str, *edges: str, name: str = "test") -> Graph:
    """Return the graph of YAML flow mappings: ``graph_of("a: {role: guide}", "a -> b")``.

    Args:
        steps: The steps, one per line.
        edges: The edges, as arrows or as YAML flow mappings.
        name: The graph's name.
    """
    lines = "\n".join(f"  {line.strip()}" for line in steps.strip().splitlines())
    arrows = "".join(
        f"\n  - {edge}" if edge.startswith("{") else f'\n  - "{edge}"' for edge in edges
    )
    text = f"leeward: graph/v1\nname: {name}\nsteps:\n{lines}\n"
    return parse_graph(f"{text}edges:{arrows}\n" if edges else text)


def redact(*categories: str) -> PlannedRelease:
    """Return a redaction of the request."""
    return PlannedRelease(
        ReleaseKind.REDACT, frozenset(Category(category) for category in categories)
    )


def plan_of(
    graph: Graph,
    *,
    label: Label = PUBLIC,
    cloud: Collection[str] = (),
    released: Collection[str] = (),
    releases: tuple[PlannedRelease, ...] = (),
    has_fallback: bool = False,
) -> Plan:
    """Return a plan that does as told.

    Args:
        graph: What to run.
        label: Label of the request.
        cloud: Steps that run on ``CLOUD``; the others run on ``EDGE``.
        released: Steps that read the released form.
        releases: The plan's releases.
        has_fallback: Whether the cloud's steps may fall back to the edge.
    """

    def planned(step: Step) -> PlannedStep:
        is_far = step.id in cloud
        return PlannedStep(
            StepId(step.id),
            step.model or (LLM if is_far else SLM),
            CLOUD if is_far else EDGE,
            "cloud" if is_far else "edge",
            Form.RELEASED if step.id in released else Form.RAW,
            label,
            fallback=Fallback(SLM, EDGE) if is_far and has_fallback else None,
            drafter=Drafter(step.draft.model, EDGE) if is_far and step.draft else None,
        )

    return Plan(
        PlanId("plan-1"),
        graph,
        graph_hash(graph),
        label,
        tuple(planned(step) for step in graph.topological),
        releases,
        FlowProof((), releases),
    )
