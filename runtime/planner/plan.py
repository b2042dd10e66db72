"""Plan one request: place every step, release what must be released, prove it, price it.

A pure function. It changes what the graph asks for only towards the edge, says each change and
its reason, and leaves the last word to the flow check, which shares none of its code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.catalog.model import Model
from runtime.errors import BackendUnavailable, CapacityExhausted, CloudAway
from runtime.flow.check import check_flow
from runtime.flow.model import FlowProof, Form, Placement, PlannedRelease
from runtime.graph.model import Step
from runtime.ids import Category, PlanId, StepId
from runtime.labels import Label
from runtime.planner.estimate import StepEstimate, critical_path_s, estimate_steps
from runtime.planner.model import Fallback, Plan, PlannedStep, PlanRequest, Repair
from runtime.planner.places import drafter_of, model_for, stand_in_for
from runtime.planner.releases import (
    reading_released,
    request_releases,
    unreleasable,
)
from runtime.policy.model import CloudAway as WhenCloudAway
from runtime.policy.model import ReleaseKind

__all__ = ["plan"]


def plan(request: PlanRequest, *, plan_id: PlanId, graph_hash: str) -> Plan:
    """Decide where each step runs, on what, and what is released for it.

    In this order: open places get a model; a step whose node may not receive the request in any
    allowed form moves to its edge stand-in; a step whose node is away does so if the policy
    says ``edge_only``; the costliest cloud steps do so until the budget holds. Steps on nodes
    that need it then read the released form, and so does everything before them.

    Args:
        request: All that the decision depends on.
        plan_id: The new plan's name.
        graph_hash: The canonical hash of ``request.graph``.

    Returns:
        The plan, with its proof. Its ``deadline_s`` is not judged here: latency is an estimate,
        and the executor holds the deadline.

    Raises:
        LeakFound: A step may neither run where the graph wants it nor on any edge model.
        CloudAway: A cloud step's node is away, and the policy or the catalog offers no other.
        BackendUnavailable: An edge step's node is away, and no other edge model can be used.
        CapacityExhausted: Even on the edge, the plan would cost more than is left.
        NotFound: The graph names a model that the catalog lacks.
    """
    choices = {step.id: _place(request, step) for step in request.graph.topological}
    choices, estimates = _within_budget(request, choices)
    models = {step: choice.model for step, choice in choices.items()}
    because = reading_released(request, models)
    releases = request_releases(request, models)
    proof = check_flow(
        request.graph,
        request.label,
        placements=_placements(request, models, because),
        releases=releases,
        policy=request.policy,
        approved=request.approved,
    )
    return Plan(
        plan_id=plan_id,
        graph=request.graph,
        graph_hash=graph_hash,
        label=request.label,
        steps=_planned_steps(request, models, proof, because=because, estimates=estimates),
        releases=releases,
        proof=proof,
        repairs=(*_choice(request), *_repairs(choices, because, releases)),
        estimated_cost_usd=_total_usd(estimates),
        estimated_latency_s=critical_path_s(
            request.graph, {step: one.latency_s for step, one in estimates.items()}
        ),
    )


def _choice(request: PlanRequest) -> tuple[Repair, ...]:
    """Say why the node chose the graph; its last step stands for it."""
    if not request.why_graph:
        return ()
    reason = f"{request.graph.name} was chosen; {request.why_graph}"
    return (Repair(request.graph.topological[-1].id, "graph_chosen", reason),)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The model of one step, and what was changed to arrive at it."""

    model: Model
    repairs: tuple[Repair, ...] = ()

    def moved(self, step: StepId, model: Model, reason: str) -> _Choice:
        return _Choice(model, (*self.repairs, Repair(step, "moved_to_edge", reason)))


def _place(request: PlanRequest, step: Step) -> _Choice:
    """Choose the step's model, and move it to the edge if privacy or the link demands it."""
    model = model_for(request, step)
    choice = _Choice(model)
    if step.model is None and step.rule is None:
        reason = f"the graph leaves the model open; {model.name} on {model.node} was chosen"
        choice = _Choice(model, (Repair(step.id, "model_chosen", reason),))
    kept_back = unreleasable(request, request.catalog.node_of(model))
    if kept_back:
        stand_in = stand_in_for(request, model)
        if stand_in is None:
            return choice  # stays where it leaks, so that the flow check names the way
        return choice.moved(step.id, stand_in, _why_kept_back(request, model, kept_back))
    if model.node in request.healthy:
        return choice
    return _move_from_absent_node(request, step, choice)


def _move_from_absent_node(request: PlanRequest, step: Step, choice: _Choice) -> _Choice:
    model = choice.model
    away = f"node {model.node} of model {model.name} cannot be reached"
    on_cloud = request.catalog.node_of(model).zone == "cloud"
    if on_cloud and request.policy.cloud_away is WhenCloudAway.REFUSE:
        raise CloudAway(f"step {step.id}: {away}, and the policy says refuse")
    if on_cloud and request.policy.cloud_away is WhenCloudAway.QUEUE:
        raise CloudAway(f"step {step.id}: {away}; the policy says queue: run it, and it waits")
    stand_in = stand_in_for(request, model)
    if stand_in is None:
        reason = f"step {step.id}: {away}, and no edge model can stand in"
        raise CloudAway(reason) if on_cloud else BackendUnavailable(reason)
    return choice.moved(step.id, stand_in, away)


def _why_kept_back(request: PlanRequest, model: Model, kept_back: frozenset[Category]) -> str:
    node = request.catalog.node_of(model)
    by_approval = request.policy.releasable(
        Label(kept_back), node.name, node.zone, by=ReleaseKind.APPROVAL
    )
    names = ", ".join(sorted(kept_back))
    clearance = request.policy.clearance_of(node.name, node.zone).name.lower()
    reason = f"no allowed release takes {names} out for {node.name} (clearance {clearance})"
    if by_approval == kept_back:
        return f"{reason}; a person could approve it"
    return reason


def _within_budget(
    request: PlanRequest, choices: Mapping[StepId, _Choice]
) -> tuple[dict[StepId, _Choice], dict[StepId, StepEstimate]]:
    """Move the costliest cloud steps to cheaper edge models until the budget holds."""
    kept = dict(choices)
    while True:
        estimates = _estimates(request, kept)
        total_usd, left_usd = _total_usd(estimates), request.budget_left_usd
        if left_usd is None or total_usd <= left_usd:
            return kept, estimates
        move = _best_saving(request, kept, estimates)
        if move is None:
            raise CapacityExhausted(
                f"the plan would cost up to {total_usd:.6f} USD with {left_usd:.6f} USD left,"
                " and no further step can move to a cheaper edge model"
            )
        step, stand_in = move
        reason = (
            f"up to {estimates[step].cost_usd:.6f} USD on {kept[step].model.node};"
            f" the plan would exceed the {left_usd:.6f} USD left"
        )
        kept[step] = kept[step].moved(step, stand_in, reason)


def _best_saving(
    request: PlanRequest,
    choices: Mapping[StepId, _Choice],
    estimates: Mapping[StepId, StepEstimate],
) -> tuple[StepId, Model] | None:
    """Return the costliest cloud step whose edge stand-in costs less, with the stand-in."""
    by_cost = sorted(choices, key=lambda step: (-estimates[step].cost_usd, step))
    for step in by_cost:
        model = choices[step].model
        stand_in = stand_in_for(request, model)
        if request.catalog.node_of(model).zone != "cloud" or stand_in is None:
            continue
        moved = {**choices, step: _Choice(stand_in)}
        if _estimates(request, moved)[step].cost_usd < estimates[step].cost_usd:
            return step, stand_in
    return None


def _estimates(
    request: PlanRequest, choices: Mapping[StepId, _Choice]
) -> dict[StepId, StepEstimate]:
    return estimate_steps(
        request.graph,
        {step: choice.model for step, choice in choices.items()},
        request.catalog,
        today=request.today,
        prompt_tokens=request.prompt_tokens,
    )


def _total_usd(estimates: Mapping[StepId, StepEstimate]) -> float:
    return math.fsum(estimate.cost_usd for estimate in estimates.values())


def _placements(
    request: PlanRequest, models: Mapping[StepId, Model], because: Mapping[StepId, StepId]
) -> dict[StepId, Placement]:
    return {
        step: Placement(
            step=step,
            model=model.name,
            node=model.node,
            zone=request.catalog.node_of(model).zone,
            form=Form.RELEASED if step in because else Form.RAW,
        )
        for step, model in models.items()
    }


def _planned_steps(
    request: PlanRequest,
    models: Mapping[StepId, Model],
    proof: FlowProof,
    *,
    because: Mapping[StepId, StepId],
    estimates: Mapping[StepId, StepEstimate],
) -> tuple[PlannedStep, ...]:
    placements = _placements(request, models, because)
    return tuple(
        PlannedStep(
            step=reception.step,
            model=placements[reception.step].model,
            node=reception.node,
            zone=placements[reception.step].zone,
            form=placements[reception.step].form,
            label=reception.label,
            fallback=_fallback(request, models[reception.step]),
            drafter=drafter_of(
                request, request.graph.by_id[reception.step], models[reception.step]
            ),
            estimated_cost_usd=estimates[reception.step].cost_usd,
            estimated_latency_s=estimates[reception.step].latency_s,
        )
        for reception in proof.receptions
    )


def _fallback(request: PlanRequest, model: Model) -> Fallback | None:
    """Return who takes a cloud step over when the call fails; it reads the same form."""
    on_cloud = request.catalog.node_of(model).zone == "cloud"
    if not on_cloud or request.policy.cloud_away is not WhenCloudAway.EDGE_ONLY:
        return None
    stand_in = stand_in_for(request, model)
    return Fallback(stand_in.name, stand_in.node) if stand_in else None


def _repairs(
    choices: Mapping[StepId, _Choice],
    because: Mapping[StepId, StepId],
    releases: tuple[PlannedRelease, ...],
) -> tuple[Repair, ...]:
    released = "; ".join(
        f"{release.by.value} of {', '.join(sorted(release.categories))}" for release in releases
    )
    repairs: list[Repair] = []
    for step, choice in choices.items():
        repairs.extend(choice.repairs)
        if step not in because:
            continue
        reader = because[step]
        node = choices[reader].model.node
        reason = (
            f"{node} may read the request only after {released}"
            if reader == step
            else f"what it writes or decides can reach step {reader} on {node}"
        )
        repairs.append(Repair(step, "released_form", reason))
    return tuple(repairs)
