"""Calls of devices that run: no more than so many, and a revocation cuts them short.

A device is looked up when its call begins; a stream can go on for long after that. So the running
calls are looked through every second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Protocol

from runtime.errors import CapacityExhausted, LeewardError, NotPermitted
from runtime.ids import DeviceId

__all__ = ["OpenCall", "OpenCalls"]

_INTERVAL_S: Final = 1.0

_logger: Final = logging.getLogger("leeward.cloud.access")


class _Access(Protocol):
    async def may_call(self, device: DeviceId) -> bool: ...


class OpenCall:
    """A call that runs; what is inside the block ends with ``NotPermitted`` when it is cut.

    While a servicer hands an item over to gRPC, nothing may be thrown into it: gRPC would leave the
    caller without a status. :meth:`leave` and :meth:`back` go around each item.
    """

    def __init__(self, device: DeviceId) -> None:
        self.device = device
        self._task: asyncio.Task[object] | None = None
        self._cancels_before = 0
        self._is_away = False
        self._is_cut = False

    def leave(self) -> None:
        """Say that gRPC has the floor."""
        self._is_away = True

    def back(self) -> None:
        """Say that the servicer goes on.

        Raises:
            NotPermitted: The call was cut meanwhile.
        """
        self._is_away = False
        if self._is_cut:
            raise _revoked(self.device)

    def cut(self) -> None:
        """End the call."""
        if self._is_cut or self._task is None:
            return
        self._is_cut = True
        if not self._is_away:
            self._task.cancel()

    async def __aenter__(self) -> OpenCall:
        self._task = asyncio.current_task()
        self._cancels_before = self._task.cancelling() if self._task else 0
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is None or not self._is_cut or not isinstance(error, asyncio.CancelledError):
            return
        # Whoever else has cancelled the task, the caller's hanging up for one, still does.
        if self._task.uncancel() <= self._cancels_before:
            raise _revoked(self.device) from None


class OpenCalls:
    """All calls of devices that run.

    Args:
        access: Says which devices may call.
        at_most: How many may run at once. What a device does while nobody uses it (following the
            gateway's health, reports, renewals) is no call here.
        interval_s: How often it is asked which devices may call.
    """

    def __init__(self, access: _Access, *, at_most: int, interval_s: float = _INTERVAL_S) -> None:
        self._access = access
        self._at_most = at_most
        self._interval_s = interval_s
        self._count = 0
        self._open: dict[DeviceId, set[OpenCall]] = {}

    @asynccontextmanager
    async def guarding(self, device: DeviceId) -> AsyncIterator[OpenCall]:
        """Cut what the block does as soon as the device may not call any more.

        Raises:
            CapacityExhausted: So many run already.
            NotPermitted: It was cut.
        """
        if self._count >= self._at_most:
            raise CapacityExhausted(f"{self._at_most} calls of devices run already (max_streams)")
        self._count += 1
        call = OpenCall(device)
        calls = self._open.setdefault(device, set())
        calls.add(call)
        try:
            async with call:
                yield call
        finally:
            self._count -= 1
            calls.discard(call)
            if not calls and self._open.get(device) is calls:
                del self._open[device]

    async def watch(self) -> None:
        """Look through the running calls for ever."""
        while True:
            await asyncio.sleep(self._interval_s)
            for device in tuple(self._open):
                await self._look_at(device)

    async def _look_at(self, device: DeviceId) -> None:
        try:
            may_call = await self._access.may_call(device)
        except LeewardError:
            return  # nobody can say; calls that were admitted go on
        if may_call:
            return
        calls = tuple(self._open.get(device, ()))
        for call in calls:
            call.cut()
        _logger.warning("calls_cut", extra={"device": device, "count": len(calls)})


def _revoked(device: DeviceId) -> NotPermitted:
    return NotPermitted(f"device {device} was revoked while its call ran")
