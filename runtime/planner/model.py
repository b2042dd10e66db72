"""What the planner reads and what it decides, as immutable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from runtime.catalog.model import Catalog
from runtime.flow.model import FlowProof, Form, PlannedRelease
from runtime.graph.model import Graph
from runtime.ids import Category, ModelName, NodeName, PlanId, StepId
from runtime.labels import Label
from runtime.policy.model import Policy, Zone

__all__ = ["Drafter", "Fallback", "Plan", "PlanRequest", "PlannedStep", "Repair"]


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Everything a plan depends on."""

    graph: Graph
    label: Label
    """Label of the request as sent."""
    policy: Policy
    catalog: Catalog
    today: date
    healthy: frozenset[NodeName]
    """Nodes that can be reached now."""
    prompt_tokens: int = 0
    """Estimated size of the request."""
    budget_left_usd: float | None = None
    deadline_s: float | None = None
    """Time left, seconds."""
    approved: frozenset[Category] = frozenset()
    """Categories that a person has already approved for this request."""
    approver: str = ""
    """Who that person is."""
    can_sketch: bool = False
    """Whether somebody writes abstracts here."""
    why_graph: str = ""
    """Why this graph was chosen, where the node chose it; one sentence without content."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The edge model that takes a cloud step over when the call fails."""

    model: ModelName
    node: NodeName


@dataclass(frozen=True, slots=True)
class Drafter:
    """The edge model that writes an answer together with a cloud step's own."""

    model: ModelName
    node: NodeName


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """The decision for one step."""

    step: StepId
    model: ModelName
    node: NodeName
    zone: Zone
    form: Form
    label: Label
    """What its node receives at most."""
    fallback: Fallback | None = None
    drafter: Drafter | None = None
    estimated_cost_usd: float = 0.0
    estimated_latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Repair:
    """One change the planner made to what the graph asked for, and why."""

    step: StepId
    change: str
    """``moved_to_edge``, ``released_form``, ``model_chosen``, ``graph_chosen``."""
    reason: str


@dataclass(frozen=True)
class Plan:
    """The decision for one request."""

    plan_id: PlanId
    graph: Graph
    graph_hash: str
    label: Label
    steps: tuple[PlannedStep, ...]
    releases: tuple[PlannedRelease, ...]
    proof: FlowProof
    repairs: tuple[Repair, ...] = ()
    estimated_cost_usd: float = 0.0
    estimated_latency_s: float = 0.0
    """Along the critical path, seconds."""
    by_step: Mapping[StepId, PlannedStep] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_step", {planned.step: planned for planned in self.steps})
