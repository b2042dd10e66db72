"""An asynchronous context manager that one task enters and another leaves."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Generic, Self, TypeVar

__all__ = ["Held"]

_Value = TypeVar("_Value")


class Held(Generic[_Value]):
    """Keeps a block open in a task of its own until :meth:`end`; made by :meth:`enter`."""

    def __init__(self, value: _Value, is_over: asyncio.Event, holding: asyncio.Task[None]) -> None:
        self.value = value
        self._is_over = is_over
        self._holding = holding

    @classmethod
    async def enter(cls, manager: AbstractAsyncContextManager[_Value]) -> Self:
        """Open a block; what that raises is raised here."""
        entered: asyncio.Future[_Value] = asyncio.get_running_loop().create_future()
        is_over = asyncio.Event()

        async def hold() -> None:
            try:
                async with manager as value:
                    entered.set_result(value)
                    await is_over.wait()
            except BaseException as error:
                if entered.done():
                    raise
                entered.set_exception(error)

        holding = asyncio.create_task(hold(), name="held")
        return cls(await entered, is_over, holding)

    async def end(self) -> None:
        """Leave the block, and wait until it is left; a second time does nothing more."""
        self._is_over.set()
        await self._holding
