"""The desk at which devices report: keeps what they tell, and says what they should have."""

from __future__ import annotations

from random import Random
from typing import Final

from cloud.fleet.anchoring import Anchors
from cloud.fleet.renewing import DeviceAccess
from cloud.stores.fleet_devices import FleetStore
from runtime.clock import Clock
from runtime.fleet.report import ENDED, Outcome, SyncAnswer, SyncReport
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer

__all__ = ["SyncDesk"]

_BUSY_S: Final = 5.0
"""How soon a device reports again that is trying a state, or was just given one."""
_JITTER: Final = 0.1


class SyncDesk:
    """Answers reports.

    Args:
        access: Says which device calls, and whether it was revoked.
        store: Where they are kept.
        anchors: Countersign and keep the ledger heads that reports show.
        interval_s: How often a device that has nothing to do reports, seconds.
        clock: The one clock.
        rng: Spreads the reports, so that devices which woke together do not stay together.
    """

    def __init__(
        self,
        access: DeviceAccess,
        store: FleetStore,
        anchors: Anchors,
        *,
        interval_s: float,
        clock: Clock,
        rng: Random,
    ) -> None:
        self._access = access
        self._store = store
        self._anchors = anchors
        self._interval_s = interval_s
        self._clock = clock
        self._rng = rng

    async def sync(self, peer: VerifiedPeer, report: SyncReport) -> SyncAnswer:
        """Keep a report and answer it.

        Raises:
            NotPermitted: The device is not enrolled here, or was revoked.
            DatabaseUnavailable: It could not be kept; the device reports the same again.
        """
        device = DeviceId((await self._access.by_certificate(peer)).id)
        if report.head is not None:
            await self._anchors.countersign(device, report.head)
        offer, wants_complete = await self._store.sync(device, report, self._clock.now())
        outcome = report.state.outcome
        is_busy = offer is not None or outcome not in ENDED | {Outcome.NONE}
        wait_s = min(_BUSY_S, self._interval_s) if is_busy else self._interval_s
        spread_s = wait_s * self._rng.uniform(1 - _JITTER, 1 + _JITTER)
        return SyncAnswer(
            next_sync_s=0.0 if wants_complete else spread_s,
            offer=offer,
            wants_complete=wants_complete,
        )
