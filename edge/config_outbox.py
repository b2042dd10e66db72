"""The part ``outbox`` of the edge's configuration: what waits for the cloud."""

from dataclasses import dataclass

from pydantic import Field

from runtime.documents.shape import Shape

__all__ = ["OutboxConfig", "OutboxShape", "outbox_config"]

_HOUR_S = 3600.0


class OutboxShape(Shape):
    """As written in the file."""

    ttl_hours: float = Field(default=72.0, gt=0, le=24 * 365)
    """How long a request waits for the cloud where the policy says ``cloud_away: queue``."""
    keep_hours: float = Field(default=24.0, gt=0, le=24 * 365)
    """How long its answer can be fetched."""
    max_items: int = Field(default=1000, ge=1, le=1_000_000)
    """How many may wait; one more is refused."""
    max_mib: int = Field(default=64, ge=1, le=1 << 20)
    """What requests and answers may take of the disk."""


@dataclass(frozen=True, slots=True)
class OutboxConfig:
    """How much waits for the cloud, and how long."""

    ttl_s: float
    kept_s: float
    max_items: int
    max_bytes: int


def outbox_config(shape: OutboxShape) -> OutboxConfig:
    """Return what the daemon is told."""
    return OutboxConfig(
        ttl_s=shape.ttl_hours * _HOUR_S,
        kept_s=shape.keep_hours * _HOUR_S,
        max_items=shape.max_items,
        max_bytes=shape.max_mib << 20,
    )
