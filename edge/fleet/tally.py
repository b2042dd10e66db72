"""Counts this device's runs, so that a new state can be judged by them. Content-free."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from edge.fleet.stage import Calls
from runtime import errors
from runtime.executor.events import Event

__all__ = ["RunTally"]

Observer = Callable[[str, AsyncGenerator[Event, None]], AsyncGenerator[Event, None]]
_NOT_OURS: Final = (
    errors.RequestInvalid,
    errors.NotFound,
    errors.Cancelled,
    errors.CapacityExhausted,
    errors.CloudAway,
    errors.UpstreamUnavailable,
    errors.BudgetExhausted,
    errors.StreamBroken,
)
"""Failures of callers, of the link and of the cloud: they say nothing about the device's state."""


class RunTally:
    """How many runs have ended, and how many of them failed for a reason of this device."""

    def __init__(self) -> None:
        self._ended = 0
        self._failed = 0

    @property
    def calls(self) -> Calls:
        """The counts since the daemon started."""
        return Calls(self._ended, self._failed)

    def counted(self, then: Observer) -> Observer:
        """Return an observer that counts each run and passes it on to ``then``."""

        async def observe(
            graph: str, events: AsyncGenerator[Event, None]
        ) -> AsyncGenerator[Event, None]:
            try:
                async with aclosing(then(graph, events)) as seen:
                    async for event in seen:
                        yield event
            except errors.LeewardError as error:
                if not isinstance(error, _NOT_OURS):
                    self._ended += 1
                    self._failed += 1
                raise
            self._ended += 1

        return observe
