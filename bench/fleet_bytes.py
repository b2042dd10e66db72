"""What an idle device costs on its link: every byte of TCP payload, both ways, at the socket.

Devices dial through a link that counts and passes bytes as they are, so handshakes, frames, pings
and records are all in it. A span of idling is measured as it is; renewals, of which an hour with
one-hour certificates has 1.67, are measured apart and added.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from bench.fleet_device import LightDevice, Tally
from bench.fleet_world import FleetWorld
from runtime.rpc.limits import KEEPALIVE_INTERVAL_S
from runtime.testing.cutting_proxy import CuttingProxy, running_proxy

__all__ = ["RENEWALS_PER_HOUR", "Idlers", "bytes_per_probe", "figures", "idling"]

RENEWALS_PER_HOUR: Final = 1 / 0.6
"""Of a one-hour certificate: renewed between a half and seven tenths of its life."""
_HOUR_S: Final = 3600.0
_QUICK_PROBE_S: Final = 5.0
"""The gateway takes more frequent ones for an attack."""
_SETTLE_S: Final = 1.0
"""Until the last bytes of what was done have passed."""


@dataclass(frozen=True, slots=True)
class Idlers:
    """Devices behind a link that counts."""

    devices: list[LightDevice]
    link: CuttingProxy

    async def per_hour(self, span_s: float, interval_s: float) -> float:
        """Let the devices idle for so long; return the bytes of one, scaled to an hour."""
        before = self.link.passed_bytes
        beating = [
            asyncio.create_task(device.sync_for_ever(first_within_s=interval_s))
            for device in self.devices
        ]
        await asyncio.sleep(span_s)
        for task in beating:
            task.cancel()
        await asyncio.gather(*beating, return_exceptions=True)
        return self._each(before) * _HOUR_S / span_s

    async def per_report(self, rounds: int, pause_s: float) -> float:
        """Return the bytes of one report among reports in a row."""
        before = self.link.passed_bytes
        for _ in range(rounds):
            await asyncio.gather(*(device.sync() for device in self.devices))
            await asyncio.sleep(pause_s)
        return self._each(before) / rounds

    async def per_renewal(self, rounds: int) -> float:
        """Return the bytes of one renewal: the call, the new connection, the end of the old one."""
        before = self.link.passed_bytes
        for _ in range(rounds):
            await asyncio.gather(*(device.renew() for device in self.devices))
            await asyncio.sleep(_SETTLE_S)
        return self._each(before) / rounds

    def _each(self, before: int) -> float:
        return (self.link.passed_bytes - before) / len(self.devices)


@asynccontextmanager
async def idling(
    world: FleetWorld, count: int, *, probe_s: float = KEEPALIVE_INTERVAL_S
) -> AsyncIterator[Idlers]:
    """Enrol so many devices and keep them linked until the block ends."""
    tally, rng = Tally(), random.Random(count)  # noqa: S311 - spreads, keeps no secret
    async with running_proxy(world.addresses["grpc"]) as link:
        devices = [
            LightDevice(
                file.token, file.ca_certificate_pem.encode(), tally, rng=rng, probe_s=probe_s
            )
            for file in await world.tokens(count)
        ]
        try:
            for device in devices:
                await device.enrol(world.addresses["enrolment"])
                device.link(link.address)
                await device.sync_at_last()
            await asyncio.sleep(_SETTLE_S)
            yield Idlers(devices, link)
        finally:
            for device in devices:
                await device.close()


async def bytes_per_probe(world: FleetWorld) -> float:
    """Return the bytes of one probe of a silent connection, and its answer."""
    async with idling(world, 1, probe_s=_QUICK_PROBE_S) as idlers:
        before = idlers.link.passed_bytes
        await asyncio.sleep(2 * _QUICK_PROBE_S)
        return (idlers.link.passed_bytes - before) / 2


def figures(idle_per_hour: float, per_renewal: float) -> dict[str, Any]:
    """Return what one device costs in an hour."""
    return {
        "bytes_per_device_hour": round(idle_per_hour + RENEWALS_PER_HOUR * per_renewal),
        "bytes_per_renewal": round(per_renewal),
        "bytes_per_idle_hour_without_renewals": round(idle_per_hour),
    }
