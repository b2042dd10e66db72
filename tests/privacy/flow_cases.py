"""What the flow check judges, and cases of it drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.errors import LeakFound
from runtime.executor.taint import TaintTracker
from runtime.flow.check import check_flow
from runtime.flow.model import FlowProof, Form, Placement, PlannedRelease
from runtime.graph.model import Graph
from runtime.ids import Category, ModelName, NodeName, StepId
from runtime.labels import Label, Level
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule, Zone
from runtime.testing.drawing import Draw
from runtime.testing.drawn_graphs import draw_graph, note_shape
from runtime.testing.drawn_plans import (
    NODES,
    draw_label,
    draw_placements,
    draw_planned_releases,
    draw_policy,
    draw_secret,
)

_STEP_KINDS = (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
_FORMS = tuple(Form)


@dataclass(frozen=True, slots=True)
class Case:
    """A graph, placed, with what is to be kept and what may be released."""

    graph: Graph
    label: Label
    placed: Mapping[StepId, Placement]
    releases: tuple[PlannedRelease, ...]
    policy: Policy

    def tracker(self) -> TaintTracker:
        return TaintTracker(
            self.graph,
            self.label,
            self.placed.values(),
            releases=self.releases,
            policy=self.policy,
        )

    def proof(self) -> FlowProof:
        return check_flow(
            self.graph,
            self.label,
            placements=self.placed,
            releases=self.releases,
            policy=self.policy,
            approved=frozenset[Category]().union(*(entry.categories for entry in self.releases)),
        )

    def is_accepted(self) -> bool:
        try:
            self.proof()
        except LeakFound:
            return False
        return True

    def has_secret(self) -> bool:
        """Whether there is anything that some node of the case may not know."""
        return not all(
            self.policy.may_receive(place.node, place.zone, self.label)
            for place in self.placed.values()
        )


def draw_any_case(
    draw: Draw, *, max_steps: int = 6, of_steps: bool = False, is_secret: bool = False
) -> Case:
    """Draw everything at random.

    Args:
        draw: Makes the choices.
        max_steps: At most six.
        of_steps: Whether messages and decisions are released, too.
        is_secret: Whether what every node of the case may see is passed over.
    """
    label, policy = draw_secret(draw) if is_secret else (draw_label(draw), draw_policy(draw))
    graph = draw_graph(draw, max_steps=max_steps)
    placed = draw_placements(draw, graph)
    homes = {(place.node, place.zone) for place in placed.values()}
    if is_secret and all(policy.may_receive(node, zone, label) for node, zone in homes):
        draw.pass_over("nothing to hide")
    releases = draw_planned_releases(draw, graph, policy, of_steps=of_steps)
    return _shown(draw, Case(graph, label, placed, releases, policy))


def draw_case_of_one_secret(draw: Draw, *, of_steps: bool = False) -> Case:
    """Draw one secret and one rule, so that forms, messages and decisions make the difference."""
    graph = draw_graph(draw, max_steps=4)
    person = frozenset({Category("person")})
    rules = [ReleaseRule(person, "cloud", ReleaseKind.REDACT)]
    releases = [PlannedRelease(ReleaseKind.REDACT, person)]
    homes: tuple[tuple[NodeName, Zone], ...] = (NODES[0], NODES[2])
    if of_steps:
        homes = (NODES[0], *NODES[2:])
        to = ("cloud", "cloud-1", "cloud-2", "edge")
        rules += [ReleaseRule(person, draw.one_of(to), kind) for kind in _STEP_KINDS * 2]
    placed: dict[StepId, Placement] = {}
    for step in graph.steps:
        node, zone = draw.one_of(homes)
        form = Form.RELEASED if zone == "cloud" else draw.one_of(_FORMS)
        placed[step.id] = Placement(step.id, ModelName("m"), node, zone, form)
        drawn = [kind for kind in _STEP_KINDS if of_steps and draw.is_true()]
        releases += [PlannedRelease(kind, person, step.id) for kind in drawn]
    policy = Policy(
        categories={Category("person"): Level.CONFIDENTIAL},
        clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
        releases=tuple(rules),
    )
    return _shown(draw, Case(graph, Label(person), placed, tuple(releases), policy))


def _shown(draw: Draw, case: Case) -> Case:
    note_shape(draw, case.graph)
    draw.note("categories of the label", len(case.label.categories))
    draw.note("releases", min(len(case.releases), 6))
    draw.show("case", case)
    return case
