"""Draw what a plan depends on: labels, policies, catalogs, placements, releases, whole requests.

Small on purpose: few names, so that rules, labels and placements really meet each other.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.flow.model import Form, Placement, PlannedRelease
from runtime.graph.model import Graph
from runtime.ids import Category, ModelName, NodeName, StepId
from runtime.labels import UNSURE, Label, Level
from runtime.planner.model import PlanRequest
from runtime.policy.model import (
    CloudAway,
    PlaceholderStyle,
    Policy,
    ReleaseKind,
    ReleaseRule,
    WhenUnsure,
    Zone,
)
from runtime.testing.drawing import Draw
from runtime.testing.drawn_graphs import MODELS, draw_graph

__all__ = [
    "CATEGORIES",
    "NODES",
    "TODAY",
    "UNLISTED",
    "draw_catalog",
    "draw_label",
    "draw_placements",
    "draw_plan_request",
    "draw_planned_releases",
    "draw_policy",
    "draw_secret",
]

CATEGORIES: Final = tuple(
    Category(name) for name in ("person", "contact", "health", "secret", "project_name")
)
"""Categories that a policy may list."""
UNLISTED: Final = Category("unlisted")
"""A category that no policy lists."""
NODES: Final[tuple[tuple[NodeName, Zone], ...]] = (
    (NodeName("near-1"), "edge"),
    (NodeName("near-2"), "edge"),
    (NodeName("cloud-1"), "cloud"),
    (NodeName("cloud-2"), "cloud"),
)
TODAY: Final = date(2026, 11, 24)

_STEP_KINDS: Final = (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
_IN_LABELS: Final = (*CATEGORIES * 5, UNLISTED, UNSURE)
_LEVELS: Final = (*Level, *[Level.CONFIDENTIAL, Level.RESTRICTED] * 4)
_CLEARANCES: Final = (*Level, *[Level.PUBLIC, Level.INTERNAL] * 4)
_EDGE_CLEARANCES: Final = (*[Level.RESTRICTED] * 8, *Level)
_KINDS: Final = (*[ReleaseKind.REDACT] * 6, *ReleaseKind)
_IN_RULES: Final = (*[CATEGORIES] * 3, CATEGORIES[:2], CATEGORIES[1:3], CATEGORIES[2:])
_ADDRESSEES: Final = (*["cloud"] * 6, "edge", *(str(name) for name, _ in NODES))
_PRICES: Final = (0.0, 1.0, 3.0)
_CLOUD_AWAY: Final = tuple(CloudAway)
_STYLES: Final = tuple(PlaceholderStyle)
_FORMS: Final = tuple(Form)


def draw_label(draw: Draw) -> Label:
    """Draw a request's label; now and then empty, with an unlisted category, or unsure."""
    size = draw.one_of((0, 1, 1, 2, 2, 2, 3, 3))
    return Label(frozenset(draw.one_of(_IN_LABELS) for _ in range(size)))


def draw_policy(draw: Draw) -> Policy:
    """Draw any levels, clearances and release rules, the sensible ones most often."""
    listed = draw.one_of((*[CATEGORIES] * 3, CATEGORIES[:3]))
    rules = [_draw_rule(draw) for _ in range(draw.integer(0, 4))]
    if not draw.seldom():
        rules.append(ReleaseRule(frozenset(CATEGORIES), "cloud", ReleaseKind.REDACT))
    clearance: dict[str, Level] = {
        "edge": draw.one_of(_EDGE_CLEARANCES),
        "cloud": draw.one_of(_CLEARANCES),
    }
    if draw.seldom():
        clearance[draw.one_of(NODES)[0]] = draw.one_of(_CLEARANCES)
    return Policy(
        categories={category: draw.one_of(_LEVELS) for category in sorted(listed)},
        clearance=clearance,
        releases=draw.permutation(rules),
        when_unsure=WhenUnsure(level=draw.one_of(_LEVELS)),
        cloud_away=draw.one_of(_CLOUD_AWAY),
        placeholders=draw.one_of(_STYLES),
    )


def draw_secret(draw: Draw) -> tuple[Label, Policy]:
    """Draw a label that some node may not see, and the policy that says so."""
    label, policy = draw_label(draw), draw_policy(draw)
    if all(policy.may_receive(node, zone, label) for node, zone in NODES):
        draw.pass_over("nothing to hide from anybody")
    return label, policy


def draw_catalog(draw: Draw) -> Catalog:
    """Draw where each of ``MODELS`` is, on four nodes; some models name a fallback."""
    nodes = tuple(
        Node(name, zone, round_trip_s=0.05 if zone == "cloud" else 0.0) for name, zone in NODES
    )
    homes = [draw.one_of(NODES) for _ in MODELS]
    on_edge = [model for model, (_, zone) in zip(MODELS, homes, strict=True) if zone == "edge"]
    models = tuple(
        Model(
            name=name,
            node=home,
            parameters=draw.integer(1, 4) * 1_000_000,
            prefill_tokens_per_s=1000.0,
            decode_tokens_per_s=50.0,
            prices=(Price(date(2026, 1, 1), draw.one_of(_PRICES), draw.one_of(_PRICES)),),
            fallback=draw.one_of((None, *on_edge)),
        )
        for name, (home, _) in zip(MODELS, homes, strict=True)
    )
    return Catalog(nodes=nodes, models=models)


def draw_placements(draw: Draw, graph: Graph) -> dict[StepId, Placement]:
    """Place a graph's steps: in any way at all, or sensibly with at most one wrong form.

    Sensible means that what can reach a cloud step reads the released form, and nothing else.
    """
    nodes = {step.id: draw.one_of((*NODES, NODES[2])) for step in graph.steps}
    reaching: set[StepId] = set()
    for step in reversed(graph.topological):
        later = {edge.target for edge in graph.outgoing[step.id]}
        if nodes[step.id][1] == "cloud" or later & reaching:
            reaching.add(step.id)
    is_random = draw.seldom()
    wrong = draw.one_of(graph.steps).id if draw.seldom() else None
    placed: dict[StepId, Placement] = {}
    for step in graph.steps:
        is_released = (step.id in reaching) != (step.id == wrong)
        form = Form.RELEASED if is_released else Form.RAW
        node, zone = nodes[step.id]
        placed[step.id] = Placement(
            step=step.id,
            model=ModelName(f"on-{node}"),
            node=node,
            zone=zone,
            form=draw.one_of(_FORMS) if is_random else form,
        )
    return placed


def draw_planned_releases(
    draw: Draw, graph: Graph, policy: Policy, *, of_steps: bool = False
) -> tuple[PlannedRelease, ...]:
    """Draw releases, most of which some rule of the policy allows to somebody.

    Args:
        draw: Makes the choices.
        graph: Whose steps may be named.
        policy: Whose rules are used.
        of_steps: Whether messages and decisions may be released too.
    """
    used = [rule for rule in policy.releases if not draw.seldom()]
    if draw.seldom():
        stray = frozenset(draw.some_of(CATEGORIES, at_least=1))
        used.append(ReleaseRule(stray, "", draw.one_of(_KINDS)))
    planned: list[PlannedRelease] = []
    for rule in used:
        if rule.by not in _STEP_KINDS:
            planned.append(PlannedRelease(rule.by, rule.categories))
        elif of_steps:
            named = draw.some_of([step.id for step in graph.steps], at_most=3)
            planned += [PlannedRelease(rule.by, rule.categories, step) for step in named]
    return tuple(planned)


def draw_plan_request(
    draw: Draw, *, max_steps: int = 6, budgets: bool = True, is_secret: bool = False
) -> PlanRequest:
    """Draw everything that a plan depends on, mostly with healthy nodes.

    Args:
        draw: Makes the choices.
        max_steps: At most six.
        budgets: Whether there may be one.
        is_secret: Whether what every node may see is passed over.
    """
    label, policy = draw_secret(draw) if is_secret else (draw_label(draw), draw_policy(draw))
    names = [name for name, _ in NODES]
    absent = draw.some_of(names, at_least=1) if draw.seldom() else ()
    approved = draw.one_of((CATEGORIES, CATEGORIES[2:3])) if draw.seldom() else ()
    return PlanRequest(
        graph=draw_graph(draw, max_steps=max_steps),
        label=label,
        policy=policy,
        catalog=draw_catalog(draw),
        today=TODAY,
        healthy=frozenset(names) - frozenset(absent),
        prompt_tokens=draw.integer(0, 4000),
        budget_left_usd=_draw_budget_usd(draw) if budgets and draw.seldom() else None,
        approved=frozenset(approved),
    )


def _draw_budget_usd(draw: Draw) -> float:
    """Draw from nothing at all to more than any plan of these prices needs."""
    return draw.one_of((0.0, 1e-9, draw.integer(1, 1_000_000) / 1e7, 0.1))


def _draw_rule(draw: Draw) -> ReleaseRule:
    return ReleaseRule(
        categories=frozenset(draw.one_of(_IN_RULES)),
        to=draw.one_of(_ADDRESSEES),
        by=draw.one_of(_KINDS),
    )
