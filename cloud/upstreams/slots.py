"""At most so many calls of a provider in flight; further ones wait their turn, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from runtime.errors import CapacityExhausted, DeadlineExceeded

__all__ = ["Slots"]


class Slots:
    """The places of one provider, first come, first served."""

    def __init__(self, spec: UpstreamSpec) -> None:
        self._spec = spec
        self._places = asyncio.Semaphore(spec.max_concurrency)
        self._waiting = 0
        self.in_flight = 0

    @property
    def is_full(self) -> bool:
        """Whether a call that came now would wait."""
        return self._places.locked()

    @asynccontextmanager
    async def taken(self, left_s: float) -> AsyncIterator[None]:
        """Hold a place.

        Args:
            left_s: Time left of the caller's deadline, seconds.

        Raises:
            UpstreamFailed: ``BUSY`` when no place came free in time or too many wait already,
                ``DEADLINE`` when the caller's time ran out first.
        """
        if self._places.locked():
            await self._wait(left_s)
        else:
            await self._places.acquire()
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._places.release()

    async def _wait(self, left_s: float) -> None:
        if self._waiting >= self._spec.max_waiting:
            raise self._busy(f"{self._waiting} calls wait already")
        self._waiting += 1
        try:
            async with asyncio.timeout(min(left_s, self._spec.max_wait_s)):
                await self._places.acquire()
        except TimeoutError as error:
            if left_s <= self._spec.max_wait_s:
                late = DeadlineExceeded(f"waited for a place at upstream {self._spec.name}")
                raise UpstreamFailed(Fault.DEADLINE, late) from error
            raise self._busy(f"no place came free in {self._spec.max_wait_s:g} s") from error
        finally:
            self._waiting -= 1

    def _busy(self, why: str) -> UpstreamFailed:
        name = self._spec.name
        return UpstreamFailed(Fault.BUSY, CapacityExhausted(f"upstream {name} is full: {why}"))
