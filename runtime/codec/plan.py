"""Plans and their flow proofs to and from their messages."""

from __future__ import annotations

from collections.abc import Sequence

from leeward.v1 import plan_pb2
from runtime.codec import bounds
from runtime.codec.enums import FORMS, LEVELS, RELEASE_KINDS, ZONES
from runtime.codec.graph import decode_graph, encode_graph
from runtime.codec.label import decode_label, encode_label
from runtime.flow.model import FlowProof, PlannedRelease, Reception
from runtime.ids import ModelName, NodeName, PlanId, StepId
from runtime.planner.model import Drafter, Fallback, Plan, PlannedStep, Repair

__all__ = ["decode_plan", "encode_plan"]


def encode_plan(plan: Plan) -> plan_pb2.Plan:
    """Return the message of a plan."""
    return plan_pb2.Plan(
        plan_id=plan.plan_id,
        graph=encode_graph(plan.graph),
        graph_hash=plan.graph_hash,
        label=encode_label(plan.label),
        steps=[_encode_step(step) for step in plan.steps],
        releases=[_encode_release(release) for release in plan.releases],
        proof=plan_pb2.FlowProof(
            receptions=[_encode_reception(line) for line in plan.proof.receptions],
            releases=[_encode_release(release) for release in plan.proof.releases],
        ),
        repairs=[
            plan_pb2.Repair(step=repair.step, change=repair.change, reason=repair.reason)
            for repair in plan.repairs
        ],
        estimated_cost_usd=plan.estimated_cost_usd,
        estimated_latency_s=plan.estimated_latency_s,
    )


def decode_plan(message: plan_pb2.Plan, field: str = "plan") -> Plan:
    """Return the plan of a message."""
    bounds.count(message.steps, f"{field}.steps", at_most=bounds.MAX_STEPS)
    bounds.count(message.repairs, f"{field}.repairs", at_most=bounds.MAX_RECORDS)
    return Plan(
        plan_id=PlanId(bounds.name(message.plan_id, f"{field}.plan_id")),
        graph=decode_graph(message.graph, f"{field}.graph"),
        graph_hash=bounds.name(message.graph_hash, f"{field}.graph_hash"),
        label=decode_label(message.label, f"{field}.label"),
        steps=tuple(
            _decode_step(step, f"{field}.steps[{at}]") for at, step in enumerate(message.steps)
        ),
        releases=_decode_releases(message.releases, f"{field}.releases"),
        proof=_decode_proof(message.proof, f"{field}.proof"),
        repairs=tuple(
            _decode_repair(repair, f"{field}.repairs[{at}]")
            for at, repair in enumerate(message.repairs)
        ),
        estimated_cost_usd=bounds.number(message.estimated_cost_usd, f"{field}.estimated_cost_usd"),
        estimated_latency_s=bounds.number(
            message.estimated_latency_s, f"{field}.estimated_latency_s"
        ),
    )


def _encode_step(step: PlannedStep) -> plan_pb2.PlannedStep:
    fallback, drafter = step.fallback, step.drafter
    return plan_pb2.PlannedStep(
        step=step.step,
        model=step.model,
        node=step.node,
        zone=ZONES.encode(step.zone),
        form=FORMS.encode(step.form),
        label=encode_label(step.label),
        fallback=plan_pb2.Fallback(model=fallback.model, node=fallback.node) if fallback else None,
        drafter=plan_pb2.Drafter(model=drafter.model, node=drafter.node) if drafter else None,
        estimated_cost_usd=step.estimated_cost_usd,
        estimated_latency_s=step.estimated_latency_s,
    )


def _decode_step(message: plan_pb2.PlannedStep, field: str) -> PlannedStep:
    fallback = None
    if message.HasField("fallback"):
        fallback = Fallback(
            model=ModelName(bounds.name(message.fallback.model, f"{field}.fallback.model")),
            node=NodeName(bounds.name(message.fallback.node, f"{field}.fallback.node")),
        )
    drafter = None
    if message.HasField("drafter"):
        drafter = Drafter(
            model=ModelName(bounds.name(message.drafter.model, f"{field}.drafter.model")),
            node=NodeName(bounds.name(message.drafter.node, f"{field}.drafter.node")),
        )
    return PlannedStep(
        step=StepId(bounds.name(message.step, f"{field}.step")),
        model=ModelName(bounds.name(message.model, f"{field}.model")),
        node=NodeName(bounds.name(message.node, f"{field}.node")),
        zone=ZONES.decode(message.zone, f"{field}.zone"),
        form=FORMS.decode(message.form, f"{field}.form"),
        label=decode_label(message.label, f"{field}.label"),
        fallback=fallback,
        drafter=drafter,
        estimated_cost_usd=bounds.number(message.estimated_cost_usd, f"{field}.estimated_cost_usd"),
        estimated_latency_s=bounds.number(
            message.estimated_latency_s, f"{field}.estimated_latency_s"
        ),
    )


def _encode_release(release: PlannedRelease) -> plan_pb2.PlannedRelease:
    return plan_pb2.PlannedRelease(
        by=RELEASE_KINDS.encode(release.by),
        categories=sorted(release.categories),
        step=release.step or "",
    )


def _decode_releases(
    messages: Sequence[plan_pb2.PlannedRelease], field: str
) -> tuple[PlannedRelease, ...]:
    bounds.count(messages, field, at_most=bounds.MAX_RECORDS)
    return tuple(_decode_release(item, f"{field}[{at}]") for at, item in enumerate(messages))


def _decode_release(message: plan_pb2.PlannedRelease, field: str) -> PlannedRelease:
    step = bounds.optional_name(message.step, f"{field}.step")
    return PlannedRelease(
        by=RELEASE_KINDS.decode(message.by, f"{field}.by"),
        categories=frozenset(bounds.categories(message.categories, f"{field}.categories")),
        step=StepId(step) if step else None,
    )


def _encode_reception(line: Reception) -> plan_pb2.Reception:
    return plan_pb2.Reception(
        step=line.step,
        node=line.node,
        label=encode_label(line.label),
        level=LEVELS.encode(line.level),
        clearance=LEVELS.encode(line.clearance),
        output_label=encode_label(line.output_label),
    )


def _decode_proof(message: plan_pb2.FlowProof, field: str) -> FlowProof:
    bounds.count(message.receptions, f"{field}.receptions", at_most=bounds.MAX_STEPS)
    return FlowProof(
        receptions=tuple(
            _decode_reception(line, f"{field}.receptions[{at}]")
            for at, line in enumerate(message.receptions)
        ),
        releases=_decode_releases(message.releases, f"{field}.releases"),
    )


def _decode_reception(message: plan_pb2.Reception, field: str) -> Reception:
    return Reception(
        step=StepId(bounds.name(message.step, f"{field}.step")),
        node=NodeName(bounds.name(message.node, f"{field}.node")),
        label=decode_label(message.label, f"{field}.label"),
        level=LEVELS.decode(message.level, f"{field}.level"),
        clearance=LEVELS.decode(message.clearance, f"{field}.clearance"),
        output_label=decode_label(message.output_label, f"{field}.output_label"),
    )


def _decode_repair(message: plan_pb2.Repair, field: str) -> Repair:
    return Repair(
        step=StepId(bounds.name(message.step, f"{field}.step")),
        change=bounds.name(message.change, f"{field}.change"),
        reason=bounds.text(
            message.reason, f"{field}.reason", at_most_chars=bounds.MAX_REASON_CHARS
        ),
    )
