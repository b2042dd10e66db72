"""Decide which steps read the released form of the request, and what is released from it.

Of a request, in this order of preference: ``redact``, ``generalise``, ``sketch`` where somebody
writes abstracts, and given approvals. ``model_written`` and ``decision_bit`` are never
needed here: a step whose ancestors all read the released form learns exactly what the request's
releases left, and since every step reads the request, nothing done to messages can make it learn
less. The flow check judges all of them, for plans made elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.catalog.model import Model, Node
from runtime.flow.model import PlannedRelease
from runtime.ids import Category, StepId
from runtime.labels import Label
from runtime.planner.model import PlanRequest
from runtime.policy.model import ReleaseKind

__all__ = ["is_cleared", "reading_released", "request_releases", "unreleasable"]


def is_cleared(request: PlanRequest, node: Node) -> bool:
    """Whether ``node`` may receive the request as it was sent."""
    return request.policy.may_receive(node.name, node.zone, request.label)


def unreleasable(request: PlanRequest, node: Node) -> frozenset[Category]:
    """Return the categories that keep the request from ``node`` in any form; empty for none."""
    return (
        _above_clearance(request, node)
        - _redactable(request, node)
        - _generalisable(request, node)
        - _sketchable(request, node)
        - _approved(request, node)
    )


def request_releases(
    request: PlanRequest, models: Mapping[StepId, Model]
) -> tuple[PlannedRelease, ...]:
    """Return what is released from the request so that every model's node may read the rest.

    Whatever the policy lets us redact on the way to such a node is redacted, also what the node
    would be cleared for: less leaves. What must not arrive and may not be redacted is
    generalised, if that is allowed; it cannot be undone in the answer. An abstract loses still
    more, and a model writes it. A person's approval is used last, because it leaves the text as
    it is.
    """
    redacted: frozenset[Category] = frozenset()
    generalised: frozenset[Category] = frozenset()
    sketched: frozenset[Category] = frozenset()
    approved: frozenset[Category] = frozenset()
    for model in models.values():
        node = request.catalog.node_of(model)
        if not is_cleared(request, node):
            redactable = _redactable(request, node)
            redacted |= redactable
            still_above = _above_clearance(request, node) - redactable
            generalisable = still_above & _generalisable(request, node)
            generalised |= generalisable
            still_above -= generalisable
            sketchable = still_above & _sketchable(request, node)
            sketched |= sketchable
            approved |= still_above & _approved(request, node) - sketchable
    planned = (
        PlannedRelease(ReleaseKind.REDACT, redacted),
        PlannedRelease(ReleaseKind.GENERALISE, generalised),
        PlannedRelease(ReleaseKind.SKETCH, sketched),
        PlannedRelease(ReleaseKind.APPROVAL, approved, approver=request.approver),
    )
    return tuple(release for release in planned if release.categories)


def reading_released(request: PlanRequest, models: Mapping[StepId, Model]) -> dict[StepId, StepId]:
    """Return the steps that must read the released form, each with the step that makes it so.

    Those are the steps on nodes that may not receive the request as sent, and everything whose
    answer or decision can reach one of them; of several, the nearest is named. All other steps
    read the request as sent.
    """
    nearest: dict[StepId, tuple[int, StepId]] = {}
    for step in reversed(request.graph.topological):
        ways = [
            (hops + 1, target)
            for edge in request.graph.outgoing[step.id]
            if edge.target in nearest
            for hops, target in (nearest[edge.target],)
        ]
        if not is_cleared(request, request.catalog.node_of(models[step.id])):
            ways.append((0, step.id))
        if ways:
            nearest[step.id] = min(ways)
    return {step: target for step, (_, target) in nearest.items()}


def _above_clearance(request: PlanRequest, node: Node) -> frozenset[Category]:
    return frozenset(
        category
        for category in request.label.categories
        if not request.policy.may_receive(node.name, node.zone, Label(frozenset({category})))
    )


def _redactable(request: PlanRequest, node: Node) -> frozenset[Category]:
    return request.policy.releasable(request.label, node.name, node.zone, by=ReleaseKind.REDACT)


def _generalisable(request: PlanRequest, node: Node) -> frozenset[Category]:
    return request.policy.releasable(request.label, node.name, node.zone, by=ReleaseKind.GENERALISE)


def _sketchable(request: PlanRequest, node: Node) -> frozenset[Category]:
    if not request.can_sketch:
        return frozenset()
    return request.policy.releasable(request.label, node.name, node.zone, by=ReleaseKind.SKETCH)


def _approved(request: PlanRequest, node: Node) -> frozenset[Category]:
    return request.approved & request.policy.releasable(
        request.label, node.name, node.zone, by=ReleaseKind.APPROVAL
    )
