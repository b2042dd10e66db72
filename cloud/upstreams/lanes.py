"""Connections to one provider, the last one used first: however many wait, one costs the same.

The SDK's own pool looks at every connection for every request and asks the system of each idle one
whether it is still open; with 64 idle ones that is a third of what a call costs, with a thousand
it is the whole gateway. Here every connection has a pool of its own, and the free ones a stack.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import httpx2

from runtime.clock import Clock

__all__ = ["Lanes"]


class _Free(NamedTuple):
    lane: httpx2.AsyncBaseTransport
    since_s: float


class Lanes(httpx2.AsyncBaseTransport):
    """A transport of transports, each of which carries one request at a time.

    How many there may be at once is the caller's to limit.

    Args:
        open_lane: Makes one more; it looks itself whether its connection is still good.
        keep_s: A lane that was free for longer is closed when another one becomes free.
        clock: Tells how long.
    """

    def __init__(
        self, open_lane: Callable[[], httpx2.AsyncBaseTransport], *, keep_s: float, clock: Clock
    ) -> None:
        self._open_lane = open_lane
        self._keep_s = keep_s
        self._clock = clock
        self._free: deque[_Free] = deque()  # the newest on the right
        self._is_closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request on the lane that became free last, or on a new one."""
        lane = self._free.pop().lane if self._free else self._open_lane()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            await self._give_back(lane)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - it is async
        response.stream = _Carried(response.stream, self, lane)
        return response

    async def aclose(self) -> None:
        """Close the free lanes now, and the others as their answers end."""
        self._is_closed = True
        while self._free:
            await self._free.pop().lane.aclose()

    async def _give_back(self, lane: httpx2.AsyncBaseTransport) -> None:
        if self._is_closed:
            await lane.aclose()
            return
        now_s = self._clock.monotonic_s()
        self._free.append(_Free(lane, now_s))
        while self._free[0].since_s < now_s - self._keep_s:
            await self._free.popleft().lane.aclose()


class _Carried(httpx2.AsyncByteStream):
    """An answer's body; its lane is free once it is closed."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, lanes: Lanes, lane: httpx2.AsyncBaseTransport
    ) -> None:
        self._stream = stream
        self._lanes = lanes
        self._lane: httpx2.AsyncBaseTransport | None = lane

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        lane, self._lane = self._lane, None
        if lane is None:
            return
        try:
            await self._stream.aclose()
        finally:
            await self._lanes._give_back(lane)  # noqa: SLF001 - a part of it
