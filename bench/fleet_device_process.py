"""A process of ``bench.fleet_scale`` with some hundred light devices; speaks JSON lines.

The first line names gateway, authority and join tokens; each further one is something that all
devices do, and its answer says how it went.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.fleet_device import LightDevice, Tally
from runtime.errors import LeewardError

__all__: list[str] = []


class _Crowd:
    """The devices of this process."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._enrolment: str = told["enrolment"]
        self._gateway: str = told["gateway"]
        self._tally = Tally()
        authority = str(told["authority"]).encode()
        self._rng = random.Random(told["seed"])  # noqa: S311 - spreads, keeps no secret
        self._devices = [
            LightDevice(
                token, authority, self._tally, rng=self._rng, probe_s=float(told["probe_s"])
            )
            for token in told["tokens"]
        ]

    async def enrol(self) -> list[float]:
        """Enrol, link and report, all at once; return when each was through, seconds."""

        async def one(device: LightDevice) -> None:
            await device.enrol(self._enrolment)
            device.link(self._gateway)
            await device.sync_at_last()

        return await self._timed(one)

    async def come_back(self) -> list[float]:
        """Report until it is answered; return when each was through, seconds."""
        return await self._timed(LightDevice.sync_at_last)

    async def beat(self, span_s: float, interval_s: float) -> list[float]:
        """Report as often as the gateway wants for so long; return how long each took, seconds."""
        self._tally.sync_s.clear()
        beating = [
            asyncio.create_task(device.sync_for_ever(first_within_s=interval_s))
            for device in self._devices
        ]
        await asyncio.sleep(span_s)
        for task in beating:
            task.cancel()
        await asyncio.gather(*beating, return_exceptions=True)
        return list(self._tally.sync_s)

    async def renew(self, within_s: float) -> list[float]:
        """Renew once each, at random moments; return how long each took that succeeded, seconds."""
        took_s: list[float] = []

        async def one(device: LightDevice) -> None:
            await asyncio.sleep(within_s * self._rng.random())
            started_s = time.perf_counter()
            try:
                await device.renew()
            except LeewardError as error:
                self._tally.failed[type(error).__name__] += 1
                return
            took_s.append(time.perf_counter() - started_s)

        await asyncio.gather(*(one(device) for device in self._devices))
        return took_s

    async def close(self) -> list[float]:
        """Leave."""
        await asyncio.gather(*(device.close() for device in self._devices))
        return []

    def counts(self) -> dict[str, Any]:
        """Return refusals and failures since the last time, and forget them."""
        counts = {"refused": self._tally.refused, "failed": dict(self._tally.failed)}
        self._tally.refused = 0
        self._tally.failed.clear()
        return counts

    async def _timed(self, act: Callable[[LightDevice], Awaitable[None]]) -> list[float]:
        started_s = time.perf_counter()

        async def one(device: LightDevice) -> float:
            await act(device)
            return time.perf_counter() - started_s

        return await asyncio.gather(*(one(device) for device in self._devices))


async def _serve() -> None:
    crowd = _Crowd(json.loads(sys.stdin.readline()))
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        took_s = await getattr(crowd, command.pop("do"))(**command)
        print(json.dumps({"took_s": took_s} | crowd.counts()), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
