"""Decide which steps read the released form of the request, and what is released from it.

Of a request, in this order of preference: ``redact``, ``generalise``, ``sketch`` where somebody
writes abstracts, and given approvals. ``model_written`` and ``decision_bit`` are never
needed here: a step whose ancestors all read the released form learns exactly what the request's
releases left, and since every step reads the request, nothing done to messages can make it learn
less. The flow check judges all of them, for plans made elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runtime.catalog.model import Model, Node
from runtime.flow.model import PlannedRelease
from runtime.ids import Category, StepId
from runtime.labels import Label
from runtime.planner.model import PlanRequest
from runtime.policy.model import ReleaseKind

__all__ = ["is_cleared", "reading_released", "request_releases", "unreleasable"]

_AFTER_REDACTION: Final = (ReleaseKind.GENERALISE, ReleaseKind.SKETCH, ReleaseKind.APPROVAL)
"""What takes the categories that must not arrive and may not be redacted, the first that may."""
_PREFERRED: Final = (ReleaseKind.REDACT, *_AFTER_REDACTION)


def is_cleared(request: PlanRequest, node: Node) -> bool:
    """Whether ``node`` may receive the request as it was sent."""
    return request.policy.may_receive(node.name, node.zone, request.label)


def unreleasable(request: PlanRequest, node: Node) -> frozenset[Category]:
    """Return the categories that keep the request from ``node`` in any form; empty for none."""
    return _above_clearance(request, node).difference(
        *(_releasable(request, node, kind) for kind in _PREFERRED)
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
    chosen = dict.fromkeys(_PREFERRED, frozenset[Category]())
    for model in models.values():
        node = request.catalog.node_of(model)
        if not is_cleared(request, node):
            redactable = _releasable(request, node, ReleaseKind.REDACT)
            chosen[ReleaseKind.REDACT] |= redactable
            still_above = _above_clearance(request, node) - redactable
            for kind in _AFTER_REDACTION:
                taken = still_above & _releasable(request, node, kind)
                chosen[kind] |= taken
                still_above -= taken
    return tuple(
        PlannedRelease(
            kind, categories, approver=request.approver if kind is ReleaseKind.APPROVAL else ""
        )
        for kind, categories in chosen.items()
        if categories
    )


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


def _releasable(request: PlanRequest, node: Node, kind: ReleaseKind) -> frozenset[Category]:
    """Return what may be released by ``kind``: the policy allows it, and somebody does it."""
    allowed = request.policy.releasable(request.label, node.name, node.zone, by=kind)
    if kind is ReleaseKind.APPROVAL:
        return allowed & request.approved
    return frozenset() if kind is ReleaseKind.SKETCH and not request.can_sketch else allowed
