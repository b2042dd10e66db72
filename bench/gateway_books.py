"""What a gateway of ``bench.gateway`` has written down: budget, usage, what is unsettled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.gateway_callers import BUDGET
from cloud.admission.overview import overview
from cloud.admission.upkeep import LIFETIME
from cloud.config import load_config
from cloud.environment import opened_state
from cloud.stores.replicas import ReplicaStore
from runtime.clock import SystemClock

__all__ = ["Books", "read_books"]

_SINCE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Books:
    """What the gateway says itself."""

    spent_micros: int
    reserved_micros: int
    settled_calls: int
    """Calls with a usage record."""
    presumed: int
    """Reservations that were recovered: counted as used up, because nobody will settle them."""
    unsettled: int
    """Reservations that are neither settled nor recovered."""


async def read_books(config: Path) -> Books:
    """Read what lies in a gateway's state, as ``budget list``, ``usage`` and ``unsettled`` do."""
    clock = SystemClock()
    async with opened_state(load_config(config), clock=clock) as state:
        replicas = ReplicaStore(state.database, lifetime=LIFETIME)
        await replicas.recover(now=clock.now())
        unsettled = await replicas.open()
        totals = await state.usage.totals(clock.now() - _SINCE, by=())
        lines = await overview(state.database, now=clock.now())
    (account,) = next(line.accounts for line in lines if line.budget.name == BUDGET)
    presumed = sum(1 for item in unsettled if item.is_presumed)
    return Books(
        spent_micros=account.spent.micros,
        reserved_micros=account.reserved.micros,
        settled_calls=sum(total.calls for total in totals),
        presumed=presumed,
        unsettled=len(unsettled) - presumed,
    )
