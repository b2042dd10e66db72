"""Work that goes on beside a block."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

__all__ = ["meanwhile"]


@asynccontextmanager
async def meanwhile(*works: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Do works that never end by themselves, for as long as the block lasts.

    A work that fails ends the block, with an exception group.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work()) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
