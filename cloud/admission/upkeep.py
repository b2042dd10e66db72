"""What a replica does beside serving: it shows that it lives, hears of changes, clears up."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from cloud.stores.replicas import ReplicaStore
from cloud.stores.rules import Rules, RuleStore
from runtime.clock import Clock
from runtime.telemetry.metrics import Metrics

__all__ = ["LIFETIME", "Upkeep"]

LIFETIME: Final = timedelta(seconds=20)
"""After how long without a sign of life a replica counts as dead."""
_LISTEN_S: Final = 1.0
_BEAT_S: Final = 5.0
_SWEEP_S: Final = 60.0
_KEPT: Final = timedelta(minutes=10)
"""How long a settled reservation is remembered, so that it is settled once."""
_logger: Final = logging.getLogger("leeward.cloud.admission")

Apply = Callable[[Rules, int], None]
"""Takes over rules that changed, and how many replicas there are."""


class Upkeep:
    """The regular work of one replica.

    Args:
        rules: Where changes are looked for, every second.
        replicas: Where the sign of life goes, every five; the dead are recovered then, too.
        replica: This replica's id.
        apply: Called at the start and after every change.
        metrics: With the rows of ``cloud.admission.metrics``.
        clock: What moments are read from.
    """

    def __init__(
        self,
        *,
        rules: RuleStore,
        replicas: ReplicaStore,
        replica: str,
        apply: Apply,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._replicas = replicas
        self._replica = replica
        self._apply = apply
        self._metrics = metrics
        self._clock = clock
        self._known: tuple[int, int] | None = None
        self._alive = 1
        self._beat_due_s = self._sweep_due_s = clock.monotonic_s()

    async def run(self) -> None:
        """Go on until cancelled. While the database is away, the last rules go on."""
        while True:
            try:
                await self.once()
            except Exception as error:  # noqa: BLE001 - a replica that stops this counts as dead
                _logger.warning("upkeep_failed", extra={"error": type(error).__name__})
            await asyncio.sleep(_LISTEN_S)

    async def once(self) -> None:
        """Do what is due.

        Raises:
            DatabaseUnavailable: The database failed.
        """
        now_s, now = self._clock.monotonic_s(), self._clock.now()
        if now_s >= self._beat_due_s:
            self._alive = await self._replicas.beat(self._replica, now=now)
            self._beat_due_s = now_s + _BEAT_S
            recovered = await self._replicas.recover(now=now)
            if recovered:
                self._metrics.count("leeward_admission_recovered_total", by=recovered)
                _logger.warning("reservations_recovered", extra={"count": recovered})
        known = (await self._rules.revision(), self._alive)
        if known != self._known:
            self._apply(await self._rules.all(), self._alive)
            self._known = known
        if now_s >= self._sweep_due_s:
            await self._replicas.sweep(settled_before=now - _KEPT, now=now)
            self._sweep_due_s = now_s + _SWEEP_S
