"""What an idle device costs on its link: every byte of TCP payload, both ways, at the socket.

Devices dial through a link that counts and passes bytes as they are, so handshakes, frames, probes
and records are all in it. A span of idling is measured as it is; renewals, of which an hour with
one-hour certificates has 1.67, are measured apart and added.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bench.fleet_crowds import Crowds, running_crowds
from bench.fleet_world import FleetWorld
from runtime.rpc.limits import KEEPALIVE_INTERVAL_S
from runtime.testing.cutting_proxy import CuttingProxy, running_proxy

__all__ = ["QUICK_PROBE_S", "RENEWALS_PER_HOUR", "Idlers", "idling"]

RENEWALS_PER_HOUR: Final = 1 / 0.6
"""Of a one-hour certificate: renewed between a half and seven tenths of its life."""
_HOUR_S: Final = 3600.0
_SETTLE_S: Final = 1.0
"""Until the last bytes of what was done have passed."""
QUICK_PROBE_S: Final = 5.0
"""How often a connection may be probed at most: the gateway takes more for an attack."""
_PROBES: Final = 2


@dataclass(frozen=True, slots=True)
class Idlers:
    """Devices behind a link that counts."""

    crowd: Crowds
    link: CuttingProxy

    async def per_hour(self, span_s: float, interval_s: float) -> float:
        """Let the devices idle for so long; return the bytes of one, scaled to an hour."""
        before = self.link.passed_bytes
        await self.crowd.do("beat", span_s=span_s, interval_s=interval_s)
        return self._each(before) * _HOUR_S / span_s

    async def per_report(self, rounds: int) -> float:
        """Return the bytes of one report among reports in a row."""
        before = self.link.passed_bytes
        for _ in range(rounds):
            await self.crowd.do("come_back")
        await asyncio.sleep(_SETTLE_S)
        return self._each(before) / rounds

    async def per_renewal(self, rounds: int) -> float:
        """Return the bytes of one renewal: the call, the new connection, the end of the old one."""
        before = self.link.passed_bytes
        for _ in range(rounds):
            await self.crowd.do("renew", within_s=0.0)
        await asyncio.sleep(_SETTLE_S)
        return self._each(before) / rounds

    async def per_probe(self) -> float:
        """Return the bytes of one probe of a silent connection, and its answer."""
        before = self.link.passed_bytes
        await asyncio.sleep(_PROBES * QUICK_PROBE_S + _SETTLE_S / 2)
        return self._each(before) / _PROBES

    def _each(self, before: int) -> float:
        return (self.link.passed_bytes - before) / self.crowd.count


@asynccontextmanager
async def idling(
    world: FleetWorld, count: int, *, probe_s: float = KEEPALIVE_INTERVAL_S
) -> AsyncIterator[Idlers]:
    """Enrol so many devices and keep them linked until the block ends."""
    async with (
        running_proxy(world.addresses["grpc"]) as link,
        running_crowds(world, count, gateway=link.address, probe_s=probe_s) as crowd,
    ):
        await crowd.do("enrol")
        await asyncio.sleep(_SETTLE_S)
        yield Idlers(crowd, link)
