"""What the fleet's tables hold, as values, and how their JSON columns are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from cloud.fleet.rollout import RolloutStatus, Rules, Tally

__all__ = [
    "DeviceStanding",
    "NewOrder",
    "NewRollout",
    "OrderRecord",
    "RolloutRecord",
    "StateRecord",
    "read_rules",
    "write_rules",
]


@dataclass(frozen=True, slots=True)
class StateRecord:
    """One packed state that the gateway keeps."""

    hash: str
    name: str
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """An enrolled device and what it last told."""

    device: str
    tenant: str
    is_revoked: bool
    groups: tuple[str, ...]
    labels: Mapping[str, str]
    seen_at: datetime | None
    """``None`` for a device that has not reported yet."""
    version: str
    state: str
    """Hash of the state that it runs for good; empty for its own configuration."""
    order: int
    outcome: str
    failure: str
    models: Mapping[str, tuple[str, float]]
    """Health and tokens per second by name."""
    calls: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    host: Mapping[str, int] | None = None
    """How much room it has, MiB, by the fields of ``HostReport``; ``None`` where untold."""
    usage_dropped: int = 0
    """Calls that found no room in its journal."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to one device, and the one that takes it back."""

    device: str
    wave: int
    content: bytes
    signature: bytes
    undo_content: bytes
    undo_signature: bytes
    undo_state: str


@dataclass(frozen=True, slots=True)
class NewRollout:
    """A rollout about to begin."""

    id: int
    name: str
    state: str
    revision: int
    public_key: bytes
    waves: tuple[float, ...]
    rules: Rules
    orders: tuple[NewOrder, ...]
    labels: Mapping[str, str] | None = None
    """Whom it also reaches later; ``None`` for nobody."""
    order_content: bytes | None = None
    order_signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """A rollout and how it stands."""

    id: int
    name: str
    state: str
    revision: int
    labels: Mapping[str, str] | None
    waves: tuple[float, ...]
    rules: Rules
    wave: int
    """The newest released one, from 0."""
    status: RolloutStatus
    reason: str
    created_at: datetime
    wave_at: datetime
    ended_at: datetime | None
    devices: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """How one device of a rollout stands."""

    device: str
    wave: int
    outcome: str
    is_undone: bool
    failure: str
    quality: float | None
    calls: int
    failures: int
    updated_at: datetime


def write_rules(rules: Rules) -> str:
    """Return rules as their column has them."""
    return json.dumps(asdict(rules))


def read_rules(text: str) -> Rules:
    """Return the rules of a column."""
    return Rules(**json.loads(text))
