"""Receipts to and from their messages."""

from __future__ import annotations

from leeward.v1 import receipt_pb2
from runtime.codec import bounds
from runtime.codec.chat import decode_usage, encode_usage
from runtime.codec.enums import FINISH_REASONS, FORMS, ZONES
from runtime.codec.label import (
    decode_label,
    decode_releases,
    encode_label,
    encode_release_of_receipt,
)
from runtime.executor.events import DraftCount, Receipt, ReceiptStep
from runtime.ids import ModelName, NodeName, PlanId, RequestId, SessionId, StepId

__all__ = ["decode_receipt", "decode_receipt_step", "encode_receipt", "encode_receipt_step"]


def encode_receipt(receipt: Receipt) -> receipt_pb2.Receipt:
    """Return the message of a receipt."""
    return receipt_pb2.Receipt(
        request_id=receipt.request_id,
        session_id=receipt.session_id,
        plan_id=receipt.plan_id,
        graph=receipt.graph,
        graph_hash=receipt.graph_hash,
        label=encode_label(receipt.label),
        steps=[encode_receipt_step(step) for step in receipt.steps],
        releases=[encode_release_of_receipt(record) for record in receipt.releases],
        left_the_edge=receipt.left_the_edge,
        latency_s=receipt.latency_s,
        cost_usd=receipt.cost_usd,
        usage=encode_usage(receipt.usage),
    )


def decode_receipt(message: receipt_pb2.Receipt, field: str = "receipt") -> Receipt:
    """Return the receipt of a message."""
    bounds.count(message.steps, f"{field}.steps", at_most=bounds.MAX_STEPS)
    return Receipt(
        request_id=RequestId(bounds.name(message.request_id, f"{field}.request_id")),
        session_id=SessionId(bounds.name(message.session_id, f"{field}.session_id")),
        plan_id=PlanId(bounds.name(message.plan_id, f"{field}.plan_id")),
        graph=bounds.optional_name(message.graph, f"{field}.graph"),
        graph_hash=bounds.optional_name(message.graph_hash, f"{field}.graph_hash"),
        label=decode_label(message.label, f"{field}.label"),
        steps=tuple(
            decode_receipt_step(step, f"{field}.steps[{at}]")
            for at, step in enumerate(message.steps)
        ),
        releases=decode_releases(message.releases, f"{field}.releases"),
        left_the_edge=message.left_the_edge,
        latency_s=bounds.number(message.latency_s, f"{field}.latency_s"),
        cost_usd=bounds.number(message.cost_usd, f"{field}.cost_usd"),
        usage=decode_usage(message.usage, f"{field}.usage"),
    )


def encode_receipt_step(step: ReceiptStep) -> receipt_pb2.ReceiptStep:
    """Return the message of one line of a receipt."""
    return receipt_pb2.ReceiptStep(
        step=step.step,
        role=step.role,
        node=step.node,
        zone=ZONES.encode(step.zone),
        model=step.model,
        form=FORMS.encode(step.form),
        label=encode_label(step.label),
        releases=[encode_release_of_receipt(record) for record in step.releases],
        usage=encode_usage(step.usage),
        first_token_s=step.first_token_s,
        latency_s=step.latency_s,
        finish_reason=FINISH_REASONS.encode(step.finish_reason),
        calls=step.calls,
        ledger_positions=step.ledger_positions,
        left_bytes=step.left_bytes,
        fell_back_from=step.fell_back_from or "",
        person=step.person,
        drafted=_encode_drafted(step.drafted) if step.drafted else None,
    )


def _encode_drafted(drafted: DraftCount) -> receipt_pb2.DraftCount:
    return receipt_pb2.DraftCount(
        model=drafted.model,
        written_tokens=drafted.written_tokens,
        kept_tokens=drafted.kept_tokens,
    )


def decode_receipt_step(message: receipt_pb2.ReceiptStep, field: str) -> ReceiptStep:
    """Return one line of a receipt."""
    bounds.count(message.ledger_positions, f"{field}.ledger_positions", at_most=bounds.MAX_RECORDS)
    fell_back_from = bounds.optional_name(message.fell_back_from, f"{field}.fell_back_from")
    return ReceiptStep(
        step=StepId(bounds.name(message.step, f"{field}.step")),
        role=bounds.name(message.role, f"{field}.role"),
        node=NodeName(bounds.name(message.node, f"{field}.node")),
        zone=ZONES.decode(message.zone, f"{field}.zone"),
        model=ModelName(bounds.name(message.model, f"{field}.model")),
        form=FORMS.decode(message.form, f"{field}.form"),
        label=decode_label(message.label, f"{field}.label"),
        releases=decode_releases(message.releases, f"{field}.releases"),
        usage=decode_usage(message.usage, f"{field}.usage"),
        first_token_s=bounds.number(message.first_token_s, f"{field}.first_token_s"),
        latency_s=bounds.number(message.latency_s, f"{field}.latency_s"),
        finish_reason=FINISH_REASONS.decode(message.finish_reason, f"{field}.finish_reason"),
        calls=message.calls,
        ledger_positions=tuple(
            bounds.whole(position, f"{field}.ledger_positions")
            for position in message.ledger_positions
        ),
        left_bytes=bounds.whole(message.left_bytes, f"{field}.left_bytes"),
        fell_back_from=NodeName(fell_back_from) if fell_back_from else None,
        person=bounds.optional_name(message.person, f"{field}.person"),
        drafted=(
            _decode_drafted(message.drafted, f"{field}.drafted")
            if message.HasField("drafted")
            else None
        ),
    )


def _decode_drafted(message: receipt_pb2.DraftCount, field: str) -> DraftCount:
    return DraftCount(
        ModelName(bounds.name(message.model, f"{field}.model")),
        bounds.whole(message.written_tokens, f"{field}.written_tokens"),
        bounds.whole(message.kept_tokens, f"{field}.kept_tokens"),
    )
