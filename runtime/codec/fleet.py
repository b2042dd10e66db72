"""Reports of devices and offers of states, to and from the messages of ``Fleet.Sync``.

Sizes and forms are checked here; whether an order is an operator's, the device decides.
"""

from __future__ import annotations

import re
from typing import Final

from leeward.v1 import desired_state_pb2 as pb
from runtime.codec import bounds
from runtime.codec.enums import EnumPairs
from runtime.codec.ledger import decode_ledger_head, encode_ledger_head
from runtime.errors import RequestInvalid
from runtime.fleet.order import INSTALLED, MAX_ORDER_BYTES, SignedOrder
from runtime.fleet.report import (
    HostReport,
    ModelHealth,
    ModelReport,
    Offer,
    Outcome,
    StateReport,
    SyncAnswer,
    SyncReport,
    UsageBatch,
    UsageReport,
)
from runtime.fleet.state import MAX_STATE_BYTES
from runtime.fleet.telemetry import COUNTS
from runtime.ids import ModelName

__all__ = [
    "decode_sync_request",
    "decode_sync_response",
    "encode_sync_request",
    "encode_sync_response",
]

_MAX_MODELS: Final = 256
_MAX_LABELS: Final = 16
_MAX_COUNTS: Final = 512
_MAX_WAIT_S: Final = 86_400.0
_VERSION: Final = re.compile(r"[A-Za-z0-9.+_-]{0,64}")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CLASS: Final = re.compile(r"[A-Za-z]{0,64}")
_OUTCOMES: Final = EnumPairs(
    {
        pb.STATE_OUTCOME_UNSPECIFIED: Outcome.NONE,
        pb.STATE_OUTCOME_TRYING: Outcome.TRYING,
        pb.STATE_OUTCOME_RUNS: Outcome.RUNS,
        pb.STATE_OUTCOME_FAILED: Outcome.FAILED,
        pb.STATE_OUTCOME_REFUSED: Outcome.REFUSED,
    }
)
_HEALTHS: Final = EnumPairs(
    {
        pb.MODEL_HEALTH_SERVING: ModelHealth.SERVING,
        pb.MODEL_HEALTH_UNLOADED: ModelHealth.UNLOADED,
        pb.MODEL_HEALTH_FAILED: ModelHealth.FAILED,
    }
)


@bounds.encodable()
def encode_sync_request(report: SyncReport) -> pb.SyncRequest:
    """Return the message of a report."""
    return pb.SyncRequest(
        software_version=report.software_version,
        state=_encode_state(report.state),
        models=[
            pb.ModelReport(
                model=one.model,
                health=_HEALTHS.encode(one.health),
                decode_tokens_per_s=one.decode_tokens_per_s,
            )
            for one in report.models
        ],
        usage=[
            pb.UsageReport(
                model=one.model,
                calls=one.calls,
                failures=one.failures,
                prompt_tokens=one.prompt_tokens,
                completion_tokens=one.completion_tokens,
                counts={name: one.counts[name] for name in sorted(one.counts.keys() & COUNTS)},
            )
            for one in report.batch.usage
        ],
        is_complete=report.is_complete,
        labels=dict(report.labels),
        usage_batch=report.batch.number,
        usage_series=report.batch.series,
        usage_dropped=report.usage_dropped,
        host=None if report.host is None else _encode_host(report.host),
        ledger_head=None if report.head is None else encode_ledger_head(report.head),
    )


def decode_sync_request(message: pb.SyncRequest) -> SyncReport:
    """Return the report of a message.

    Raises:
        RequestInvalid: A field is outside its bounds.
    """
    bounds.count(message.models, "models", at_most=_MAX_MODELS)
    bounds.count(message.usage, "usage", at_most=_MAX_MODELS)
    for one in message.usage:
        bounds.count(one.counts, "usage.counts", at_most=_MAX_COUNTS)
    bounds.count(message.labels, "labels", at_most=_MAX_LABELS)
    return SyncReport(
        state=_decode_state(message.state),
        is_complete=message.is_complete,
        software_version=_fits(_VERSION, message.software_version, "software_version"),
        labels={
            _fits(_LABEL, name, "labels"): _fits(_LABEL, value, "labels")
            for name, value in sorted(message.labels.items())
        },
        models=tuple(_decode_model(one) for one in message.models),
        batch=UsageBatch(
            series=bounds.whole(message.usage_series, "usage_series"),
            number=bounds.whole(message.usage_batch, "usage_batch"),
            usage=tuple(_decode_usage(one) for one in message.usage),
        ),
        usage_dropped=bounds.whole(message.usage_dropped, "usage_dropped"),
        host=_decode_host(message.host) if message.HasField("host") else None,
        head=decode_ledger_head(message.ledger_head, "ledger_head")
        if message.HasField("ledger_head")
        else None,
    )


@bounds.encodable()
def encode_sync_response(answer: SyncAnswer) -> pb.SyncResponse:
    """Return the message of an answer."""
    message = pb.SyncResponse(next_sync_s=answer.next_sync_s, wants_complete=answer.wants_complete)
    if answer.offer is not None:
        order = answer.offer.order
        message.offer.state = answer.offer.state
        message.offer.order.content = order.content
        message.offer.order.public_key = order.public_key
        message.offer.order.signature = order.signature
    return message


def decode_sync_response(message: pb.SyncResponse) -> SyncAnswer:
    """Return the answer of a message.

    Raises:
        RequestInvalid: A field is outside its bounds.
    """
    offer = None
    if message.HasField("offer"):
        order = message.offer.order
        offer = Offer(
            SignedOrder(
                bounds.sized(order.content, "offer.order.content", at_most_bytes=MAX_ORDER_BYTES),
                bounds.digest(order.public_key, "offer.order.public_key"),
                bounds.digest(order.signature, "offer.order.signature", size_bytes=64),
            ),
            bounds.sized(message.offer.state, "offer.state", at_most_bytes=MAX_STATE_BYTES)
            if message.offer.state
            else b"",
        )
    return SyncAnswer(
        next_sync_s=bounds.number(message.next_sync_s, "next_sync_s", high=_MAX_WAIT_S),
        offer=offer,
        wants_complete=message.wants_complete,
    )


def _encode_state(report: StateReport) -> pb.StateReport:
    return pb.StateReport(
        state=bytes.fromhex(report.state),
        order=report.order,
        outcome=_OUTCOMES.encode(report.outcome),
        failure=report.failure,
        quality=report.quality,
        calls=report.calls,
        failures=report.failures,
    )


def _decode_state(message: pb.StateReport) -> StateReport:
    has_quality = message.HasField("quality")
    return StateReport(
        state=bounds.digest(message.state, "state.state").hex() if message.state else INSTALLED,
        order=bounds.whole(message.order, "state.order"),
        outcome=_OUTCOMES.decode(message.outcome, "state.outcome"),
        failure=_fits(_CLASS, message.failure, "state.failure"),
        quality=bounds.number(message.quality, "state.quality", high=1) if has_quality else None,
        calls=bounds.whole(message.calls, "state.calls"),
        failures=bounds.whole(message.failures, "state.failures"),
    )


def _decode_model(message: pb.ModelReport) -> ModelReport:
    return ModelReport(
        model=ModelName(bounds.name(message.model, "models.model")),
        health=_HEALTHS.decode(message.health, "models.health"),
        decode_tokens_per_s=bounds.number(
            message.decode_tokens_per_s, "models.decode_tokens_per_s"
        ),
    )


def _decode_usage(message: pb.UsageReport) -> UsageReport:
    return UsageReport(
        model=ModelName(bounds.name(message.model, "usage.model")),
        calls=bounds.whole(message.calls, "usage.calls"),
        failures=bounds.whole(message.failures, "usage.failures"),
        prompt_tokens=bounds.whole(message.prompt_tokens, "usage.prompt_tokens"),
        completion_tokens=bounds.whole(message.completion_tokens, "usage.completion_tokens"),
        counts={
            name: bounds.whole(message.counts[name], "usage.counts")
            for name in sorted(message.counts.keys() & COUNTS)
            if message.counts[name]
        },
    )


def _encode_host(host: HostReport) -> pb.HostReport:
    return pb.HostReport(
        disk_free_mib=host.disk_free_mib,
        memory_free_mib=host.memory_free_mib,
        models_mib=host.models_mib,
    )


def _decode_host(message: pb.HostReport) -> HostReport:
    return HostReport(
        disk_free_mib=bounds.whole(message.disk_free_mib, "host.disk_free_mib"),
        memory_free_mib=bounds.whole(message.memory_free_mib, "host.memory_free_mib"),
        models_mib=bounds.whole(message.models_mib, "host.models_mib"),
    )


def _fits(pattern: re.Pattern[str], value: str, field: str) -> str:
    if pattern.fullmatch(value) is None:
        raise RequestInvalid("has a form that is not allowed here", field=field)
    return value
