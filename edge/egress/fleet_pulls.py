"""What a fleet's state wants, models and software: by content, resumed, within a rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

from edge.egress.bundle_pull import BundleRequest
from edge.egress.pulling import Pulls
from edge.models.room import Room
from edge.models.source import parse_source
from edge.models.store import ModelStore
from runtime.clock import Clock
from runtime.errors import CapacityExhausted
from runtime.fleet.state import ModelShape, ReleaseShape

__all__ = ["FleetPulls", "Pace"]

_WAIT_S: Final = 0.5


class Pace:
    """Says how long to wait so that a transfer keeps to a rate.

    Args:
        bytes_per_s: The rate; ``None`` for none.
        clock: Measures the transfer.
    """

    def __init__(self, bytes_per_s: int | None, clock: Clock) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._began: tuple[float, int] | None = None

    def wait_s(self, here_bytes: int) -> float:
        """Return how long to wait now that so much of the file is here, seconds."""
        if self._bytes_per_s is None:
            return 0.0
        now_s = self._clock.monotonic_s()
        if self._began is None or here_bytes < self._began[1]:
            self._began = now_s, here_bytes  # what was here before is no part of this transfer
        since_s, first_bytes = self._began
        due_s = since_s + (here_bytes - first_bytes) / self._bytes_per_s
        return max(0.0, due_s - now_s)


class FleetPulls:
    """Brings models into the store.

    Args:
        pulls: One at a time, also those that applications ask for.
        store: Where they go.
        bytes_per_s: What they may take of the link; ``None`` for all of it.
        clock: Measures the rate.
    """

    def __init__(
        self, pulls: Pulls, store: ModelStore, *, bytes_per_s: int | None, clock: Clock
    ) -> None:
        self._pulls = pulls
        self._store = store
        self._bytes_per_s = bytes_per_s
        self._clock = clock

    async def fetch(self, name: str, model: ModelShape) -> None:
        """Bring a model into the store under a name, unless it is there.

        Cancelled, it leaves what is here, and the next call goes on with it.

        Raises:
            LeewardError: As for ``Puller.pull``.
        """
        found = await asyncio.to_thread(self._store.find, name)
        if found is not None and found.record and found.record.sha256 == model.sha256:
            return
        await self._at_rate(
            lambda wait_s: self._pulls.fetch(
                parse_source(model.source),
                name=name,
                sha256=model.sha256,
                manifest=model.manifest,
                wait_s=wait_s,
            )
        )

    async def fetch_bundle(self, room: Room, release: ReleaseShape, target: Path) -> None:
        """Bring the bundle of a software release to a path; cancelled and resumed likewise.

        Raises:
            LeewardError: As for ``pull_bundle``.
        """
        if await asyncio.to_thread(target.exists):
            return
        request = BundleRequest(release, target, room)
        await self._at_rate(lambda wait_s: self._pulls.fetch_bundle(request, wait_s=wait_s))

    async def _at_rate(
        self, pull: Callable[[Callable[[int], float]], AsyncGenerator[object, None]]
    ) -> None:
        """Do a pull once nobody else's runs, within the rate."""
        pace = Pace(self._bytes_per_s, self._clock)
        while True:
            try:
                async with aclosing(pull(pace.wait_s)) as steps:
                    async for _ in steps:
                        pass
            except CapacityExhausted:
                if not self._pulls.is_busy:
                    raise
                await asyncio.sleep(_WAIT_S)  # somebody else's pull goes first
            else:
                return
