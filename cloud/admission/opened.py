"""Admission with everything that runs beside it, from the first call to the last settlement."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from cloud.admission.admission import BudgetedAdmission
from cloud.admission.bookings import Bookings
from cloud.admission.prices import Prices
from cloud.admission.rates import RateGate
from cloud.admission.upkeep import LIFETIME, Upkeep
from cloud.idempotency.names import Namer
from cloud.stores.accounts import AccountStore
from cloud.stores.database import Database
from cloud.stores.idempotency import KeyStore
from cloud.stores.replicas import ReplicaStore
from cloud.stores.rules import Rules, RuleStore
from runtime.clock import Clock
from runtime.errors import BackendUnavailable
from runtime.telemetry.metrics import Metrics

__all__ = ["opened_admission"]


@asynccontextmanager
async def opened_admission(
    database: Database,
    *,
    node: str,
    prices: Prices,
    namer: Namer,
    metrics: Metrics,
    clock: Clock,
) -> AsyncIterator[BudgetedAdmission]:
    """Run one replica's admission; what is settled is in the store when this is left.

    Args:
        database: The store, open for longer than this.
        node: The node's name, which begins the replica's id.
        prices: Gets what is set in the store.
        namer: Names calls that bear an idempotency key, the same on every replica.
        metrics: With the rows of ``cloud.admission.metrics``.
        clock: What moments are read from.

    Raises:
        DatabaseUnavailable: The rules cannot be read at the start.
    """
    replica = f"{node}-{secrets.token_hex(6)}"
    rates = RateGate(clock=clock)
    replicas = ReplicaStore(database, lifetime=LIFETIME)
    bookings = Bookings(database, replica=replica, metrics=metrics, clock=clock)
    admission = BudgetedAdmission(
        bookings=bookings,
        accounts=AccountStore(database),
        rates=rates,
        replica=replica,
        namer=namer,
        keys=KeyStore(database),
        metrics=metrics,
        clock=clock,
    )

    def apply(rules: Rules, alive: int) -> None:
        rates.configure(rules.limits, replicas=alive)
        admission.configure(rules.budgets)
        prices.configure(rules.prices)

    upkeep = Upkeep(
        rules=RuleStore(database),
        replicas=replicas,
        replica=replica,
        apply=apply,
        metrics=metrics,
        clock=clock,
    )
    await upkeep.once()
    # No task group: it would wrap whatever the caller's block raises, and both tasks go on
    # whatever happens to them.
    booking, regular = asyncio.create_task(bookings.run()), asyncio.create_task(upkeep.run())
    try:
        yield admission
    finally:
        regular.cancel()
        bookings.stop()
        await asyncio.gather(booking, regular, return_exceptions=True)
    if not bookings.waiting:
        # With something left unsettled it stays on the list, and is recovered as any other.
        with suppress(BackendUnavailable):
            await replicas.leave(replica)
