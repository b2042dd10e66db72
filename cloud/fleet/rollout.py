"""Decide how a rollout goes on: wait, release the next wave, end, or abort. Pure.

A rollout moves devices to one state in waves; the first is the canary. Knows shares and times, not
devices, signatures or tables.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from runtime.errors import RequestInvalid

__all__ = [
    "OPEN",
    "Decision",
    "Rules",
    "RolloutStatus",
    "Tally",
    "check_waves",
    "decide",
    "waves_of",
]


class RolloutStatus(Enum):
    """How a rollout stands."""

    RUNNING = "running"
    PAUSED = "paused"
    """No further wave is released; devices of those before go on."""
    ABORTED = "aborted"
    """Nobody else gets the state, and who has it is told to go back."""
    DONE = "done"


OPEN: Final = frozenset({RolloutStatus.RUNNING, RolloutStatus.PAUSED})
"""Statuses from which a rollout can go on."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a wave is good, and when the rollout is given up."""

    soak_s: float = 60.0
    """How long a wave is watched at least, from its release, seconds."""
    min_done_share: float = 0.9
    """Of the released devices that must run the state before the next wave."""
    max_failed_share: float = 0.0
    """Of the released devices that may fail or refuse it; more aborts."""
    max_error_share: float = 0.1
    """Of the calls on devices that switched; more aborts, once there are ``min_calls``."""
    min_calls: int = 20
    min_quality: float = 0.0
    """The mean share of passed checks; less aborts."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the released devices of a rollout stand, added up."""

    released: int = 0
    done: int = 0
    failed: int = 0
    """Devices that failed or refused the state."""
    superseded: int = 0
    """Devices that a later rollout has taken over."""
    calls: int = 0
    failures: int = 0
    quality: float | None = None
    """The mean over devices that ran checks; ``None`` while there are none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a rollout now."""

    status: RolloutStatus
    wave: int
    reason: str = ""
    """A constant; of an abort."""


def decide(
    tally: Tally, rules: Rules, *, wave: int, waves: int, wave_at: datetime, now: datetime
) -> Decision:
    """Return what becomes of a running rollout.

    Args:
        tally: How the released devices stand.
        rules: When a wave is good.
        wave: The newest released wave, from 0.
        waves: How many there are.
        wave_at: When it was released.
        now: The present.
    """
    reason = _why_abort(tally, rules)
    if reason:
        return Decision(RolloutStatus.ABORTED, wave, reason)
    counted = tally.released - tally.superseded
    is_watched = (now - wave_at).total_seconds() >= rules.soak_s
    if not is_watched or tally.done < rules.min_done_share * counted:
        return Decision(RolloutStatus.RUNNING, wave)
    if wave + 1 < waves:
        return Decision(RolloutStatus.RUNNING, wave + 1)
    return Decision(RolloutStatus.DONE, wave)


def check_waves(shares: Sequence[float]) -> tuple[float, ...]:
    """Return shares of the fleet by wave, which must grow and end with 1.

    Raises:
        RequestInvalid: They do not.
    """
    grows = all(low < high for low, high in zip((0.0, *shares), shares, strict=False))
    if not shares or not grows or shares[-1] != 1.0:
        reason = "must be shares that grow and end with 1, such as 0.05,0.5,1"
        raise RequestInvalid(reason, field="waves")
    return tuple(shares)


def waves_of(devices: Sequence[str], shares: Sequence[float], *, seed: str) -> Mapping[str, int]:
    """Return in which wave each device is; the first has one at least.

    Who is a canary hangs on ``seed`` and the device's name only, so that it is not always the same
    one, and a dry run tells the truth.
    """
    drawn = sorted(devices, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    ends = [math.ceil(share * len(drawn)) for share in shares]
    return {
        name: next(wave for wave, end in enumerate(ends) if place < end)
        for place, name in enumerate(drawn)
    }


def _why_abort(tally: Tally, rules: Rules) -> str:
    if tally.failed > rules.max_failed_share * tally.released:
        return "devices_failed"
    has_calls = tally.calls >= max(rules.min_calls, 1)
    if has_calls and tally.failures / tally.calls > rules.max_error_share:
        return "calls_failed"
    if tally.quality is not None and tally.quality < rules.min_quality:
        return "quality_low"
    return ""
