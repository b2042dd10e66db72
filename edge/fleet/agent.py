"""Reports to the gateway now and then, and hands what it offers to whoever carries it out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from edge.fleet.applier import Applier
from edge.fleet.generations import Taken
from edge.fleet.reporter import Reporter
from runtime.errors import LeewardError
from runtime.fleet.report import Outcome, SyncAnswer, SyncReport

__all__ = ["FleetAgent"]

_logger: Final = logging.getLogger("leeward.edge.fleet")
_RETRY_S: Final = 5.0
_LONGEST_RETRY_S: Final = 300.0
_NOTE_S: Final = 10.0
"""How often calls are written down: what a power cut may cost of their counts."""
_LOOK_S: Final = 0.5
"""How often it is looked whether an order has come to an end, which is then told at once."""


class FleetAgent:
    """The device's side of ``Fleet.Sync``.

    Args:
        sync: Sends a report.
        reporter: Makes them.
        applier: Carries out orders.
        jitter: Returns a factor around 1 that spreads waits.
    """

    def __init__(
        self,
        sync: Callable[[SyncReport], Awaitable[SyncAnswer]],
        reporter: Reporter,
        applier: Applier,
        *,
        jitter: Callable[[], float],
    ) -> None:
        self._sync = sync
        self._reporter = reporter
        self._applier = applier
        self._jitter = jitter

    async def run(self) -> None:
        """Report and carry out, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._report(), name="fleet-report")
                group.create_task(self._applier.run(), name="fleet-orders")
        finally:
            await self._note()

    async def _report(self) -> None:
        failures = 0
        while True:
            try:
                answer = await self._sync(await self._reporter.next())
                await self._reporter.answered(wants_complete=answer.wants_complete)
            except (LeewardError, OSError) as error:
                failures += 1
                if failures == 1:
                    _logger.warning("sync_failed", extra={"error": type(error).__name__})
                retry_s = min(_RETRY_S * 2 ** min(failures - 1, 10), _LONGEST_RETRY_S)
                await self._pause(retry_s * self._jitter())
                continue
            failures = 0
            if answer.offer is not None:
                self._applier.inbox.offer(Taken(answer.offer.order, answer.offer.state))
            await self._pause(answer.next_sync_s, is_over=self._has_news())

    async def _note(self) -> None:
        try:
            await self._reporter.note()
        except OSError as error:
            _logger.warning("usage_not_noted", extra={"error": type(error).__name__})

    async def _pause(self, seconds: float, *, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait, unless something ends it, and write down what is called meanwhile."""
        left_s, noted_s = seconds, 0.0
        while left_s > 0 and not is_over():
            step_s = min(left_s, _LOOK_S)
            await asyncio.sleep(step_s)
            left_s -= step_s
            noted_s += step_s
            if noted_s >= _NOTE_S:
                noted_s = 0.0
                await self._note()

    def _has_news(self) -> Callable[[], bool]:
        """Return what says whether an order has come to an end since now."""
        told = self._applier.pointer.outcome

        def has_news() -> bool:
            outcome = self._applier.pointer.outcome
            return outcome is not told and outcome is not Outcome.TRYING

        return has_news
