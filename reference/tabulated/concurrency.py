"""Do many things with a bound on how many are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

__all__ = ["gather_some"]

T = TypeVar("T")


async def gather_some(makers: Sequence[Callable[[], Awaitable[T]]], limit: int) -> list[T]:
    """Return what the makers return, in their order; begun in order, ``limit`` at a time.

    Raises:
        BaseException: The first failure; what was under way is cancelled.
    """
    slots = asyncio.Semaphore(limit)

    async def one(maker: Callable[[], Awaitable[T]]) -> T:
        async with slots:
            return await maker()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(maker)) for maker in makers]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
