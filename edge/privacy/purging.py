"""Delete expired originals now and then, for as long as the daemon serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from edge.privacy.releases import EdgeReleases

__all__ = ["purging"]

_PURGE_INTERVAL_S: Final = 3600.0


@asynccontextmanager
async def purging(releases: EdgeReleases) -> AsyncIterator[None]:
    """Delete expired originals for as long as the block lasts."""

    async def purge() -> None:
        while True:
            await releases.purge()
            await asyncio.sleep(_PURGE_INTERVAL_S)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(purge())
        try:
            yield
        finally:
            task.cancel()
