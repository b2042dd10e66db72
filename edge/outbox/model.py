"""What is known of one request in the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.outbox.lifetime import Mark

__all__ = ["ENDED", "Item", "KeptCall", "QueuedState"]


class QueuedState(StrEnum):
    """How a queued request stands."""

    WAITING = "waiting"
    """For the cloud, or for its turn."""
    RUNNING = "running"
    ANSWERED = "answered"
    REFUSED = "refused"
    """The policy of the time of sending does not let it leave."""
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


ENDED = frozenset(QueuedState) - {QueuedState.WAITING, QueuedState.RUNNING}
"""States that nothing follows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One request; with content only in ``form`` and ``result``."""

    position: int
    """Its place: who came first has the lower one."""
    key: str
    """The idempotency key."""
    state: QueuedState
    priority: int
    no_retry: bool
    ttl_s: float
    """How long it waits at most, seconds."""
    queued_at: Mark
    attempts: int
    upstream_repeats: int
    error: str
    """Class of the failure that ended it, or of its last attempt; empty for none."""
    form: Mapping[str, Any]
    """The request, as ``edge.outbox.form`` writes it."""
    cloud_steps: tuple[str, ...]
    """Steps that were to run in the cloud when it was queued; empty when that was not planned."""
    result: bytes | None
    """The run's events once it is answered, as ``runtime.codec.stored`` packs them."""


@dataclass(frozen=True, slots=True)
class KeptCall:
    """One call beyond the device that a queued request has made."""

    request: bytes
    """As it was first sent."""
    originals: Mapping[str, str]
    """What its placeholders stand for."""
    answer: bytes | None
    """The whole answer's stream, once it is here."""
