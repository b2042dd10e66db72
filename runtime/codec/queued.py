"""Requests that wait on a device for the cloud, from their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from leeward.v1 import admin_pb2
from leeward.v1 import collaboration_pb2 as pb
from runtime.codec import bounds
from runtime.codec.events import decode_answer
from runtime.codec.moments import decode_moment
from runtime.codec.receipt import decode_receipt
from runtime.errors import RequestInvalid
from runtime.executor.events import AnswerFinished, Receipt

__all__ = ["QueuedAnswer", "QueuedRun", "decode_queued", "decode_queued_runs", "decode_run"]

_PREFIX = "QUEUED_STATE_"


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """How a queued request stands; without content."""

    key: str
    """Its idempotency key."""
    state: str
    """``waiting``, ``running``, ``answered``, ``refused``, ``failed``, ``expired``,
    ``cancelled``."""
    queued_at: datetime
    left_s: float
    """How much longer it waits, seconds; 0 once it has ended."""
    priority: int
    no_retry: bool
    attempts: int
    upstream_repeats: int
    """How often models beyond the device were asked again what they had been asked."""
    error: str
    """Class of the failure that ended it, or of its last attempt; empty for none."""


@dataclass(frozen=True, slots=True)
class QueuedAnswer:
    """A queued request and, once it is there, its answer."""

    run: QueuedRun
    answer: AnswerFinished | None
    receipt: Receipt | None


def decode_queued(message: pb.GetQueuedResponse) -> QueuedAnswer:
    """Return a queued request with what has come of it.

    Raises:
        RequestInvalid: A field is not of its kind.
    """
    return QueuedAnswer(
        decode_run(message.run),
        decode_answer(message.answer) if message.HasField("answer") else None,
        decode_receipt(message.receipt) if message.HasField("receipt") else None,
    )


def decode_queued_runs(message: admin_pb2.ListQueuedResponse) -> Sequence[QueuedRun]:
    """Return the queue."""
    return [decode_run(run) for run in message.runs]


def decode_run(message: pb.QueuedRun) -> QueuedRun:
    """Return how a queued request stands.

    Raises:
        RequestInvalid: A field is not of its kind.
    """
    return QueuedRun(
        key=bounds.name(message.idempotency_key, "idempotency_key"),
        state=_state(message.state),
        queued_at=decode_moment(message.queued_at, "queued_at"),
        left_s=bounds.number(message.left_s, "left_s"),
        priority=message.priority,
        no_retry=message.no_retry,
        attempts=message.attempts,
        upstream_repeats=message.upstream_repeats,
        error=bounds.optional_name(message.error, "error"),
    )


def _state(state: pb.QueuedState.ValueType) -> str:
    if state not in pb.QueuedState.values() or state == pb.QUEUED_STATE_UNSPECIFIED:
        raise RequestInvalid("is not a known state", field="state")
    return pb.QueuedState.Name(state).removeprefix(_PREFIX).lower()
