"""What a device tells its gateway of itself, and what it is told back. Content-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from runtime.fleet.order import SignedOrder
from runtime.ids import ModelName
from runtime.ledger.entry import Head

__all__ = [
    "ENDED",
    "HostReport",
    "ModelHealth",
    "ModelReport",
    "Offer",
    "Outcome",
    "StateReport",
    "SyncAnswer",
    "SyncReport",
    "UsageBatch",
    "UsageReport",
]


class Outcome(Enum):
    """How far a device is with the newest order that it took."""

    NONE = "none"
    """It has taken none yet."""
    TRYING = "trying"
    """It fetches models, or watches the new state before it trusts it."""
    RUNS = "runs"
    """The state runs, for good."""
    FAILED = "failed"
    """The state was not healthy; the last good one is back."""
    REFUSED = "refused"
    """Order or state cannot be taken as they are; nothing was changed."""


ENDED: Final = frozenset({Outcome.RUNS, Outcome.FAILED, Outcome.REFUSED})
"""Outcomes that stay until the next order."""


class ModelHealth(Enum):
    """Whether a model serves."""

    SERVING = "serving"
    UNLOADED = "unloaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StateReport:
    """How a device stands with its desired state."""

    state: str = ""
    """Hash of the state that runs for good; ``INSTALLED`` for the device's own configuration."""
    order: int = 0
    """Number of the newest order that it took; 0 for none."""
    outcome: Outcome = Outcome.NONE
    failure: str = ""
    """Class name of what was wrong."""
    quality: float | None = None
    """Share of the state's checks that passed; ``None`` when there were none."""
    calls: int = 0
    """Ended since the device switched to the state of that order."""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model as the device sees it."""

    model: ModelName
    health: ModelHealth
    decode_tokens_per_s: float = 0.0
    """0 when not measured."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Calls of one model since the last report."""

    model: ModelName
    calls: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    counts: Mapping[str, int] = field(default_factory=dict)
    """More of these calls, by names of ``runtime.fleet.telemetry``; what is 0 is left out."""


@dataclass(frozen=True, slots=True)
class HostReport:
    """How much room a device has, MiB."""

    disk_free_mib: int
    """Where its state is."""
    memory_free_mib: int
    """That programs could have; 0 where the system does not tell."""
    models_mib: int
    """Taken by models in memory."""


@dataclass(frozen=True, slots=True)
class UsageBatch:
    """Usage that is told until it is answered, and added once."""

    series: int = 0
    """Whose numbers these are; another series is another count. 0 where nothing is numbered."""
    number: int = 0
    """Grows with each batch of a series; 0 for an empty one."""
    usage: tuple[UsageReport, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One report; what is left out of an incomplete one is as it was."""

    state: StateReport
    is_complete: bool
    software_version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    models: tuple[ModelReport, ...] = ()
    batch: UsageBatch = UsageBatch()
    usage_dropped: int = 0
    """Calls that found no room in the device's journal and are told to nobody."""
    host: HostReport | None = None
    head: Head | None = None
    """The newest entry of the device's ledger, which the gateway countersigns and keeps."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An order, and the state that it is about."""

    order: SignedOrder
    state: bytes
    """Packed; empty where the device runs it already, or there is none."""


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """What the gateway answers."""

    next_sync_s: float
    offer: Offer | None = None
    wants_complete: bool = False
    """Whether the gateway knows nothing of this device, so that the next report tells it all."""
