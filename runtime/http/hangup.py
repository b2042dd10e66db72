"""Stop working for a caller that went away.

Knows ASGI's ``http.disconnect``; knows nothing of what is being made.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive

from runtime.errors import Cancelled

__all__ = ["cancelled_when_gone", "unless_gone"]

_Result = TypeVar("_Result")


def _never() -> bool:
    return False


@asynccontextmanager
async def cancelled_when_gone(
    receive: Receive, *, is_answered: Callable[[], bool] = _never
) -> AsyncIterator[None]:
    """Cancel the enclosed block when the caller hangs up.

    Args:
        receive: The request's body must have been read: whatever comes now is the end.
        is_answered: Whether the whole answer was sent. What ASGI then reports is not that the
            caller left, and what is left to do is done in peace.

    Raises:
        Cancelled: The caller went away; the block has ended.
    """
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 - an async function runs in a task
    before = working.cancelling()
    is_gone = False

    async def leave() -> None:
        nonlocal is_gone
        await _wait_gone(receive)
        if not is_answered():
            is_gone = True
            working.cancel()

    leaving = asyncio.create_task(leave())
    try:
        yield
    except asyncio.CancelledError:
        # As ``asyncio.timeout`` does: a cancellation from elsewhere is not taken for ours.
        if is_gone and working.cancelling() - 1 <= before:
            raise Cancelled("the caller went away") from None
        raise
    finally:
        leaving.cancel()
        if is_gone:
            working.uncancel()


async def unless_gone(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return what ``work`` returns; cancel it when the caller hangs up.

    Args:
        request: Its body must have been read: whatever comes now is the end.
        work: What the caller waits for.

    Raises:
        Cancelled: The caller went away; ``work`` has ended.
    """
    async with cancelled_when_gone(request.receive):
        return await work


async def _wait_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
