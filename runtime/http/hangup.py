"""Stop working for a caller that went away before its response began.

A response that streams is cancelled by Starlette; one that is still being made is not. Knows
ASGI's ``http.disconnect``; knows nothing of what is being made.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from runtime.errors import Cancelled

__all__ = ["unless_gone"]

_Result = TypeVar("_Result")


async def unless_gone(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return what ``work`` returns; cancel it when the caller hangs up.

    Args:
        request: Its body must have been read: whatever comes now is the end.
        work: What the caller waits for.

    Raises:
        Cancelled: The caller went away; ``work`` has ended.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_wait_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Cancelled("the caller went away")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait({working, leaving})


async def _wait_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
