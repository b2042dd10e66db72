"""The bounded pipe between a run's steps and the one reader of its events.

``asyncio.Queue`` has no end: a reader of one whose writers died waits for ever. This pipe is
closed by the run's task whatever way it ended, and closing needs no room.
"""

import asyncio
from collections import deque

from runtime.executor.events import Event

__all__ = ["EventChannel"]


class EventChannel:
    """Many writers, one reader, at most ``capacity`` events between them.

    Args:
        capacity: Events that may wait for the reader; writers beyond it wait themselves.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._writers: deque[asyncio.Future[None]] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._is_closed = False

    def put_nowait(self, event: Event) -> bool:
        """Hand an event over; ``False`` when there is no room."""
        if len(self._waiting) >= self._capacity:
            return False
        self._waiting.append(event)
        self._wake_reader()
        return True

    async def put(self, event: Event) -> None:
        """Hand an event over as soon as there is room."""
        while not self.put_nowait(event):
            room = asyncio.get_running_loop().create_future()
            self._writers.append(room)
            try:
                await room
            except asyncio.CancelledError:
                if room.done() and not room.cancelled():
                    self._wake_writer()  # pass the room on that this writer will not use
                raise

    async def get(self) -> Event | None:
        """Return the next event; ``None`` once the pipe is closed and empty."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        event = self._waiting.popleft()
        self._wake_writer()
        return event

    def close(self) -> None:
        """Say that no event follows."""
        self._is_closed = True
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        while self._writers:
            room = self._writers.popleft()
            if not room.done():
                room.set_result(None)
                return
