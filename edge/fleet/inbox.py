"""Orders that were offered and not begun with: the newest good one, which ends what is older."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from edge.fleet.boot import FleetHome
from edge.fleet.generations import Taken
from edge.fleet.intake import check_order
from edge.fleet.pointer import Pointer
from runtime.errors import Cancelled, LeewardError
from runtime.fleet.order import INSTALLED, verify_order

__all__ = ["Inbox"]

_RETRY_S: Final = 5.0
_logger: Final = logging.getLogger("leeward.edge.fleet")


class Inbox:
    """Takes offers in.

    Args:
        home: What the device keeps, and whom it believes.
        pointer: Says where the device stands.
    """

    def __init__(self, home: FleetHome, pointer: Callable[[], Pointer]) -> None:
        self._home = home
        self._pointer = pointer
        self._next: tuple[int, Taken] | None = None
        self._offered = asyncio.Event()
        """Set while an order waits that nobody has begun with."""
        self.refused = ""
        """Class name of what was wrong with the last offer; empty for a good one."""

    @property
    def is_waiting(self) -> bool:
        """Whether an order waits."""
        return self._offered.is_set()

    def offer(self, taken: Taken) -> None:
        """Look at an offer; a good one is carried out next, and interrupts what is under way."""
        pointer = self._pointer()
        try:
            order = verify_order(taken.order, self._home.signers)
            if order.number == pointer.taken:
                return  # offered again before the gateway has heard that it was taken
            check_order(order, pointer, target=self._home.target)
            if not taken.state and order.state != INSTALLED:
                # The gateway does not send again what runs here.
                running = self._home.generations.taken(pointer.good.order)
                taken = replace(taken, state=running.state)
        except LeewardError as error:
            # Its number cannot be believed, so it is not noted as taken.
            self.refused = type(error).__name__
            _logger.error("order_refused", extra={"error": self.refused})
            return
        self.refused = ""
        self._next = (order.number, taken)
        self._offered.set()

    async def next(self) -> tuple[int, Taken]:
        """Wait for the next order and take it out, with its number."""
        while True:
            await self._offered.wait()
            self._offered.clear()
            if self._next is not None:
                found, self._next = self._next, None
                return found

    async def until_here(self, fetch: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Fetch something again and again until it is here; a link that is down is waited for.

        Raises:
            Cancelled: A newer order has come.
            LeewardError: It cannot be had.
        """
        while True:
            try:
                await self._unless_offered(fetch())
            except LeewardError as error:
                if not error.retryable:
                    raise
                _logger.warning("not_fetched", extra={"error": type(error).__name__})
            else:
                return
            await self._unless_offered(asyncio.sleep(_RETRY_S))

    async def _unless_offered(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for ``work``, which a newer order ends."""
        working = asyncio.ensure_future(work)
        waiting = asyncio.ensure_future(self._offered.wait())
        try:
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Cancelled("a newer order has come")
            working.result()
        finally:
            waiting.cancel()
            working.cancel()
            await asyncio.gather(working, waiting, return_exceptions=True)
