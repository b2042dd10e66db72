"""Calls that are being answered, for those who ask the same meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from cloud.cache.answer import KeptAnswer

__all__ = ["Flight", "Flights"]


class Flight:
    """One call on its way; ended whole, broken or given up."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._answer: KeptAnswer | None = None

    def land(self, answer: KeptAnswer) -> None:
        """Give those who wait this answer."""
        self._answer = answer
        self._ended.set()

    def end(self) -> None:
        """Let those who wait go on, without an answer unless there is one already."""
        self._ended.set()

    async def wait(self, timeout_s: float) -> KeptAnswer | None:
        """Wait until it has ended; return its answer, or ``None`` for one without, or too late."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            return None
        return self._answer


class Flights:
    """The calls on their way, by the name of their answer."""

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}

    def get(self, name: bytes) -> Flight | None:
        """Return the call that is on its way to an answer of that name."""
        return self._flights.get(name)

    @contextmanager
    def leading(self, name: bytes) -> Iterator[Flight]:
        """Be the one that others wait for, until the block ends."""
        flight = Flight()
        self._flights[name] = flight
        try:
            yield flight
        finally:
            if self._flights.get(name) is flight:
                del self._flights[name]
            flight.end()
