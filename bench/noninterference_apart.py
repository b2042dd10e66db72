"""How much plans tell that release what a secret wrote or decided: a leak meter.

``model_written`` and ``decision_bit`` are outside of promise 2. Our planner never uses them; plans
made elsewhere may, where a policy names them. Here such plans are run, and metered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bench.noninterference_graphs import Case
from bench.noninterference_house import CLOUD, EDGE, World
from runtime.flow.check import check_flow
from runtime.flow.model import Form, Placement, PlannedRelease
from runtime.graph.document import parse_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.ids import Category, ModelName, NodeName, PlanId, StepId
from runtime.labels import Label
from runtime.planner.model import Plan, PlannedStep
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule

__all__ = ["Apart", "apart_cases", "leak_bits"]

_LABEL: Final = Label(frozenset({Category("person"), Category("contact")}))
_NEAR: Final = StepId("near")
_DRAFT: Final = """
leeward: graph/v1
name: draft-then-refine
steps: {near: {role: assistant, model: tern-s}, far: {role: assistant, model: gannet-m}}
edges: [near -> far]
"""
_DECIDE: Final = """
leeward: graph/v1
name: decide-then-ask
steps:
  near: {role: router, model: tern-s, outputs: {verdict: ["yes", "no"]}}
  far: {role: assistant, model: gannet-m}
  final: {role: fuser, model: tern-s}
edges: [near -> final, {from: near, to: far, when: "near.verdict == yes"}, far -> final]
"""


@dataclass(frozen=True, slots=True)
class Apart:
    """A graph, and a plan for it, outside of the promise."""

    case: Case
    plan: Plan | None
    """What to carry out; ``None``: what our planner decides."""
    releases: tuple[str, ...]
    """Those that the promise leaves out."""


def apart_cases(like: Case) -> list[Apart]:
    """Return plans to meter: an edge step reads the raw request and feeds, or guards, the cloud.

    Args:
        like: Lends its catalog, and its policy, to which the two releases are added.
    """
    return [
        _apart(_DRAFT, like, frozenset({ReleaseKind.MODEL_WRITTEN})),
        # A guarded edge brings its source's message as well, so the decision never comes alone.
        _apart(_DECIDE, like, frozenset({ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT})),
    ]


def leak_bits(observed: Sequence[tuple[bytes, ...]]) -> float:
    """Return how much the passages of one run tell about which of the secrets it held.

    Min-entropy leakage of a deterministic channel, the secrets equally likely beforehand: the
    logarithm of how many different things the far side may see. 0 when all look alike, the
    logarithm of their number when each shows.
    """
    return math.log2(len(set(observed)))


def _apart(text: str, like: Case, kinds: frozenset[ReleaseKind]) -> Apart:
    graph = parse_graph(text)
    policy = _allowing(like.world.policy, kinds)
    releases = (
        PlannedRelease(ReleaseKind.REDACT, _LABEL.categories),
        *(PlannedRelease(kind, _LABEL.categories, _NEAR) for kind in sorted(kinds, key=str)),
    )
    case = Case(graph.name, graph, World(policy, like.world.catalog))
    names = tuple(sorted(kind.value for kind in kinds))
    return Apart(case, _plan(graph, policy, releases), names)


def _allowing(policy: Policy, kinds: frozenset[ReleaseKind]) -> Policy:
    rules = (ReleaseRule(_LABEL.categories, "cloud", kind) for kind in sorted(kinds, key=str))
    return replace(policy, releases=(*policy.releases, *rules))


def _plan(graph: Graph, policy: Policy, releases: tuple[PlannedRelease, ...]) -> Plan:
    """Make the plan that our planner would not: only the cloud's step reads the released form."""
    placements = {step.id: _place(step.id, step.model) for step in graph.steps}
    proof = check_flow(graph, _LABEL, placements=placements, releases=releases, policy=policy)
    steps = tuple(
        PlannedStep(
            place.step,
            place.model,
            place.node,
            place.zone,
            place.form,
            proof.by_step()[place.step].label,
        )
        for place in placements.values()
    )
    return Plan(PlanId("plan"), graph, graph_hash(graph), _LABEL, steps, releases, proof)


def _place(step: StepId, model: ModelName | None) -> Placement:
    is_far = model == "gannet-m"
    node: NodeName = CLOUD if is_far else EDGE
    return Placement(
        step,
        model or ModelName(""),
        node,
        "cloud" if is_far else "edge",
        Form.RELEASED if is_far else Form.RAW,
    )
