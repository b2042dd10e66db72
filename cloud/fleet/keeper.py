"""Keeps rollouts going: decides about each now and then, on whichever gateway comes first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cloud.stores.rollouts import RolloutStore
from runtime.background import meanwhile
from runtime.clock import Clock
from runtime.errors import LeewardError

__all__ = ["keeping_rollouts"]

_INTERVAL_S: Final = 2.0
_logger: Final = logging.getLogger("leeward.cloud.fleet")


@asynccontextmanager
async def keeping_rollouts(
    store: RolloutStore, *, clock: Clock, interval_s: float = _INTERVAL_S
) -> AsyncIterator[None]:
    """Release waves, end and abort rollouts as their rules say, until the block ends.

    Several gateways may do so at once: what one has decided the others find decided.
    """

    async def keep() -> None:
        while True:
            try:
                if await store.has_running():
                    for record in await store.keep_going(clock.now()):
                        extra = {"status": record.status.value, "reason": record.reason}
                        _logger.info("rollout_changed", extra=extra | {"count": record.id})
            except LeewardError as error:
                _logger.warning("rollouts_not_kept", extra={"error": type(error).__name__})
            await asyncio.sleep(interval_s)

    async with meanwhile(keep):
        yield
